"""One file with a stream for each of the mock's styles of paging."""

from __future__ import annotations

_STREAM = """
[streams.{name}]
page_size = 20
id = "node_id"
time = "updated_at"
order = "newest-first"
url = "/styles/{name}/records"
{lines}
"""
_LINES = {
    "numbered": """
query = { per_page = "{page_size}" }
records = "items"
next = { from = "counter:page", to = "query:page" }
end = ["short"]
""",
    "searched": """
method = "POST"
body = { json = { size = "{page_size}", filter = "{ all }" } }
records = "results"
next = { from = "body:paging.next.after", to = "body:paging.after" }
end = ["flag:has_more=false"]
incremental = { type = "known" }
""",
    "after": """
query = { limit = "{page_size}" }
records = "data"
next = { from = "last:id", to = "query:starting_after" }
end = ["flag:has_more=false"]
""",
    "sorted": """
method = "POST"
body = { json = { size = "{page_size}" } }
records = "hits"
next = { from = "last:sort", to = "body:search_after" }
end = ["empty"]
""",
    "continued": """
query = { limit = "{page_size}" }
records = "records"
next = { from = "object:continue" }
end = ["no-next"]
""",
    "tabled": """
query = { top = "{page_size}" }
records = "value"
end = ["no-next"]
[streams.tabled.next]
from = ["header:x-ms-continuation-NextPartitionKey", "header:x-ms-continuation-NextRowKey"]
to = ["query:NextPartitionKey", "query:NextRowKey"]
""",
    "marked": """
query = { rows = "{page_size}" }
records = "docs"
next = { from = "body:nextCursorMark", to = "query:cursorMark", first = "*" }
end = ["repeat"]
""",
    "drained": """
query = { limit = "{page_size}" }
records = "events"
next = { from = "header:X-Drain-Next", to = "header:X-Drain-Token" }
end = ["status:204"]
""",
}
NAMES = tuple(_LINES)
_SOURCE = """
[source]
name = "styles"
base_url = "BASE_URL"
"""
_TEXT = _SOURCE + "".join(_STREAM.format(name=name, lines=lines) for name, lines in _LINES.items())
STYLES = _TEXT.replace("{", "{{").replace("}", "}}").replace("BASE_URL", "{base_url}")
"""``STYLES.format(base_url=…)`` is the file."""
