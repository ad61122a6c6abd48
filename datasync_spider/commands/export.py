"""``scrapy export STREAM -o FILE``: what is stored of a stream, as Parquet, CSV or JSON lines.

Exit code 0: the file is whole. 1: it could not be written, or the database refused. 2: wrong usage, an unknown stream,
or a place that cannot be written to. 5: stopped by a signal. Where it is not 0 the file is as it was before.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from scrapy.exceptions import UsageError

from datasync_spider.errors import ConfigurationError
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, typed
from datasync_spider.sources import streamnames

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.storage.connection import Connection
    from datasync_spider.storage.exports import Export

_FORMS = ("parquet", "csv", "jsonl")
_STANDARD_OUTPUT = "-"


class Command(DatasyncCommand):
    """See the module's text."""

    _stream: str
    _form: str
    _since: datetime | None = None

    def syntax(self) -> str:
        return "[options] STREAM -o FILE.parquet | FILE.csv | FILE.jsonl | -"

    def short_desc(self) -> str:
        return "Write what is stored of a stream to a file"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("-o", "--output", metavar="FILE", help="where to; - is standard output")
        add("--format", choices=_FORMS, help="where the file's name does not say it; of standard output jsonl")
        add("--since", metavar="TIME", help="only what was stored then or later, by ingested_at (ISO 8601, UTC)")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options([], opts)
        if len(args) != 1:
            raise UsageError(f"say one stream, such as: {typed()} export events -o events.csv", print_help=False)
        if not opts.output:
            raise UsageError("say where to, with -o FILE; -o - is standard output", print_help=False)
        (self._stream,) = args
        self._form = _form(opts.output, opts.format)
        if opts.since is not None:
            self._since = _time(opts.since)

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.ops.exporting.parquet import check_installed
        from datasync_spider.ops.exporting.target import Target
        from datasync_spider.storage.connection import connected
        from datasync_spider.storage.interruption import interruptible
        from datasync_spider.storage.migrate import load_migrations, pending_migrations

        if self._form == "parquet":
            check_installed()
        with connected(database_url) as connection:
            if pending_migrations(connection, load_migrations()):
                print(
                    f"the schema is not up to date: run '{typed()} migrate' (a crawl does so by itself)",
                    file=sys.stderr,
                )
                return exitcodes.FAILED
            connection.rollback()
            export = self._find(connection)
            if opts.output == _STANDARD_OUTPUT:
                try:
                    rows = interruptible(connection, lambda: self._write(connection, export, sys.stdout.buffer))
                    sys.stdout.buffer.flush()
                except OSError:
                    # The reader has gone, and has not got all of it. The reason is said when the process ends.
                    return exitcodes.FAILED
                self._tell(export, rows, "standard output")
                return exitcodes.COMPLETE
            try:
                target = Target(Path(opts.output))
            except OSError as error:
                raise ConfigurationError(f"{opts.output} cannot be written: {error.strerror or error}") from error
            try:
                rows = interruptible(connection, lambda: self._write(connection, export, target.file))
                target.finish()
            except OSError as error:
                target.give_up()
                print(f"export: {opts.output} was not written: {error.strerror or error}", file=sys.stderr)
                return exitcodes.FAILED
            except BaseException:
                target.give_up()
                raise
            self._tell(export, rows, opts.output)
        return exitcodes.COMPLETE

    def _find(self, connection: Connection) -> Export:
        from datasync_spider.observe.display import visible
        from datasync_spider.storage.exports import find_export, take_snapshot
        from datasync_spider.storage.streams import read_names

        export = find_export(connection, self._stream, self._since)
        if export is None:
            known = [known.stream for known in read_names(connection)]
            if self._stream in known:
                raise ConfigurationError(visible(f"the stream {self._stream} has no table yet: crawl it first"))
            raise ConfigurationError(visible(streamnames.not_registered(self._stream, None, known)))
        take_snapshot(connection)
        return export

    def _write(self, connection: Connection, export: Export, file: IO[bytes]) -> int:
        from datasync_spider.ops.exporting.parquet import MOST_DIGITS, write_parquet
        from datasync_spider.storage.exports import measured, read_rows, write_text

        if self._form == "parquet":
            export = measured(connection, export, MOST_DIGITS)
            return write_parquet(file, export.columns, read_rows(connection, export))
        return write_text(connection, export, "csv" if self._form == "csv" else "jsonl", file)

    def _tell(self, export: Export, rows: int, place: str) -> None:
        if not export.is_view:
            print(
                f"the stream {self._stream} has no view with typed columns, so these are the columns of its table"
                f" {export.relation}: {typed()} schema {self._stream} --apply makes one",
                file=sys.stderr,
            )
        later = f"--since {export.horizon:%Y-%m-%dT%H:%M:%S.%fZ}"
        print(f"{rows:,} records of {self._stream} are in {place}; what comes later: {later}", file=sys.stderr)


def _form(output: str, given: str | None) -> str:
    suffix = Path(output).suffix.removeprefix(".").lower()
    if output == _STANDARD_OUTPUT:
        if given == "parquet":
            raise UsageError("a Parquet file is not written to standard output: name a file", print_help=False)
        return given or "jsonl"
    if given is None and suffix not in _FORMS:
        raise UsageError(
            f"-o {output}: the name says no format; let it end in .parquet, .csv or .jsonl, or say --format",
            print_help=False,
        )
    return given or suffix


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--since {text!r} is no time: write it as 2026-01-31 or 2026-01-31T12:00:00Z", print_help=False
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
