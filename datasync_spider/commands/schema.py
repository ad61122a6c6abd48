"""``scrapy schema STREAM``: what the records of a stream hold, and the view with typed columns that is made of it.

Exit code 0: done. 1: refused by the database. 2: wrong usage, or an unknown stream. 5: stopped by a signal.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from scrapy.exceptions import UsageError

from datasync_spider.errors import ConfigurationError
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, is_migrated, typed
from datasync_spider.sources import streamnames

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from datasync_spider.config import Config
    from datasync_spider.sources.columns import Column
    from datasync_spider.sources.fields import Fields
    from datasync_spider.storage.connection import Connection
    from datasync_spider.storage.views import StreamView

_ROWS = 10_000


class Command(DatasyncCommand):
    """See the module's text."""

    _stream: str

    def syntax(self) -> str:
        return "[options] STREAM"

    def short_desc(self) -> str:
        return "Show the fields of a stream's records; make the view with typed columns"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--rows", metavar="N", type=int, default=_ROWS, help=f"look at about so many records, 0: at all ({_ROWS})"
        )
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--json", action="store_true", help="print one JSON object")
        way.add_argument("--sql", action="store_true", help="print what makes the view, and change nothing")
        way.add_argument("--dbt", action="store_true", help="print a file of dbt's sources, and change nothing")
        way.add_argument("--apply", action="store_true", help="make the view, or add to it what is missing")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options([], opts)
        if len(args) != 1:
            raise UsageError(f"say one stream, such as: {typed()} schema events", print_help=False)
        if opts.rows < 0:
            raise UsageError("--rows must not be below 0", print_help=False)
        (self._stream,) = args

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.observe.display import visible
        from datasync_spider.storage.connection import connected
        from datasync_spider.storage.streams import read_names
        from datasync_spider.storage.views import find_view

        with connected(database_url) as connection:
            if not is_migrated(connection):
                return exitcodes.FAILED
            view = find_view(connection, self._stream)
            if view is None:
                known = [known.stream for known in read_names(connection)]
                if self._stream in known:
                    raise ConfigurationError(visible(f"the stream {self._stream} has no table yet: crawl it first"))
                raise ConfigurationError(visible(streamnames.not_registered(self._stream, None, known)))
            self._show(connection, view, self._declared(view.source), opts)
        return exitcodes.COMPLETE

    def _declared(self, source: str) -> Sequence[Column]:
        """What the stream's source says of its columns; nothing where there is none any more."""
        from datasync_spider.sync.planning import described_stream

        assert self.settings is not None
        stream = described_stream(self.settings, source, self._stream)
        if stream is None:
            print(
                f"no source describes the stream {self._stream}: what one would say of its columns is not known",
                file=sys.stderr,
            )
            return ()
        return stream.columns

    def _show(
        self, connection: Connection, view: StreamView, declared: Sequence[Column], opts: argparse.Namespace
    ) -> None:
        from datasync_spider.ops.registry.dbt import sources_file
        from datasync_spider.ops.registry.schema import Seen, applied_lines, as_lines, as_report
        from datasync_spider.sources.viewcolumns import plan_view
        from datasync_spider.storage.interruption import interruptible
        from datasync_spider.storage.samples import read_extent
        from datasync_spider.storage.views import update_view, view_script

        fields = interruptible(connection, lambda: _look_at(connection, view, declared, opts.rows))
        connection.rollback()
        if opts.apply:
            applied = update_view(
                connection, self._stream, lambda seen: plan_view(seen.known, declared, fields, may_retype=True)
            )
            assert applied is not None
            print("\n".join(applied_lines(applied)))
            return
        plan = plan_view(view.known, declared, fields, may_retype=opts.sql)
        seen = Seen(view, plan, fields, read_extent(connection, view.table).rows, not opts.rows, declared)
        if opts.sql:
            print(view_script(connection, view, plan))
        elif opts.dbt:
            print(sources_file(seen), end="")
        else:
            print(json.dumps(as_report(seen)) if opts.json else "\n".join(as_lines(seen, typed())))


def _look_at(connection: Connection, view: StreamView, declared: Sequence[Column], rows: int) -> Fields:
    from datasync_spider.storage.samples import read_all, read_spread
    from datasync_spider.storage.viewkeeping import look_at

    return look_at(
        read_spread(connection, view.table, rows) if rows else read_all(connection, view.table), view, declared
    )
