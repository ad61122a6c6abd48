"""``python -m bench path``: the modules and the types that one page passes between its answer and its COMMIT.

Modules that only watch (the log, the live view, samples of fields, the points where tests crash a run), and what they
call, are listed apart: nothing of a page comes out of them again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.crawl import crawl_environment, scrapy_command
from bench.feed import Feed
from bench.served import PROJECT
from bench.server import Server

_PAGES, _PAGE_SIZE = 6, 1_000
_MOST_MODULES, _MOST_TYPES = 30, 8
# The traced page is the last of its pass, which most are not: what only such a one passes.
_OF_A_PASS_END = {
    "datasync_spider.storage.completion",
    "datasync_spider.storage.completion.PassEnd",
    "datasync_spider.storage.completion.Verdict",
    "datasync_spider.storage.countedtwice",
    # The crawl closes with it.
    "datasync_spider.sync.syncs",
}


def show_path(arguments: Sequence[str]) -> int:
    """Prints them in the order in which the page comes to them. Exit code 1: there are more than there should be."""
    ArgumentParser(prog="python -m bench path", description=__doc__).parse_args(arguments)
    traced = _trace()
    modules = {name: way for name, way in traced["modules"].items() if name not in _OF_A_PASS_END}
    watching = [name for name in traced["watching"] if name not in modules]
    _print(f"{len(modules)} modules from answer to COMMIT (at most {_MOST_MODULES})", modules)
    types = {name: where for name, where in traced["types"].items() if name not in _OF_A_PASS_END}
    _print(f"{len(types)} types (at most {_MOST_TYPES}), and where each was first seen", types)
    print(f"only of the last page of a pass: {', '.join(sorted(_OF_A_PASS_END))}")
    print(f"{len(watching)} modules that only watch: {', '.join(watching)}")
    return int(len(modules) > _MOST_MODULES or len(types) > _MOST_TYPES)


def _trace() -> dict[str, dict[str, str]]:
    with tempfile.TemporaryDirectory(prefix="datasync-path-") as directory, Server() as server:
        home = Path(directory)
        found = home / "trace.json"
        # A batch a page, so that the traced one meets an open connection as most do.
        settings = {"API_PAGE_LIMIT": str(_PAGE_SIZE), "WRITE_BATCH_SIZE": str(_PAGE_SIZE)}
        with Feed(_PAGES * _PAGE_SIZE) as feed, server.fresh() as url:
            command = [sys.executable, "-m", "bench.path.tracing", str(found), str(_PAGES), *scrapy_command()[-1:]]
            environment = crawl_environment(feed.base_url, url, home, **settings)
            command += ["crawl", "events"]
            done = subprocess.run(command, check=False, cwd=PROJECT, env=environment, stderr=subprocess.PIPE)
            if done.returncode != 0:
                raise RuntimeError(f"the traced crawl ended with {done.returncode}:\n{done.stderr.decode()[-2_000:]}")
        traced: dict[str, dict[str, str]] = json.loads(found.read_text(encoding="utf-8"))
    return traced


def _print(title: str, found: Mapping[str, str]) -> None:
    print(title)
    for name, way in found.items():
        print(f"  {name.removeprefix('datasync_spider.'):<44} {way}")
    print()
