"""How the tokens of a source are kept."""

from __future__ import annotations

from datasync_spider.ops.doctor.finding import Finding, fine, warning
from datasync_spider.sources.oauth import Grant

PART = "tokens"


def check_tokens(grant: Grant | None, *, is_sealed: bool) -> list[Finding]:
    """Nothing of a source whose tokens are stored nowhere."""
    if grant is None or grant.kind != "refresh":
        return []
    if is_sealed:
        return [fine(PART, "refresh tokens are stored encrypted, by TOKEN_ENCRYPTION_KEY")]
    text = "refresh tokens are stored in ingestion_tokens as they are: who reads that table can use them"
    return [warning(PART, text, "set TOKEN_ENCRYPTION_KEY to what openssl rand -base64 32 prints")]
