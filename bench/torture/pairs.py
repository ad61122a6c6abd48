"""What is played side by side, with feeds of equal ids: two streams with tables of their own, or two slices of one."""

from __future__ import annotations

from bench.torture.oracle import EVENTS, Stream

PAIRS = {
    "streams": (EVENTS, Stream("other", edition=1)),
    "slices": (Stream("orders", '{"tenant":"a"}'), Stream("orders", '{"tenant":"b"}', edition=1)),
}
