"""``scrapy submit prepare | send | status``: submit the ids of all stored events, and know what became of it.

Exit code 0: done. 1: refused, by us or by the API, or taken with another count. 2: wrong usage. 3: it is not known
whether it was taken. 4: another process is submitting with this key. 5: stopped by a signal.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.exceptions import UsageError

from datasync_spider.errors import ConfigurationError
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand, api, chosen_slice, is_migrated

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config
    from datasync_spider.storage.registry import Slice
    from datasync_spider.sync.plan import SyncPlan

_OPTIONS = {
    "prepare": {"output", "anyway", "json"},
    "send": {"repo", "anyway", "dry_run", "yes", "last_try", "timeout_seconds", "json"},
    "status": {"json"},
}
_UNKNOWN = exitcodes.INCOMPLETE
_IN_PROGRESS = exitcodes.LEASE_HELD


class Command(DatasyncCommand):
    """See the module's text."""

    _action: str

    def syntax(self) -> str:
        return "[options] prepare | send | status"

    def short_desc(self) -> str:
        return "Submit the ids of all stored events: prepare, send, status"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add = parser.add_argument
        add("-o", "--output", metavar="FILE", help="prepare: write the ids there instead of to standard output")
        add("--anyway", action="store_true", help="prepare, send: also where the stream is not known to be complete")
        add(
            "--repo",
            metavar="URL",
            help="send: the repository that goes with it, such as https://github.com/owner/name",
        )
        add("--dry-run", action="store_true", help="send: do everything but record and send")
        add("--yes", action="store_true", help="send: do not ask")
        add("--last-try", action="store_true", help="send: also where only one try is left")
        add("--timeout-seconds", type=int, default=900, help="send: how long it may take, answer included (900)")
        add("--json", action="store_true", help="print one JSON object")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options([], opts)
        if len(args) != 1 or args[0] not in _OPTIONS:
            raise UsageError(f"say one of prepare, send and status, not: {' '.join(args) or 'nothing'}")
        self._action = args[0]
        defaults = {"timeout_seconds": 900}
        for name in set().union(*_OPTIONS.values()) - _OPTIONS[self._action]:
            if getattr(opts, name) not in {None, False, defaults.get(name)}:
                raise UsageError(f"--{name.replace('_', '-')} does not go with {self._action}", print_help=False)
        if self._action == "send" and not opts.repo:
            raise UsageError("send needs --repo URL", print_help=False)
        if opts.timeout_seconds <= 0:
            raise UsageError("--timeout-seconds must be above 0", print_help=False)

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider.datasync.submission.refusal import NotRecorded, SubmissionRefused
        from datasync_spider.storage.connection import connected
        from datasync_spider.storage.shape import check_tables
        from datasync_spider.storage.submissions import AttemptInProgress

        with connected(database_url) as connection:
            check_tables(connection)
            if not is_migrated(connection):
                return exitcodes.FAILED
            assert self.settings is not None
            plan = self.plan(with_secrets=self._action != "prepare")
            if not plan.is_built_in:
                raise ConfigurationError(
                    f"{plan.spec.name} is a stream of {plan.source.name}, which takes no submissions"
                )
            slice_ = chosen_slice(connection, plan)
        try:
            if self._action == "prepare":
                return _prepare(database_url, slice_, opts)
            with api(self.settings, plan):
                reachable = self.plan()
                if self._action == "send":
                    return _send(database_url, reachable, slice_, opts)
                return _status(database_url, reachable, opts)
        except (SubmissionRefused, NotRecorded) as error:
            print(f"submit: {error}", file=sys.stderr)
            return exitcodes.FAILED
        except AttemptInProgress as error:
            print(f"submit: {error}", file=sys.stderr)
            return _IN_PROGRESS
        except ConfigurationError as error:
            print(f"submit: {error}", file=sys.stderr)
            return exitcodes.BAD_CONFIGURATION


def _prepare(database_url: str, slice_: Slice, opts: argparse.Namespace) -> int:
    from datasync_spider.datasync.submission.files import written_whole
    from datasync_spider.datasync.submission.idtext import prepare
    from datasync_spider.datasync.submission.rendering import prepared_lines, prepared_report
    from datasync_spider.storage.event_ids import id_snapshot

    with id_snapshot(database_url, slice_) as snapshot:
        if opts.output is None:
            try:
                prepared = prepare(snapshot, sys.stdout.buffer, anyway=opts.anyway)
                sys.stdout.buffer.flush()
            except OSError:
                # What is missing at its end could be taken for the whole. The reason is said when the process ends.
                return exitcodes.FAILED
        else:
            with written_whole(Path(opts.output)) as sink:
                prepared = prepare(snapshot, sink, anyway=opts.anyway)
    lines = [json.dumps(prepared_report(prepared))] if opts.json else prepared_lines(prepared)
    # The ids themselves are on standard output, where nothing else may come among them.
    print("\n".join(lines), file=sys.stderr if opts.output is None else sys.stdout)
    return exitcodes.COMPLETE


def _send(database_url: str, plan: SyncPlan, slice_: Slice, opts: argparse.Namespace) -> int:
    from datasync_spider.datasync.submission.refusal import SubmissionRefused
    from datasync_spider.datasync.submission.reporter import Reporter
    from datasync_spider.datasync.submission.submitting import Terms, submit_prepared

    is_asked = not opts.yes and not opts.dry_run
    if is_asked and not sys.stdin.isatty():
        raise SubmissionRefused("no one is there to be asked: say --yes if it is to be sent")
    terms = Terms(
        repo=opts.repo,
        timeout_seconds=opts.timeout_seconds,
        anyway=opts.anyway,
        dry_run=opts.dry_run,
        last_try=opts.last_try,
        confirm=_confirm if is_asked else None,
    )
    outcome = submit_prepared(database_url, plan, slice_, terms, Reporter(_say, as_json=opts.json))
    if outcome is None:
        return exitcodes.COMPLETE
    if outcome.ending.status == "unknown":
        return _UNKNOWN
    return exitcodes.COMPLETE if outcome.is_whole else exitcodes.FAILED


def _status(database_url: str, plan: SyncPlan, opts: argparse.Namespace) -> int:
    from datasync_spider.datasync.submission.rendering import overview_lines, overview_report
    from datasync_spider.datasync.submission.submitting import survey

    overview = survey(database_url, plan)
    if opts.json:
        print(json.dumps(overview_report(overview, plan.secrets)))
    else:
        print("\n".join(overview_lines(overview, plan.secrets)))
    return exitcodes.COMPLETE


def _say(text: str) -> None:
    # At once, since what is reported next may take a while.
    print(text, flush=True)


def _confirm(question: str) -> bool:
    print(f"{question} Type yes to go on: ", end="", file=sys.stderr, flush=True)
    try:
        return sys.stdin.readline().strip().lower() == "yes"
    except (OSError, UnicodeDecodeError):
        # The terminal has gone, or what was typed is no text: that is no yes.
        return False
