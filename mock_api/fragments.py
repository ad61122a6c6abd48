"""The pieces of event text that many events share, prepared once for a seed.

An event is a handful of such pieces and three of its own (id, name, time). The invariant: a piece depends on the seed
and its index alone. Of the 60,000 sessions, 256 are active at a time, as in life; that also keeps the pieces of a block
in the processor's cache, which matters more than anything else done here.
"""

from dataclasses import dataclass
from hashlib import shake_128
from itertools import accumulate, cycle, islice

from mock_api.uuids import UUID_BYTES, UUID_CHARACTERS, columns_of, split_rows, uuid_rows
from mock_api.vocabulary import BROWSERS, DEVICES, PROPERTIES, TYPE_COUNTS

SESSIONS = 60_000
USERS = 3_000
CHOICES = 65_536
ACTIVE_SESSIONS = 256


@dataclass(frozen=True, slots=True)
class Fragments:
    """Tables of text, in the order in which an event contains them."""

    owner: list[bytes]
    """By session, from after the id to before the type: `sessionId` and `userId`."""
    kind: list[bytes]
    """By sixteen random bits: `type`, up to the part of the name that differs."""
    properties: list[bytes]
    """By the same bits as `kind`, from the end of the name up to the timestamp's value."""
    session: list[bytes]
    """By session, from after the timestamp to the comma that follows the event."""

    def active_in(self, period: int) -> tuple[list[bytes], list[bytes]]:
        """`owner` and `session` of the sessions that are active in a period."""
        first = period * ACTIVE_SESSIONS % SESSIONS
        active = slice(first, first + ACTIVE_SESSIONS)
        return self.owner[active], self.session[active]


def build_fragments(seed: int) -> Fragments:
    """The tables for a seed."""
    sessions = _uuids(f"sessions:{seed}", SESSIONS)
    users = _uuids(f"users:{seed}", USERS)
    owners = [
        b'","sessionId":"%b","userId":"%b",' % pair
        for pair in zip(sessions, islice(cycle(users), SESSIONS), strict=True)
    ]
    looks = [b'","deviceType":"%b","browser":"%b"}},' % (device, browser) for device in DEVICES for browser in BROWSERS]
    ends = [b',"session":{"id":"%b%b' % pair for pair in zip(sessions, islice(cycle(looks), SESSIONS), strict=True)]
    kinds, properties = _kinds()
    # The first sessions follow the last once more, so that a period's sessions are always a slice.
    return Fragments(owners + owners[:ACTIVE_SESSIONS], kinds, properties, ends + ends[:ACTIVE_SESSIONS])


def _uuids(label: str, count: int) -> list[bytes]:
    columns = columns_of(shake_128(label.encode()).digest(UUID_BYTES * count), count)
    return split_rows(uuid_rows(columns), UUID_CHARACTERS)


def _kinds() -> tuple[list[bytes], list[bytes]]:
    total = sum(TYPE_COUNTS.values())
    kinds: list[bytes] = []
    properties: list[bytes] = []
    for kind, passed in zip(TYPE_COUNTS, accumulate(TYPE_COUNTS.values()), strict=True):
        share = round(passed * CHOICES / total) - len(kinds)
        variants = [b'","properties":%b,"timestamp":' % text.encode() for text in PROPERTIES[kind]]
        kinds += [b'"type":"%b","name":"event_' % kind] * share
        properties += islice(cycle(variants), share)
    return kinds, properties
