"""``scrapy submit prepare | send | status``: hand in the ids of all stored events, and know what became of it.

Exit code 0: done. 1: refused, by us or by the API, or taken with another count. 2: wrong usage. 3: it is not known
whether it was taken. 4: another process is handing in with this key. 5: stopped by a signal.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import UsageError

from datasync_spider import exitcodes
from datasync_spider.apiclient import ApiClient
from datasync_spider.command import DatasyncCommand, api
from datasync_spider.config import Config
from datasync_spider.errors import ConfigurationError
from datasync_spider.storage.connect import connected
from datasync_spider.storage.event_ids import id_snapshot
from datasync_spider.storage.migrate import load_migrations, pending_migrations
from datasync_spider.storage.submissions import AttemptInProgress
from datasync_spider.submission.files import scratch, written_whole
from datasync_spider.submission.fingerprint import key_fingerprint
from datasync_spider.submission.overview import Overview, look_over
from datasync_spider.submission.preparing import Prepared, prepare
from datasync_spider.submission.progress import Steps
from datasync_spider.submission.quota import check_tries
from datasync_spider.submission.refusal import NotRecorded, SubmissionRefused
from datasync_spider.submission.repository import check_repository
from datasync_spider.submission.sending import Order, Outcome, Sender
from datasync_spider.submission.showing import (
    outcome_lines,
    outcome_report,
    overview_lines,
    overview_report,
    prepared_lines,
    prepared_report,
)

if TYPE_CHECKING:
    import argparse

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
        return "Hand in the ids of all stored events: prepare, send, status"

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
        super().process_options(args, opts)
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
        with connected(database_url) as connection:
            if pending_migrations(connection, load_migrations()):
                print("the schema is not up to date: run 'scrapy migrate'", file=sys.stderr)
                return exitcodes.FAILED
        try:
            if self._action == "prepare":
                return _prepare(database_url, config, opts)
            assert self.settings is not None
            with api(self.settings, config):
                reachable = Config.from_settings(self.settings)
                return (_send if self._action == "send" else _status)(database_url, reachable, opts)
        except (SubmissionRefused, NotRecorded) as error:
            print(f"submit: {error}", file=sys.stderr)
            return exitcodes.FAILED
        except AttemptInProgress as error:
            print(f"submit: {error}", file=sys.stderr)
            return _IN_PROGRESS
        except ConfigurationError as error:
            print(f"submit: {error}", file=sys.stderr)
            return exitcodes.BAD_CONFIGURATION


def _prepare(database_url: str, config: Config, opts: argparse.Namespace) -> int:
    with id_snapshot(database_url, config.stream) as snapshot:
        if opts.output is None:
            try:
                prepared = prepare(snapshot, sys.stdout.buffer, anyway=opts.anyway)
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                # The reader has seen enough, as with "| head". Nothing may be flushed into the broken pipe at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return exitcodes.FAILED
        else:
            with written_whole(Path(opts.output)) as sink:
                prepared = prepare(snapshot, sink, anyway=opts.anyway)
    lines = [json.dumps(prepared_report(prepared))] if opts.json else prepared_lines(prepared)
    # The ids themselves are on standard output, where nothing else may come among them.
    print("\n".join(lines), file=sys.stderr if opts.output is None else sys.stdout)
    return exitcodes.COMPLETE


def _send(database_url: str, config: Config, opts: argparse.Namespace) -> int:
    repo = check_repository(opts.repo)
    is_asked = not opts.yes and not opts.dry_run
    if is_asked and not sys.stdin.isatty():
        raise SubmissionRefused("nobody is there to be asked: say --yes if it is to be sent")
    fingerprint = key_fingerprint(config.api_key, config.base_url_text)
    with scratch(config.home) as file:
        with id_snapshot(database_url, config.stream) as snapshot:
            prepared = prepare(snapshot, file, anyway=opts.anyway)
        file.seek(0)
        overview = look_over(database_url, _client(config, config.timeout_seconds), fingerprint)
        say = _Speaker(as_json=opts.json)
        say.prepared(prepared, overview, repo)
        if overview.in_progress:
            raise AttemptInProgress(overview.in_progress)
        check_tries(overview.tries, last_try=opts.last_try)
        if opts.dry_run:
            say.end("dry run: nothing was recorded, and nothing was sent")
            return exitcodes.COMPLETE
        if is_asked:
            _confirm(prepared, config)
        order = Order(
            stream=config.stream,
            repo=repo,
            key_fingerprint=fingerprint,
            text=prepared.text,
            timeout_seconds=opts.timeout_seconds,
            told_left=overview.tries.told_left,
            last_try=opts.last_try,
        )
        sender = Sender(
            database_url,
            _client(config, opts.timeout_seconds),
            config.write_retry_budget_ms / 1000,
            tell=lambda outcome: say.outcome(outcome, config.secrets),
            progress=Steps(prepared.text.size),
        )
        outcome = sender.send(order, file)
    if outcome.ending.status == "unknown":
        return _UNKNOWN
    return exitcodes.COMPLETE if outcome.is_whole else exitcodes.FAILED


def _status(database_url: str, config: Config, opts: argparse.Namespace) -> int:
    fingerprint = key_fingerprint(config.api_key, config.base_url_text)
    overview = look_over(database_url, _client(config, config.timeout_seconds), fingerprint)
    if opts.json:
        print(json.dumps(overview_report(overview, config.secrets)))
    else:
        print("\n".join(overview_lines(overview, config.secrets)))
    return exitcodes.COMPLETE


def _client(config: Config, timeout_seconds: float) -> ApiClient:
    return ApiClient(config.base_url_text, config.api_key, config.user_agent, timeout_seconds, config.max_body_bytes)


def _confirm(prepared: Prepared, config: Config) -> None:
    question = f"send {prepared.text.count:,} ids to {config.base_url_text}? It uses up a try. Type yes to go on: "
    print(question, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise SubmissionRefused("not confirmed: nothing was sent")


class _Speaker:
    """Lines as things happen, or one JSON object when all is known."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._report: dict[str, Any] = {}

    def prepared(self, prepared: Prepared, overview: Overview, repo: str) -> None:
        tries = overview.tries
        told = {"used": tries.used, "left": tries.left, "told_by_api": tries.told_left}
        self._report = {"prepared": prepared_report(prepared), "repo": repo, "tries": told, "outcome": None}
        self._lines([*prepared_lines(prepared), f"for {repo}", f"this key: {tries}"])
        if overview.trouble:
            self._lines([f"the API could not be asked what it has: {overview.trouble}"])

    def outcome(self, outcome: Outcome, secrets: tuple[str, ...]) -> None:
        self._report["outcome"] = outcome_report(outcome, secrets)
        self._lines(outcome_lines(outcome, secrets))
        self._object()

    def end(self, text: str) -> None:
        self._lines([text])
        self._object()

    def _lines(self, lines: list[str]) -> None:
        if not self._as_json:
            print("\n".join(lines), flush=True)

    def _object(self) -> None:
        if self._as_json:
            print(json.dumps(self._report), flush=True)
