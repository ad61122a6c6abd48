"""The files of SOURCES_DIR: a broken one costs its own streams, and nothing is taken of two that have one name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.config.sourcefiles import SourceFiles, built_in_source, read_source_files
from datasync_spider.errors import ConfigurationError
from datasync_spider.sources.inpython import checked
from tests.support.sourcetexts import changed, plain, toml


def write(directory: Path, file: str, name: str) -> None:
    (directory / file).write_text(toml(changed(plain(), "source.name", name)), encoding="utf-8")


def test_a_broken_file_costs_its_own_streams_only(tmp_path: Path) -> None:
    write(tmp_path, "good.toml", "good")
    write(tmp_path, "bad.toml", "not a name")
    (tmp_path / "worse.toml").write_text("[source", encoding="utf-8")

    found = read_source_files(tmp_path, is_given=True)

    assert list(found.sources) == ["good"]
    assert list(found.refused) == ["bad.toml", "worse.toml"]
    assert found.refused["bad.toml"].mistakes[0].startswith(f'{tmp_path}/bad.toml: [source] name is "not a name"')


def test_of_two_files_with_one_name_neither_is_taken_and_each_names_the_other(tmp_path: Path) -> None:
    for file, name in (("a.toml", "one"), ("b.toml", "one"), ("c.toml", "two")):
        write(tmp_path, file, name)

    found = read_source_files(tmp_path, is_given=True)

    assert list(found.sources) == ["two"]
    (mistake,) = found.refused["a.toml"].mistakes
    assert mistake.startswith(
        f'{tmp_path}/a.toml: [source] name is "one": {tmp_path}/b.toml has that name, too; allowed: '
    )
    assert f"{tmp_path}/a.toml has that name, too" in str(found.refused["b.toml"])


def test_only_files_that_end_in_toml_are_read_and_none_that_is_hidden(tmp_path: Path) -> None:
    for file in ("a.toml", "a.toml~", "a.toml.bak", ".b.toml", "README.md"):
        write(tmp_path, file, "a")
    (tmp_path / "deeper").mkdir()
    write(tmp_path / "deeper", "c.toml", "c")

    assert read_source_files(tmp_path, is_given=True) == SourceFiles(
        {"a": read_source_files(tmp_path, is_given=True).sources["a"]}, {}
    )


def test_a_byte_order_mark_and_the_line_ends_of_windows_change_nothing(tmp_path: Path) -> None:
    text = toml(plain()).replace("\n", "\r\n")
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert list(read_source_files(tmp_path, is_given=True).sources) == ["plain"]


def test_a_file_is_looked_at_once_as_long_as_it_says_the_same(tmp_path: Path) -> None:
    """Of thousands of slices each is looked at, and a process reads its files several times."""

    def read() -> SourceFiles:
        return read_source_files(tmp_path, is_given=True)

    write(tmp_path, "shop.toml", "shop")
    source = read().sources["shop"]
    assert read().sources["shop"] is source
    # Nor is it held once more to what it was read from.
    assert checked(source, "source shop") is source
    text = (tmp_path / "shop.toml").read_text(encoding="utf-8")
    (tmp_path / "shop.toml").write_text(f"{text}wrong = 1\n", encoding="utf-8")
    assert list(read().refused) == list(read().refused) == ["shop.toml"]
    write(tmp_path, "shop.toml", "store")
    assert list(read().sources) == ["store"]


def test_what_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# a\n# caf\xe9\n")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "link.toml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.toml")

    refused = read_source_files(tmp_path, is_given=True).refused

    reported = {file: refusal.mistakes[0].partition(": it cannot be read: ")[2] for file, refusal in refused.items()}
    assert {file: why.partition("; allowed: ")[0] for file, why in reported.items()} == {
        "folder.toml": "it is no file",
        "latin.toml": "it is not UTF-8 text, for the first time in line 2: save it in that encoding",
        "link.toml": "its link leads to no file",
        "pipe.toml": "it is no file",
    }


def test_no_directory_is_no_source_unless_it_was_asked_for(tmp_path: Path) -> None:
    assert read_source_files(tmp_path / "none", is_given=False) == SourceFiles()
    with pytest.raises(ConfigurationError, match=r"SOURCES_DIR is '.*none': there is no such directory; allowed: "):
        read_source_files(tmp_path / "none", is_given=True)


@pytest.mark.parametrize("is_given", [True, False])
def test_a_file_in_the_directorys_place_is_a_mistake(tmp_path: Path, is_given: bool) -> None:
    (tmp_path / "sources").touch()

    with pytest.raises(ConfigurationError, match=r"SOURCES_DIR is .*: Not a directory; allowed: "):
        read_source_files(tmp_path / "sources", is_given=is_given)


def test_the_directory_is_the_projects_unless_another_is_given(tmp_path: Path) -> None:
    unset = Config.from_settings(Settings(), {}, None, tmp_path)
    given = Config.from_settings(Settings(), {"SOURCES_DIR": "apis"}, None, tmp_path)

    assert (unset.sources_dir, unset.is_sources_dir_given) == (tmp_path / "sources", False)
    assert (given.sources_dir, given.is_sources_dir_given) == (tmp_path / "apis", True)


def test_the_source_that_comes_with_this_program_can_be_read_from_the_package() -> None:
    assert list(built_in_source().streams) == ["events"]
