"""Takes in a request's body as it arrives, however large.

The invariant: ids are counted and hashed chunk by chunk, and memory stays bounded: only a small body, or one that is
JSON and cannot be read in pieces, is kept (a large one on disk).
"""

from hashlib import sha256
from tempfile import SpooledTemporaryFile

_KEPT_IN_MEMORY = 1_000_000


class IdCounter:
    """Counts the lines that are not blank."""

    def __init__(self) -> None:
        self._complete_lines = 0
        self._line_has_text = False

    @property
    def count(self) -> int:
        """The lines so far, with one that has only begun."""
        return self._complete_lines + self._line_has_text

    def feed(self, data: bytes) -> None:
        """Count on in the next piece."""
        first, *lines = data.split(b"\n")
        self._line_has_text = self._line_has_text or bool(first.strip())
        if lines:
            last = lines.pop()
            self._complete_lines += self._line_has_text + sum(map(bool, map(bytes.strip, lines)))
            self._line_has_text = bool(last.strip())


class Upload:
    """One body."""

    def __init__(self, *, is_json: bool = False) -> None:
        self.is_json = is_json
        self.size = 0
        self._hash = sha256()
        self._ids = IdCounter()
        # Made for the first byte: most requests have no body.
        self._kept: SpooledTemporaryFile[bytes] | None = None

    @property
    def id_count(self) -> int:
        """Lines that are not blank."""
        return self._ids.count

    @property
    def sha256(self) -> str:
        """The hash of the whole body."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Take in the next piece."""
        self.size += len(data)
        self._hash.update(data)
        if self.is_json or self.size <= _KEPT_IN_MEMORY:
            if self._kept is None:
                self._kept = SpooledTemporaryFile(_KEPT_IN_MEMORY)  # noqa: SIM115 - closed by close
            self._kept.write(data)
        self._ids.feed(data)

    def content(self) -> bytes:
        """The whole body, if it was kept."""
        if not self.is_json and self.size > _KEPT_IN_MEMORY:
            raise ValueError("a body of this size is only read as JSON when its Content-Type says so")
        if self._kept is None:
            return b""
        self._kept.seek(0)
        return self._kept.read()

    def close(self) -> None:
        """Let go of what was kept."""
        if self._kept is not None:
            self._kept.close()
