"""The words of which events are made: types with their shares, properties, devices and browsers.

Everything here is constant JSON text. None of it may contain the text that begins an event, since events are found
again in a block by that beginning.
"""

TYPE_COUNTS: dict[bytes, int] = {
    b"page_view": 1_050_459,
    b"click": 749_415,
    b"api_call": 300_487,
    b"form_submit": 299_557,
    b"scroll": 150_594,
    b"purchase": 150_087,
    b"error": 149_884,
    b"video_play": 149_517,
}
"""How often each type occurs among 3,000,000 events."""

_PAGES = ("/home", "/pricing", "/docs", "/blog", "/about", "/signup", "/checkout", "/settings")

# Some values are here to be damaged by a careless client: integers beyond 2^53, decimals longer than a double holds,
# characters outside ASCII (as UTF-8 and as escapes), numbers whose text changes when they are parsed and written again.
PROPERTIES: dict[bytes, tuple[str, ...]] = {
    b"page_view": tuple(f'{{"page":"{page}"}}' for page in _PAGES),
    b"click": tuple(f'{{"element":"{what}"}}' for what in ("buy", "menu", "link-7", "search")),
    b"api_call": tuple(
        f'{{"path":"/{what}","status":{status}}}'
        for what in ("orders", "users", "search")
        for status in (200, 200, 201, 404)
    ),
    b"form_submit": tuple(f'{{"form":"{form}"}}' for form in ("login", "signup", "contact")),
    b"scroll": tuple(f'{{"depth":{depth}}}' for depth in (10, 25, 50, 75, 90, 100)),
    b"purchase": (
        '{"amount":129.90,"currency":"EUR"}',
        '{"amount":1e2,"currency":"USD"}',
        '{"amount":0.1000000000000000055511151231257827}',
        '{"orderNumber":9007199254740993,"amount":5}',
        '{"amount":-0.00,"currency":"GBP"}',
    ),
    b"error": (
        '{"code":"E_TIMEOUT","page":"/checkout"}',
        '{"message":"caf\u00e9 \u65e5\u672c\u8a9e \U0001f600"}',
        '{"message":"tab\\tquote\\"slash\\/"}',
        '{"message":"caf\\u00e9 \\ud83d\\ude00"}',
        '{"message":null,"fatal":false}',
    ),
    b"video_play": tuple(f'{{"videoId":"v-{n}","seconds":{n * 3}}}' for n in range(101, 117)),
}

DEVICES = (b"desktop", b"mobile", b"tablet")
BROWSERS = (b"Chrome", b"Safari", b"Firefox", b"Edge")
