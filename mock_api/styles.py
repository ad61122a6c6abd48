"""The ways in which APIs page, one page function each: `/styles/NAME/records`, all over the same linked records.

The invariant: a token names the age of the next record, so a collection that grows moves no one; what a client has not
been given, or gives back changed, is refused.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from mock_api.calls import Call
from mock_api.records import Records, link_record
from mock_api.replies import Reply, error_reply, json_reply

MAX_RECORDS = 100
_DEFAULT_SIZE = 20


class BadTokenError(Exception):
    """A token or number that this API has not given."""


def styled(records: Records, name: str, call: Call) -> Reply:
    """A page in the style of that name."""
    try:
        return _STYLES[name](records, call)
    except BadTokenError:
        return error_reply(400, "Bad Request", "the page that is asked for is none", "BAD_PAGE")


def style_of(path: str) -> str:
    """The style that a path ends with: `/styles/NAME/records`."""
    return path.split("/")[-2]


def is_style(method: str, name: str) -> bool:
    """Whether there is one that is asked by this method."""
    return name in _STYLES and method == ("POST" if name in _POSTED else "GET")


def _numbered(records: Records, call: Call) -> Reply:
    """Pages by number from 1, without a word on whether there are more."""
    size, page = _number(call.params.get("per_page"), _DEFAULT_SIZE), _number(call.params.get("page"), 1)
    if page < 1:
        raise BadTokenError
    ages = records.ages((page - 1) * size, size)
    return _page(records, ages, {}, "items", page=page)


def _searched(records: Records, call: Call) -> Reply:
    """As Notion and HubSpot: a search by POST, whose cursor goes from body to body."""
    asked = _body(call)
    size, cursor = asked.get("size", _DEFAULT_SIZE), asked.get("paging", {}).get("after")
    if not isinstance(size, int) or asked.get("filter") != "{ all }":
        raise BadTokenError
    ages = _from(records, _age(cursor, "s:", records), size)
    following = _next(ages)
    more = {"has_more": following is not None, "paging": {"next": {"after": following and f"s:{following}"}}}
    return _page(records, ages, {}, "results", **more)


def _after(records: Records, call: Call) -> Reply:
    """As Stripe: behind the record of that id, and a flag."""
    after = call.params.get("starting_after")
    first = records.total - 1 if after is None else _number(after, 0) - 2
    ages = _from(records, first, _number(call.params.get("limit"), _DEFAULT_SIZE))
    return _page(records, ages, {}, "data", has_more=_next(ages) is not None)


def _sorted(records: Records, call: Call) -> Reply:
    """As Elasticsearch: behind a list of sort values, a fraction and a large number; an empty page at the end."""
    asked = _body(call)
    key = asked.get("search_after")
    if key is not None and (not isinstance(key, list) or key != _sort_key(key[-1])):
        raise BadTokenError
    first = records.total - 1 if key is None else key[-1] - _LARGE - 1
    ages = _from(records, first, _number(str(asked.get("size", _DEFAULT_SIZE)), 0))
    hits = [{**link_record(records.seed, age), "sort": _sort_key(_LARGE + age)} for age in ages]
    # As a fraction with a zero at its end, which few keep.
    return Reply(200, json.dumps({"hits": hits}).replace('"1.10"', "1.10").encode(), served=len(ages))


def _continued(records: Records, call: Call) -> Reply:
    """As MediaWiki: what is to be merged into the query."""
    if (call.params.get("continue") is None) is not (call.params.get("from") is None):
        raise BadTokenError
    ages = _from(records, _age(call.params.get("from"), "", records), _number(call.params.get("limit"), _DEFAULT_SIZE))
    following = _next(ages)
    more = {} if following is None else {"continue": {"from": following, "continue": "-||"}}
    return _page(records, ages, {}, "records", **more)


def _tabled(records: Records, call: Call) -> Reply:
    """As Azure's tables: two headers, of which one is missing where a partition begins."""
    partition, row = call.params.get("NextPartitionKey"), call.params.get("NextRowKey")
    if partition is None:
        first = records.total - 1
    else:
        first = _number(partition, 0) * 100 + (99 if row is None else _number(row, 0))
    ages = _from(records, first, _number(call.params.get("top"), _DEFAULT_SIZE))
    following = _next(ages)
    headers = {}
    if following is not None:
        headers["x-ms-continuation-NextPartitionKey"] = str(following // 100)
        if following % 100 != 99:
            headers["x-ms-continuation-NextRowKey"] = str(following % 100)
    return _page(records, ages, headers, "value")


def _marked(records: Records, call: Call) -> Reply:
    """As Solr: a star first, and at the end the mark that was asked for."""
    mark = call.params.get("cursorMark")
    ages = _from(
        records,
        records.total - 1 if mark == "*" else _age(mark or "", "m+", records),
        _number(call.params.get("rows"), _DEFAULT_SIZE),
    )
    return _page(records, ages, {}, "docs", nextCursorMark=f"m+{ages[-1] - 1}" if ages else mark)


def _drained(records: Records, call: Call) -> Reply:
    """A token that always leads on, until there is no content."""
    ages = _from(records, _age(call.token, "d:", records), _number(call.params.get("limit"), _DEFAULT_SIZE))
    if not ages:
        return Reply(204, b"")
    return _page(records, ages, {"X-Drain-Next": f"d:{ages[-1] - 1}"}, "events")


_STYLES: Mapping[str, Callable[[Records, Call], Reply]] = {
    "numbered": _numbered,
    "searched": _searched,
    "after": _after,
    "sorted": _sorted,
    "continued": _continued,
    "tabled": _tabled,
    "marked": _marked,
    "drained": _drained,
}
_POSTED = ("searched", "sorted")
# Beyond what a float distinguishes from its neighbours.
_LARGE = 12_345_678_901_234_567_000


def _page(records: Records, ages: range, headers: Mapping[str, str], name: str, **more: Any) -> Reply:
    reply = json_reply({**more, name: [link_record(records.seed, age) for age in ages]})
    reply.headers += headers.items()
    reply.served = len(ages)
    return reply


def _from(records: Records, age: int, size: int) -> range:
    if not 1 <= size <= MAX_RECORDS or age >= records.total:
        raise BadTokenError
    return range(age, max(age - size, -1), -1)


def _next(ages: range) -> int | None:
    return ages[-1] - 1 if ages and ages[-1] > 0 else None


def _sort_key(number: int) -> list[Any]:
    return ["1.10", number]


def _age(token: str | None, prefix: str, records: Records) -> int:
    """None is the newest; behind the oldest is -1."""
    if token is None:
        return records.total - 1
    if not token.startswith(prefix):
        raise BadTokenError
    digits = token.removeprefix(prefix)
    return -1 if digits == "-1" else _number(digits, 0)


def _number(text: str | None, default: int) -> int:
    if text is None:
        return default
    if len(text) > 15 or not text.isascii() or not text.isdigit():
        raise BadTokenError
    return int(text)


def _body(call: Call) -> Any:
    """JSON, with fractions as the texts that they are."""
    if not call.upload.is_json:
        raise BadTokenError
    try:
        asked = json.loads(call.upload.content(), parse_float=str)
    except ValueError:
        raise BadTokenError from None
    if not isinstance(asked, dict):
        raise BadTokenError
    return asked
