"""How tokens are kept is said of the sources that have any to keep."""

from __future__ import annotations

from datasync_spider.ops.doctor.finding import Level
from datasync_spider.ops.doctor.keptokens import check_tokens
from datasync_spider.sources.oauth import Grant

URL = "https://id.example/token"


def test_plain_tokens_are_a_warning_and_encrypted_ones_are_fine() -> None:
    refresh = Grant("refresh", URL, refresh_token="hunter2")
    (plain,) = check_tokens(refresh, is_sealed=False)
    assert plain.level is Level.WARNING
    assert "TOKEN_ENCRYPTION_KEY" in (plain.remedy or "")
    (sealed,) = check_tokens(refresh, is_sealed=True)
    assert sealed.level is Level.OK
    assert "hunter2" not in str((plain, sealed))


def test_nothing_is_said_where_nothing_is_stored() -> None:
    assert check_tokens(None, is_sealed=False) == []
    assert check_tokens(Grant("client-credentials", URL), is_sealed=False) == []
