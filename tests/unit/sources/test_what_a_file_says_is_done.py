"""Whatever way of paging a file may name, there is a class that does it."""

from __future__ import annotations

import pytest

from datasync_spider.sources.files.load import read_source
from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.sources.paginators.protocol import Ask

FILE = """
[source]
name = "some"
base_url = "https://api.example.com"
[streams.records]
url = "/records"
query = { limit = "{page_size}" }
page_size = { default = 10, max = 100 }
records = "data"
id = "id"
order = "newest-first"
next = {next}
end = ["no-next"]
"""


@pytest.mark.parametrize(
    ("next_", "kind", "asks"),
    [
        ('{ from = "body:next", to = "query:c" }', "CursorPaginator", Ask(query=(("c", "/7"),))),
        ('{ from = ["body:a", "body:b"], to = "query:c", keep = "all" }', "CursorPaginator", Ask(query=(("c", "/7"),))),
        (
            '{ from = "header:X-N", to = "query:c", keep = "none" }',
            "CursorPaginator",
            Ask(query=(("c", "/7"),), keep=()),
        ),
        ('{ from = "body:next", to = "url" }', "UrlPaginator", Ask(url="/7")),
        ('{ from = "header:X-N", to = "url" }', "UrlPaginator", Ask(url="/7")),
        ('{ from = "link:next", to = "url" }', "UrlPaginator", Ask(url="/7")),
        ('{ from = "link:next", to = "url", keep = "none" }', "UrlPaginator", Ask(url="/7")),
        ('{ from = "counter:offset", to = "query:o" }', "OffsetPaginator", Ask(query=(("o", "0"),))),
        ('{ from = "counter:offset", to = "query:o", first = 1 }', "OffsetPaginator", Ask(query=(("o", "1"),))),
    ],
)
def test_what_a_file_may_say_is_done(next_: str, kind: str, asks: Ask) -> None:
    end = 'end = ["empty"]' if "counter" in next_ else 'end = ["no-next"]'
    text = FILE.replace("{next}", next_).replace('end = ["no-next"]', end)
    made = paginator(read_source(text, "some.toml").streams["records"].next)
    assert type(made).__name__ == kind
    assert made.ask(None if "counter" in next_ else "/7") == asks
