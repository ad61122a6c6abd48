"""``datasync init`` makes a project, and overwrites nothing; ``datasync`` works in any folder."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from datasync_spider.ops.project.catalog import catalog_names
from datasync_spider.sources.files.schema import schema_text
from tests.support.crawl import clean_environment, scrapy

PROJECT = Path(__file__).resolve().parents[2]


def datasync(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in clean_environment().items() if not name.startswith("SCRAPY_")}
    return subprocess.run(
        [sys.executable, "-m", "datasync_spider", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(PROJECT), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_project_is_made_with_secrets_for_its_owner_alone(tmp_path: Path) -> None:
    made = datasync(tmp_path, "init", "shop", "--from", "github")
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "shop"
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()) == [
        ".env",
        ".gitignore",
        "scrapy.cfg",
        "sources/github.toml",
        "sources/source.schema.json",
    ]
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    text = (folder / ".env").read_text()
    assert "\n#GITHUB_TOKEN=\n" in text
    assert [line for line in text.splitlines() if line and not line.startswith("#")] == []
    assert "it wants in .env: GITHUB_TOKEN" in made.stdout
    assert datasync(folder, "list").stdout.split() == ["events", "github.issues"]


def test_what_is_there_is_named_and_left_also_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STREAM=mine\n")
    (tmp_path / ".gitignore").symlink_to("nowhere")
    made = datasync(tmp_path, "init")
    assert made.returncode == 2
    assert ".env is there already" in made.stderr
    assert ".gitignore is there already" in made.stderr
    assert (tmp_path / ".env").read_text() == "STREAM=mine\n"
    assert not (tmp_path / "nowhere").exists()
    assert (tmp_path / "scrapy.cfg").is_file()


def test_a_source_is_added_to_a_project_that_is_there_but_once(tmp_path: Path) -> None:
    assert datasync(tmp_path, "init").returncode == 0
    added = datasync(tmp_path, "init", "--from", "stripe")
    assert (added.returncode, added.stdout.splitlines()[0]) == (0, "made sources/stripe.toml"), added.stderr
    assert "source.schema.json" not in added.stdout
    for name in ("example", "stripe"):
        line = (tmp_path / "sources" / f"{name}.toml").read_text().splitlines()[0]
        assert (tmp_path / "sources" / line.removeprefix("#:schema ")).read_text() == schema_text()
    (tmp_path / "sources" / "stripe.toml").write_text("# mine\n")
    again = datasync(tmp_path, "init", "--from", "stripe")
    assert again.returncode == 2
    assert "sources/stripe.toml is there already" in again.stderr
    assert (tmp_path / "sources" / "stripe.toml").read_text() == "# mine\n"


def test_an_unknown_name_names_what_there_is(tmp_path: Path) -> None:
    refused = datasync(tmp_path, "init", "--from", "githbu")
    assert refused.returncode == 2
    assert f"allowed: {', '.join(catalog_names())}" in refused.stderr
    assert list(tmp_path.iterdir()) == []
    listed = datasync(tmp_path, "init", "--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == catalog_names()


def test_in_an_empty_folder_our_settings_hold_and_the_folder_is_the_project(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "shop.toml").write_bytes(
        (PROJECT / "datasync_spider/ops/project/example.toml").read_bytes().replace(b'"example"', b'"shop"')
    )
    assert datasync(tmp_path, "list").stdout.split() == ["events", "shop.items"]


def test_a_project_above_counts_but_not_for_init(tmp_path: Path) -> None:
    (tmp_path / "scrapy.cfg").write_text("[settings]\ndefault = theirs\n")
    (tmp_path / "theirs.py").write_text('from datasync_spider.settings import *\nBOT_NAME = "theirs"\n')
    below = tmp_path / "below"
    below.mkdir()
    assert "active project: theirs" in datasync(below).stdout
    (tmp_path / "theirs.py").write_text("raise SystemExit(7)\n")
    assert datasync(below, "init").returncode == 0
    assert "active project: datasync" in datasync(below).stdout
    assert (below / "scrapy.cfg").is_file()


def test_a_hint_names_the_command_that_was_typed(tmp_path: Path) -> None:
    assert "say which spider: datasync crawl events" in datasync(tmp_path, "crawl").stderr
    assert "say which spider: scrapy crawl events" in scrapy("crawl").stderr
