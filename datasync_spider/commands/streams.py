"""``scrapy streams [list] | pause | resume | resync | accept | reset | drop NAME``: what is registered.

Exit code 0: done. 1: refused by the database, or not confirmed; nothing has changed. 2: wrong usage, an unknown name,
or no one to be asked. 4: a run of the stream is active. 5: stopped by a signal.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from scrapy.exceptions import UsageError

from datasync_spider.errors import ConfigurationError, LeaseHeld
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, is_migrated, typed
from datasync_spider.sources import streamnames
from datasync_spider.storage.removal import drop, reset

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.ops.registry.choosing import Chosen
    from datasync_spider.storage.connection import Connection
    from datasync_spider.storage.removal import Target

_LISTED = 200
_REMOVALS = {"reset": reset, "drop": drop}
_OPTIONS = {
    "list": {"stream", "limit", "json"},
    "reset": {"slice", "yes"},
    "drop": {"slice", "yes"},
    "pause": {"slice"},
    "resume": {"slice"},
    "resync": {"slice", "full"},
    "accept": {"slice"},
}
_LONGEST_SLICE_BYTES = 1_000


class Command(DatasyncCommand):
    """See the module's text."""

    _action: str
    _stream: str
    _slice: str | None = None

    def syntax(self) -> str:
        return "[options] [list] | pause NAME | resume NAME | resync NAME | accept NAME | reset NAME | drop NAME"

    def short_desc(self) -> str:
        return "List streams and slices; pause, resume, re-sync, reset or drop them, or accept their fields"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("--stream", metavar="NAME", help="list: only this stream, or those like shop.*")
        add("--limit", metavar="N", type=int, help=f"list: at most so many slices, 0: all ({_LISTED})")
        add("--json", action="store_true", help="list: print one JSON object")
        add(
            "--slice",
            metavar="NAME",
            help="all but list: only this slice, as SLICE names it; pause, resume, resync, accept: or those like it",
        )
        add("--full", action="store_true", help="resync: the next sync is a full one; what is stored stays")
        add("--yes", action="store_true", help="reset, drop: do not ask")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options([], opts)
        self._action, *names = args or ["list"]
        wanted = 0 if self._action == "list" else 1
        if self._action not in _OPTIONS or len(names) != wanted:
            raise UsageError(
                f"say list, or pause, resume, resync, accept, reset or drop and one name, not: {' '.join(args)}"
            )
        for name in sorted(set().union(*_OPTIONS.values()) - _OPTIONS[self._action]):
            if getattr(opts, name) not in {None, False}:
                raise UsageError(f"--{name} does not go with {self._action}", print_help=False)
        if opts.limit is not None and opts.limit < 0:
            raise UsageError("--limit must not be below 0", print_help=False)
        if names:
            self._stream = names[0]
        if opts.slice is not None:
            self._slice = _read_slice(opts.slice)
        for text in (*names, opts.slice or ""):
            if self._action in _REMOVALS and streamnames.is_pattern(text):
                raise UsageError(f"{self._action} takes one name, and {text} may mean several", print_help=False)

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.observe.display import visible
        from datasync_spider.storage.connection import connected
        from datasync_spider.storage.removal import find_target

        with connected(database_url) as connection:
            if not is_migrated(connection):
                return exitcodes.FAILED
            if self._action == "list":
                return _list(connection, opts)
            meant = _meant(connection, self._stream, self._slice)
            if self._action not in _REMOVALS:
                for chosen in meant:
                    print(visible(self._changed(connection, chosen, is_full=opts.full)))
                return exitcodes.COMPLETE
            target = find_target(connection, self._stream, self._slice)
            if target is None:
                raise ConfigurationError(f"{visible(str(meant[0]))} has just been dropped by another process")
            return self._remove(connection, target, config, is_agreed=opts.yes)

    def _remove(self, connection: Connection, target: Target, config: Config, *, is_agreed: bool) -> int:
        from datasync_spider.ops.registry.streamlist import done_line, loss_lines
        from datasync_spider.storage.interruption import interruptible

        if self._action == "drop" and target.is_seed:
            raise ConfigurationError(
                f"{target.table} is a table that every database of this program has, so {target} is not dropped:"
                f" {typed()} streams reset {target} empties it"
            )
        print("\n".join(loss_lines(self._action, target)), file=sys.stderr)
        if not is_agreed and not sys.stdin.isatty():
            raise ConfigurationError(f"no one is there to be asked: say --yes if it is to be {self._action}")
        if not is_agreed and not _confirm(target.stream):
            print("not confirmed: nothing has changed", file=sys.stderr)
            return exitcodes.FAILED
        remove = _REMOVALS[self._action]
        try:
            interruptible(connection, lambda: remove(connection, target, config.lease_ttl_ms))
        except LeaseHeld as error:
            print(f"streams: {error}", file=sys.stderr)
            return exitcodes.LEASE_HELD
        print(done_line(self._action, target))
        return exitcodes.COMPLETE

    def _changed(self, connection: Connection, chosen: Chosen, *, is_full: bool) -> str:
        """Pauses, resumes, re-syncs or accepts, and gives what is so from then on."""
        from datasync_spider.ops.registry.streamlist import resynced_line
        from datasync_spider.storage.streams import accept, pause, resume, resync

        match self._action:
            case "pause":
                pause(connection, chosen.stream_id, chosen.slices)
                return f"{chosen} {chosen.be} paused: a run that is under way goes on to its end, none begins"
            case "resume":
                if resume(connection, chosen.stream_id, chosen.slices):
                    return f"{chosen} {chosen.be} resumed: the next crawl goes on where it was"
                return f"{chosen} {chosen.was} not paused"
            case "accept":
                changes = accept(connection, chosen.stream_id, chosen.slices)
                return f"{chosen}: changes of fields that are accepted by this: {changes:,}"
        done = resync(connection, chosen.stream_id, chosen.stream, chosen.slices, is_full=is_full)
        return resynced_line(chosen, done, is_full=is_full)


def _read_slice(text: str) -> str:
    from datasync_spider.config import kinds

    if streamnames.is_pattern(text):
        return text
    try:
        return str(kinds.slice_name(_LONGEST_SLICE_BYTES).read(text))
    except ValueError as error:
        raise UsageError(f"--slice {text!r} is {error}", print_help=False) from error


def _meant(connection: Connection, stream: str, slice_name: str | None) -> list[Chosen]:
    from datasync_spider.observe.display import visible
    from datasync_spider.ops.registry.choosing import choose
    from datasync_spider.storage.streams import read_names

    try:
        return choose(read_names(connection), stream, slice_name)
    except ConfigurationError as error:
        raise ConfigurationError(visible(str(error))) from None


def _list(connection: Connection, opts: argparse.Namespace) -> int:
    from datasync_spider.ops.registry.streamlist import as_lines, as_report
    from datasync_spider.storage.streams import list_slices

    named = None if opts.stream is None else [chosen.stream for chosen in _meant(connection, opts.stream, None)]
    rows = list_slices(connection, named, _LISTED if opts.limit is None else opts.limit)
    print(json.dumps(as_report(rows)) if opts.json else "\n".join(as_lines(rows)))
    return exitcodes.COMPLETE


def _confirm(stream: str) -> bool:
    print("Type the stream's name to go on: ", end="", file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline().strip() == stream
    except (OSError, UnicodeDecodeError):
        # The terminal has gone, or what was typed is no text: that is no name.
        return False
