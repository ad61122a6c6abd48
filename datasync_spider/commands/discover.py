"""``scrapy discover``: one request for five events, and everything that its answer reports of the API.

With a URL it is another matter: up to five requests to an API that nothing is known of, from which a source's file is
made (:mod:`datasync_spider.ops.discovery.url`).

Invariant: without a URL exactly one request leaves, and nothing is stored. It is a request like any other: it counts
against the rate, and a key whose life is counted from its first use begins to live with it.
"""

from __future__ import annotations

import json
import logging
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from datasync_spider.errors import ConfigurationError, ConnectionTrouble, FatalError, Stopped, StorageError
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import api, load_config, stoppable, typed

if TYPE_CHECKING:
    import argparse

    from datasync_spider.ops.discovery.effort import Plan
    from datasync_spider.ops.discovery.url.running import Made
    from datasync_spider.sync.plan import SyncPlan

logger = logging.getLogger(__name__)

_ASKED_EVENTS = 5


class Command(ScrapyCommand):
    """Exit code 0 where the answer is a page of events, or a file could be made; 1 where not."""

    requires_project = True
    requires_crawler_process = False

    def syntax(self) -> str:
        return "[options] [URL]"

    def short_desc(self) -> str:
        return "Ask the API for five events and report what its answer says; of any other URL, write a source's file"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        from datasync_spider.ops.discovery.effort import DEFAULT_PAGE_SECONDS, KEY_LIFE_SECONDS

        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--plan", action="store_true", help="estimate what a pass through the whole feed takes")
        parser.add_argument("--events", type=_positive, help="plan for so many events instead of the API's total")
        parser.add_argument(
            "--page-seconds",
            type=_positive_seconds,
            default=DEFAULT_PAGE_SECONDS,
            help=f"plan with so many seconds for a full page ({DEFAULT_PAGE_SECONDS:g})",
        )
        parser.add_argument(
            "--key-hours",
            type=_positive_seconds,
            default=KEY_LIFE_SECONDS / 3600,
            help=f"plan with a key that lives so many hours ({KEY_LIFE_SECONDS / 3600:g})",
        )

        of_url = parser.add_argument_group("With a URL")
        of_url.add_argument("--method", help="GET, POST, PUT or PATCH (GET, with --data POST)")
        of_url.add_argument("--data", help="the body: JSON, or a form such as a=1&b=2")
        of_url.add_argument("-H", "--header", action="append", default=[], help="'Authorization: Bearer secret:NAME'")
        of_url.add_argument("--write", type=Path, metavar="FILE", help="write the file, such as sources/shop.toml")
        of_url.add_argument("--name", help="the source's name (the file's, or one of the host)")
        of_url.add_argument("--force", action="store_true", help="replace a file that is there")
        of_url.add_argument(
            "--schema", action="store_true", help="print the JSON Schema of such files, and ask nothing"
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if len(args) > 1:
            # What is not shown may be a secret that a shell has cut off its header.
            raise UsageError("more than one URL is given: quote each argument that holds blanks", print_help=False)
        if not args and (opts.method or opts.data or opts.header or opts.write or opts.name or opts.force):
            raise UsageError("--method, --data, -H, --write, --name and --force go with a URL", print_help=False)
        if args and (opts.json or opts.plan or opts.events):
            raise UsageError("--json, --plan and --events go without a URL", print_help=False)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if opts.schema:
            from datasync_spider.sources.files.schema import schema_text

            print(schema_text(), end="")
            return
        if args:
            self._discover_url(args[0], opts)
            return
        from datasync_spider.sync.planning import named_plan

        assert self.settings is not None
        load_config(self.settings)
        try:
            with stoppable(), api(self.settings, named_plan(self.settings)):
                self.exitcode = _discover(named_plan(self.settings), opts)
        except ConfigurationError as error:
            print(f"discover: {error}", file=sys.stderr)
            self.exitcode = exitcodes.BAD_CONFIGURATION
        except ConnectionTrouble as error:
            print(f"discover: there was no whole answer: {error}", file=sys.stderr)
            self.exitcode = exitcodes.FAILED
        except (FatalError, StorageError) as error:
            print(f"discover: {error}", file=sys.stderr)
            self.exitcode = exitcodes.FAILED
        except Stopped:
            self.exitcode = exitcodes.STOPPED

    def _discover_url(self, url: str, opts: argparse.Namespace) -> None:
        from datasync_spider.ops.discovery.url.investigating import NothingFound
        from datasync_spider.ops.discovery.url.running import Wanted, discover_url
        from datasync_spider.ops.discovery.url.target import make_target

        assert self.settings is not None
        config = load_config(self.settings)
        wanted = Wanted(opts.write, opts.name, opts.force)
        try:
            target = make_target(url, opts.method, opts.header, opts.data)
            with stoppable():
                made = discover_url(self.settings, config, target, wanted, _say)
        except ConfigurationError as error:
            print(f"discover: {error}", file=sys.stderr)
            self.exitcode = exitcodes.BAD_CONFIGURATION
        except NothingFound as error:
            print(f"discover: {error}", file=sys.stderr)
            self.exitcode = exitcodes.FAILED
        except ConnectionTrouble as error:
            print(f"discover: there was no whole answer: {error}", file=sys.stderr)
            self.exitcode = exitcodes.FAILED
        except Stopped:
            self.exitcode = exitcodes.STOPPED
        else:
            self._report(made, wanted.file, config.sources_dir)

    def _report(self, made: Made, file: Path | None, sources_dir: Path) -> None:
        """Standard output is the file, and nothing else."""
        if made.refusal is not None or file is None:
            print(made.text, end="")
        if made.refusal is not None:
            _say(f"discover: this version does not read what it found:\n{made.refusal}")
            self.exitcode = exitcodes.FAILED
        elif file is None:
            _say(f"nothing is written: put it into {sources_dir / f'{made.name}.toml'}, or say --write FILE")
        else:
            _say(f"written to {file}; next: {typed()} crawl {made.name}.{made.stream} --dry-run")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _discover(plan: SyncPlan, opts: argparse.Namespace) -> int:
    from datasync_spider.logs.redaction import Redactor
    from datasync_spider.observe.display import shown_headers
    from datasync_spider.ops.discovery.assumptions import Wanted, assume
    from datasync_spider.ops.discovery.discovered import as_lines, as_report
    from datasync_spider.ops.discovery.effort import make_plan, plan_report
    from datasync_spider.ops.discovery.examine import examine
    from datasync_spider.transport.apiclient import ApiClient

    config = plan.config
    asked = plan.request(None, page_size=_ASKED_EVENTS)
    url = asked.url
    client = ApiClient.of(plan)
    answer = client.ask(asked)
    found = examine(plan.pages, url, answer.status, answer.headers, answer.body, answer.received_at, _ASKED_EVENTS)
    sent = shown_headers(client.request_headers, plan.secrets)
    shown = Redactor(plan.secrets).redact(url)
    request = {"url": shown, "request_headers": sent, "seconds": round(answer.seconds, 3)}
    report = {**request, **as_report(found, plan.secrets)}
    wanted = Wanted(config.page_limit, opts.events, opts.page_seconds, opts.key_hours * 3600)
    assumed = assume(found, wanted) if opts.plan else None
    estimate = make_plan(assumed) if assumed else None
    if opts.json:
        print(json.dumps({**report, "plan": plan_report(estimate) if estimate else None}))
    else:
        lines = [f"GET {shown}", *(f"  {name}: {value}" for name, value in sent)]
        print("\n".join([*lines, f"answered within {answer.seconds:.2f} s", *as_lines(report)]))
        if opts.plan:
            print("\n".join(_planned(estimate)))
    return exitcodes.COMPLETE if found.page is not None else exitcodes.FAILED


def _planned(plan: Plan | None) -> list[str]:
    from datasync_spider.ops.discovery.effort import plan_lines

    return plan_lines(plan) if plan else ["plan: the API reports no total: say with --events how many to plan for"]


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _positive_seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return number
