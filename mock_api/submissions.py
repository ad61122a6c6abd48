"""`POST submissions` and `GET submissions`: takes in ids, a few times per key.

The invariant: every attempt that arrives whole uses up one of the key's attempts before it is judged, so a malformed
one and one whose answer gets lost are gone as well; an attempt beyond the quota is refused and recorded nowhere.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from mock_api.calls import Call
from mock_api.faultplan import FaultPlan
from mock_api.limits import RateLimits
from mock_api.mishaps import answer_instead, mark_delivery
from mock_api.replies import Reply, error_reply, json_reply
from mock_api.upload import IdCounter

_PIECE = 1_000_000


@dataclass(slots=True)
class _Account:
    """One key's submissions."""

    first_seen_ms: float
    attempts: int = 0
    accepted: list[dict[str, Any]] = field(default_factory=list)


class Submissions:
    """The submissions of all keys."""

    def __init__(self, quota: int, plan: FaultPlan, limits: RateLimits) -> None:
        self._quota = quota
        self._plan = plan
        self._limits = limits
        self._accounts: dict[str, _Account] = {}

    def seen(self, call: Call) -> None:
        """Start the key's clock with its first request of any kind."""
        self._account(call)

    def submit(self, call: Call) -> Reply:
        """Take in one attempt."""
        account = self._account(call)
        if account.attempts >= self._quota:
            return error_reply(403, "Forbidden", "No submissions remain for this key", "SUBMISSION_LIMIT_EXCEEDED")
        account.attempts += 1
        reply = self._judge(call, account)
        faults = self._plan.pick("submissions")
        reply = answer_instead(faults, self._limits, call.moment) or reply
        mark_delivery(reply, faults)
        return reply

    def listed(self, call: Call) -> Reply:
        """The key's accepted submissions."""
        account = self._account(call)
        left = self._quota - account.attempts
        return json_reply({"success": True, "data": account.accepted, "remainingSubmissions": left})

    def _account(self, call: Call) -> _Account:
        return self._accounts.setdefault(call.key_or_none, _Account(call.moment.monotonic_ms))

    def _judge(self, call: Call, account: _Account) -> Reply:
        try:
            repository, count = _read(call)
        except ValueError as exc:
            return error_reply(400, "Bad Request", str(exc), "INVALID_SUBMISSION")
        taken_ms = round(call.moment.monotonic_ms - account.first_seen_ms)
        receipt: dict[str, Any] = {
            "submissionId": str(uuid4()),
            "eventCount": count,
            "githubRepoUrl": repository,
            "submittedAt": _iso(call.moment.epoch_ms),
            "timeToSubmit": {"ms": taken_ms, "formatted": f"{taken_ms // 60_000}m {taken_ms // 1_000 % 60}s"},
            "submissionNumber": account.attempts,
            "remainingSubmissions": self._quota - account.attempts,
        }
        account.accepted.append({**receipt, "bodySha256": call.upload.sha256, "bodyBytes": call.upload.size})
        return json_reply({"success": True, "data": receipt, "message": f"Successfully submitted {count} event IDs"})


def _read(call: Call) -> tuple[str, int]:
    """The repository and the number of ids, or ValueError with the reason."""
    if call.upload.is_json:
        repository, count = _read_json(call.upload.content())
        repository = repository or call.params.get("github_repo", "")
    else:
        repository, count = call.params.get("github_repo", ""), call.upload.id_count
    if not repository.startswith("https://github.com/"):
        raise ValueError("github_repo must be the URL of a GitHub repository")
    if not count:
        raise ValueError("The body holds no event ids")
    return repository, count


def _read_json(body: bytes) -> tuple[str, int]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise ValueError("The body is not valid JSON") from exc
    if not isinstance(content, dict) or not isinstance(content.get("ids"), str):
        raise ValueError("The body must be an object whose ids are one string")
    ids, counter = content["ids"], IdCounter()
    # In pieces: three million lines as a list would take more memory than the body itself.
    for start in range(0, len(ids), _PIECE):
        counter.feed(ids[start : start + _PIECE].encode(errors="surrogatepass"))
    return str(content.get("githubRepoUrl") or ""), counter.count


def _iso(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
