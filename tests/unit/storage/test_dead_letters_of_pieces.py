"""Dead letters of what was no record, such as a wrapper without one: none is read as a record."""

from __future__ import annotations

from hashlib import sha256

from datasync_spider.records.event import Event, RejectedEvent
from datasync_spider.storage.deadletters import DeadLetter, read_ids
from tests.unit.records.shapedreaders import reader

WRAPPED = reader({"path": "data", "shape": "wrapped:node"})


def entry(reason: str, raw: bytes) -> DeadLetter:
    return DeadLetter(1, reason, raw, sha256(raw).digest(), replayed=False)


def test_a_piece_that_looks_like_a_record_stays_what_it_is() -> None:
    raw = b'{"id":"a","at":1700000000}'

    piece = entry("not_wrapped", raw).read_again(WRAPPED)
    record = entry("refused_by_postgresql_22003", raw).read_again(WRAPPED)

    assert isinstance(piece, RejectedEvent)
    assert (piece.reason, piece.raw, piece.event_id) == ("not_wrapped", raw, None)
    assert isinstance(record, Event)
    assert record.event_id == "a"
    assert read_ids([entry("not_wrapped", raw), entry("no_id", b'{"id":"b"}')], WRAPPED) == ["b"]
