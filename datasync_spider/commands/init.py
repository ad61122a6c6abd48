"""``datasync init [FOLDER]``: makes a project in a folder, or adds a source of the catalog to one.

Exit code 0 where all was made, 2 where a file was there already and stays, or cannot be written.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from datasync_spider.errors import ConfigurationError
from datasync_spider.observe import exitcodes

if TYPE_CHECKING:
    import argparse

    from datasync_spider.ops.project.catalog import CatalogFile


class Command(ScrapyCommand):
    """See the module's text."""

    requires_project = False
    requires_crawler_process = False

    def syntax(self) -> str:
        return "[options] [FOLDER]"

    def short_desc(self) -> str:
        return "Make a project: scrapy.cfg, .env, sources/ with one example"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--from", dest="source", metavar="NAME", help="begin with this source of the catalog")
        parser.add_argument("--list", action="store_true", help="show the catalog, and make nothing")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if len(args) > 1 or any(word.startswith("-") for word in args):
            raise UsageError(f"unexpected: {' '.join(args)}", print_help=False)
        if opts.list and (args or opts.source):
            raise UsageError("--list goes without a folder and without --from", print_help=False)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        try:
            if opts.list:
                _list()
            else:
                self.exitcode = _make(Path(args[0] if args else "."), opts.source)
        except ConfigurationError as error:
            print(f"init: {error}", file=sys.stderr)
            self.exitcode = exitcodes.BAD_CONFIGURATION


def _list() -> None:
    from datasync_spider.ops.project.catalog import catalog_file, catalog_names

    for name in catalog_names():
        found = catalog_file(name)
        wants = f"wants {', '.join(found.secrets)}" if found.secrets else "wants no secret"
        print(f"{name:<12} {', '.join(found.streams)}; {wants}")


def _make(folder: Path, name: str | None) -> int:
    from datasync_spider.ops.project.catalog import catalog_file
    from datasync_spider.ops.project.making import make_project

    taken = None if name is None else catalog_file(name)
    made = make_project(folder, taken)
    for file in made.written:
        print(f"made {file}")
    for file in made.left:
        print(f"init: {file} is there already, and stays as it is", file=sys.stderr)
    if made.left:
        return exitcodes.BAD_CONFIGURATION
    _say_what_is_next(folder, taken)
    return exitcodes.COMPLETE


def _say_what_is_next(folder: Path, taken: CatalogFile | None) -> None:
    if folder != Path():
        print(f"next: cd {folder}")
    if taken is None:
        print("next: datasync crawl events, which reads the bundled mock API into an embedded PostgreSQL")
        return
    if taken.secrets:
        print(f"it wants in .env: {', '.join(taken.secrets)}")
    print(f"next: datasync doctor {taken.name}")
