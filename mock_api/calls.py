"""What a request says, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mock_api.upload import Upload


class Moment(NamedTuple):
    """One instant on both clocks: expiry is reported in the epoch's time, windows need one that never jumps."""

    epoch_ms: int
    monotonic_ms: float


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    moment: Moment
    params: dict[str, str] = field(default_factory=dict)
    """The query, the last of equal names."""
    target: str = ""
    """Path and query as they were sent."""
    api_key: str | None = None
    user_agent: str | None = None
    token: str | None = None
    """The header `X-Drain-Token`."""
    host: str | None = None
    """As the client calls the server."""
    fields: Mapping[bytes, str] = field(default_factory=dict)
    """All header fields, by name in small letters."""
    upload: Upload = field(default_factory=Upload)

    @property
    def key_or_none(self) -> str:
        """The key by which quotas are kept; callers without a key share one."""
        return self.api_key or ""
