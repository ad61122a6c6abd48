"""The text of ids: what is written, counted and hashed is one and the same."""

from __future__ import annotations

import io
import os
from hashlib import sha256
from pathlib import Path

import pytest

from datasync_spider.datasync.submission.files import scratch, written_whole
from datasync_spider.datasync.submission.idtext import write_ids
from datasync_spider.datasync.submission.refusal import SubmissionRefused


def test_ids_are_separated_by_line_feeds_and_none_follows_the_last() -> None:
    sink = io.BytesIO()
    text = write_ids([["a", "b"], ["ü"]], sink)
    assert sink.getvalue() == "a\nb\nü".encode()
    assert text.count == 3
    assert text.size == len(sink.getvalue())
    assert text.sha256 == sha256(sink.getvalue()).hexdigest()


def test_no_ids_are_no_bytes() -> None:
    sink = io.BytesIO()
    assert (write_ids([], sink).count, sink.getvalue()) == (0, b"")


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("old")
    with written_whole(path) as sink:
        sink.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_whose_writing_failed_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("old")

    def fail() -> None:
        with written_whole(path) as sink:
            sink.write(b"half")
            raise SubmissionRefused("no")

    with pytest.raises(SubmissionRefused):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_is_written_to_and_not_replaced() -> None:
    with written_whole(Path(os.devnull)) as sink:
        sink.write(b"x")
    assert Path(os.devnull).is_char_device()


def test_a_place_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(SubmissionRefused, match="cannot be written"), written_whole(tmp_path / "no" / "ids.txt"):
        raise AssertionError("never reached")


def test_the_scratch_file_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with scratch(home) as file:
        file.write(b"x")
    assert list(home.iterdir()) == []


def test_a_home_that_cannot_be_made_does_not_stop_the_scratch_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with scratch(tmp_path / "file" / "home") as file:
        file.write(b"x")
