"""Writes many UUID v4 strings at once.

The invariant: row i is the UUID whose bytes are the i-th byte of each of the sixteen columns, with the version and
variant digits set. Whole columns are written by strided slices, so a row costs tens of nanoseconds; there is no loop
over rows here and none belongs here.
"""

from collections.abc import Sequence

UUID_BYTES = 16
UUID_CHARACTERS = 36

_BLANK = b"00000000-0000-4000-8000-000000000000"
_DIGITS = [position for position, character in enumerate(_BLANK) if character != ord("-")]
_VERSION_DIGIT = 14
_VARIANT_DIGIT = 19
_TO_VARIANT = bytes.maketrans(b"0123456789abcdef", b"89ab" * 4)


def uuid_rows(columns: Sequence[bytes], prefix: bytes = b"") -> bytes:
    """Rows of `prefix` and a UUID each, without separators, from sixteen equally long columns of bytes."""
    width = len(prefix) + UUID_CHARACTERS
    rows = bytearray((prefix + _BLANK) * len(columns[0]))
    for index, column in enumerate(columns):
        digits = column.hex().encode()
        for half in (0, 1):
            position = _DIGITS[2 * index + half]
            if position == _VERSION_DIGIT:
                continue
            written = digits[half::2]
            if position == _VARIANT_DIGIT:
                written = written.translate(_TO_VARIANT)
            rows[len(prefix) + position :: width] = written
    return bytes(rows)


def split_rows(rows: bytes, width: int) -> list[bytes]:
    """The rows as a list."""
    return [rows[start : start + width] for start in range(0, len(rows), width)]


def columns_of(data: bytes, length: int) -> list[bytes]:
    """`data` cut into columns of `length` bytes."""
    return split_rows(data, length)
