"""A body is counted and hashed as it arrives, in whatever pieces."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_api.upload import Upload


@given(st.lists(st.text(" ab\n\r\t", max_size=8).map(str.encode), max_size=12))
def test_the_pieces_do_not_matter(pieces: list[bytes]) -> None:
    upload = Upload()
    for piece in pieces:
        upload.write(piece)
    whole = b"".join(pieces)
    assert upload.id_count == sum(1 for line in whole.split(b"\n") if line.strip())
    assert upload.sha256 == sha256(whole).hexdigest()
    assert upload.size == len(whole)
    assert upload.content() == whole
    upload.close()


def test_a_large_text_is_not_kept() -> None:
    upload = Upload()
    for _ in range(3):
        upload.write(b"x" * 500_000 + b"\n")
    assert upload.id_count == 3
    with pytest.raises(ValueError, match="Content-Type"):
        upload.content()
    upload.close()


def test_a_large_json_body_is_kept() -> None:
    upload = Upload(is_json=True)
    for _ in range(3):
        upload.write(b"x" * 500_000)
    assert len(upload.content()) == 1_500_000
    upload.close()
