"""Waits that an API has asked for, as if an earlier version had kept them with the slice."""

from __future__ import annotations

from tests.support.database import execute_outside


def keep_wait(url: str, until: str, column: str = "closed_until", slice_id: int = 1) -> None:
    """``until``: an SQL expression. No run of the slice has been seen since, so no one knows for which key it is."""
    keeper = f"slice:{slice_id}"
    execute_outside(
        url,
        f"""
        INSERT INTO ingestion_credentials (fingerprint, {column}) VALUES ('{keeper}', {until});
        UPDATE ingestion_state SET credential_id = (
            SELECT credential_id FROM ingestion_credentials WHERE fingerprint = '{keeper}'
        ) WHERE id = {slice_id};
        """,
    )
