"""docs/sources/plug-ins.md, followed step by step in a folder of its own: a project outside of the checkout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crawl import clean_environment
from tests.support.database import rows, value
from tests.support.tenants import TenantsApi, tenant_records, tenants_api
from tests.unit.docs.pages import DOCS, read

PAGE = read(DOCS / "sources" / "plug-ins.md")
TOKEN = "token-of-a-blog-4711"
SPIDER = "blog/spiders/posts.py"


def written_files() -> dict[str, str]:
    """What the page gives to write, by the names in the first lines."""
    files = {}
    for block in PAGE.blocks:
        if block.language != "sh":
            indent = len(block.lines[0]) - len(block.lines[0].lstrip())
            lines = [line[indent:] for line in block.lines]
            files[lines[0].removeprefix("# ")] = "\n".join(lines) + "\n"
    return files


class Folder:
    """A plug-in's project as the page makes it, with a virtual environment that the checkout is installed in."""

    def __init__(self, path: Path, base_url: str, database_url: str, types_cache: Path) -> None:
        self.path = path
        self._types_cache = types_cache
        self._database_url = database_url
        for name, text in written_files().items():
            self.write(name, text.replace("https://blog.example.com/api", base_url))
        self.write("blog/__init__.py", "")
        self.write("blog/spiders/__init__.py", "")
        self.write(".env", f"BLOG_TOKEN={TOKEN}\nWRITE_BATCH_SIZE=5\nAPI_MAX_RETRIES=2\n")

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def typed(self, line: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """As in a shell that stands in the folder, with the environment activated."""
        # What is installed is the same for every project, and most of what the types' check does.
        cache = {"MYPY_CACHE_DIR": str(self._types_cache)}
        environment = clean_environment(DATABASE_URL=self._database_url, **cache, **settings)
        environment.pop("PYTHONPATH", None)
        path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.path,
            env={**environment, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )


@pytest.fixture
def api() -> Iterator[TenantsApi]:
    with tenants_api({"posts": TOKEN}, 60) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, api: TenantsApi, database_url: str) -> Folder:
    return Folder(tmp_path / "plugin", api.base_url, database_url, tmp_path_factory.getbasetemp() / "types-of-plug-ins")


def test_each_step_works_as_it_is_typed_through_a_kill(folder: Folder, api: TenantsApi, database_url: str) -> None:
    assert set(written_files()) == {"scrapy.cfg", "blog/settings.py", SPIDER}
    killed = folder.typed("exec scrapy crawl blog.posts", DATASYNC_FAILPOINT="after_commit@3=kill")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    cursor = value(database_url, "SELECT cursor FROM ingestion_state WHERE stream = 'blog.posts'")
    assert cursor.startswith("/api/posts/records?limit=5&page=")
    before = len(api.asked)

    said = {}
    for block in PAGE.blocks:
        for line in block.lines if block.language == "sh" else ():
            done = folder.typed(line)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            said[line.strip()] = done
    assert said["scrapy list"].stdout.split() == ["blog.posts", "events"]
    assert "ingestion complete" in said["scrapy crawl blog.posts"].stderr
    assert 0 < len(api.asked) - before < 12
    assert "blog.posts" in said["STREAM=blog.posts scrapy status"].stdout
    assert len(said) == 5

    stored = dict(rows(database_url, "SELECT event_id, payload FROM blog__posts"))
    assert stored == {record["id"]: record for record in tenant_records("posts", 60)}
    assert value(database_url, "SELECT count(*) FROM blog__posts") == 60
    # Its own home, .env and nothing of the checkout's.
    assert TOKEN not in "".join(done.stdout + done.stderr for done in said.values())


def test_one_with_mistakes_is_refused_with_all_of_them_before_anything_is_asked(
    folder: Folder, api: TenantsApi
) -> None:
    text = (folder.path / SPIDER).read_text()
    text = text.replace('order="newest-first"', 'order="newest"').replace("end=End(no_next=True)", "end=End()")
    text = text.replace("Bearer secret:BLOG_TOKEN", f"Bearer {TOKEN}").replace(
        '{"posts": POSTS}', '{"posts": POSTS, "b": POSTS}'
    )
    folder.write(SPIDER, text)

    crawl = folder.typed("scrapy crawl blog.posts")

    assert crawl.returncode == 2, crawl.stderr
    exit_report = crawl.stderr[crawl.stderr.index("ingestion not started: the configuration is refused") :]
    for mistake in (
        'source blog: [streams.posts] order is "newest"',
        "source blog: [streams.posts] end is",
        'source blog: [streams.b] is a stream whose name is "posts"',
        "source blog: [source] auth.headers.Authorization is ***: a secret itself belongs into no file",
    ):
        assert mistake in exit_report
    assert TOKEN not in crawl.stderr
    assert api.asked == []
    checked = folder.typed("mypy --strict blog")
    assert checked.returncode == 1
    assert "incompatible type \"Literal['newest']\"" in checked.stdout.replace('"newest"', "'newest'"), checked.stdout
