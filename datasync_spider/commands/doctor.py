"""``scrapy doctor``: configuration, code, database, API, disk and clocks, each with a remedy where something is amiss.

With the name of a source or of a stream it looks at that file instead, and proves it with at most three requests.

Exit code 0 where a crawl can be started, 1 where there is a problem. The configuration's own mistakes are problems
like the others here, not a refusal to look.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from datasync_spider.errors import ConfigurationError, Stopped, StorageError
from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import api, database, load_config, stoppable

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

    from datasync_spider.ops.doctor.configuration import InForce
    from datasync_spider.ops.doctor.finding import Finding
    from datasync_spider.storage.credentials import Waits
    from datasync_spider.storage.inspection import DatabaseFacts
    from datasync_spider.sync.plan import SyncPlan

# A person who looks wants to know now; a crawl is more patient.
_LONGEST_LOOK_SECONDS = 10.0


class Command(ScrapyCommand):
    """See the module's text."""

    requires_project = True
    requires_crawler_process = False

    def syntax(self) -> str:
        return "[options] [SOURCE or SOURCE.STREAM]"

    def short_desc(self) -> str:
        return "Look at everything that a crawl needs, or at one source, and say what to do about what is amiss"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--offline", action="store_true", help="with a source: send nothing")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if len(args) > 1:
            raise UsageError(f"unexpected: {' '.join(args[1:])}", print_help=False)
        if opts.offline and not args:
            raise UsageError("--offline goes with the name of a source", print_help=False)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from datasync_spider.ops.doctor.diagnosis import as_lines, as_report
        from datasync_spider.ops.doctor.finding import has_problems

        assert self.settings is not None
        try:
            with stoppable():
                if args:
                    settings, findings, secrets = _look_at_source(self.settings, args[0], is_offline=opts.offline)
                else:
                    settings, findings, secrets = _look(self.settings)
        except Stopped:
            self.exitcode = exitcodes.STOPPED
            return
        report = as_report(settings, findings, secrets)
        print(json.dumps(report) if opts.json else "\n".join(as_lines(report)))
        self.exitcode = exitcodes.FAILED if has_problems(findings) else exitcodes.COMPLETE


def _look(settings: BaseSettings) -> tuple[list[InForce], list[Finding], tuple[str, ...]]:
    from datasync_spider.config import Config
    from datasync_spider.config.model import project_directory
    from datasync_spider.config.sources import Sources, read_dotenv
    from datasync_spider.ops.doctor import configuration
    from datasync_spider.ops.doctor.compiledcode import check_compiled
    from datasync_spider.ops.doctor.configuration import check_configuration, settings_in_force
    from datasync_spider.ops.doctor.disk import check_disk, free_bytes
    from datasync_spider.ops.doctor.finding import problem
    from datasync_spider.ops.doctor.keptokens import check_tokens
    from datasync_spider.records.compiled import IS_COMPILED
    from datasync_spider.sync.planning import named_plan

    try:
        config = Config.from_settings(settings)
    except ConfigurationError as error:
        remedy = "correct what is named; the rest is looked at when the settings can be read"
        return [], [problem(configuration.PART, str(error), remedy)], ()
    # Before anything is set by code, which would then pass for the source.
    sources = Sources(settings, os.environ, read_dotenv(project_directory() / ".env"))
    in_force = settings_in_force(sources, config)
    config = load_config(settings)
    try:
        plan = named_plan(settings)
    except ConfigurationError as error:
        remedy = "correct what is named; the rest is looked at when it is known what is to be asked"
        return in_force, [*check_configuration(config), problem(configuration.PART, str(error), remedy)], config.secrets
    findings = [*check_configuration(config), check_compiled(IS_COMPILED)]
    findings += check_tokens(plan.authorization.grant, is_sealed=config.token_encryption_keys is not None)
    findings += _look_at_database(settings, plan)
    findings += _look_at_api(settings, plan)
    findings.append(check_disk(config.home, free_bytes(config.home), embedded=config.database_url is None))
    return in_force, findings, plan.secrets


def _look_at_source(
    settings: BaseSettings, name: str, *, is_offline: bool
) -> tuple[list[InForce], list[Finding], tuple[str, ...]]:
    """The file, the database, and what the API answers to the first stream that can be asked for."""
    from datasync_spider.config import Config
    from datasync_spider.ops.doctor import configuration
    from datasync_spider.ops.doctor.finding import fine, problem
    from datasync_spider.ops.doctor.firstpage import look
    from datasync_spider.ops.doctor.proof import prove
    from datasync_spider.ops.doctor.sourcefile import PART, check_file
    from datasync_spider.transport.apiclient import ApiClient

    try:
        Config.from_settings(settings)
    except ConfigurationError as error:
        return [], [problem(configuration.PART, str(error), "correct what is named")], ()
    load_config(settings)
    findings, plans = check_file(settings, name)
    if not plans:
        return [], findings, ()
    secrets = tuple(secret for plan in plans for secret in plan.secrets)
    findings += _look_at_database(settings, plans[0], is_named=False)
    if is_offline:
        return [], [*findings, fine(PART, "nothing was sent")], secrets
    try:
        with api(settings, plans[0]):
            client = ApiClient.of(plans[0])
            beginning = plans[0].beginning(int(time.time() * 1_000))
            findings += prove(beginning, lambda plan, position: look(client, plan, position))
    except ConfigurationError as error:
        findings.append(problem(PART, str(error), "correct what it names"))
    others = dict.fromkeys(plan.spec.name for plan in plans if plan.spec.name != plans[0].spec.name)
    if others:
        findings.append(fine(PART, f"not asked: {', '.join(others)}; name one to prove it"))
    return [], findings, secrets


def _look_at_database(settings: BaseSettings, plan: SyncPlan, *, is_named: bool = True) -> list[Finding]:
    """``is_named``: the stream's name is a setting's, which may be a slip."""
    from datasync_spider.ops.doctor.clock import check_clock
    from datasync_spider.ops.doctor.database import check_database, check_stream, check_variables, unreachable
    from datasync_spider.ops.doctor.waits import check_waits
    from datasync_spider.storage.dsn import counting_variables, ignored_variables
    from datasync_spider.storage.inspection import inspect_database

    config = plan.config
    # Before anything connects, which takes one of them out of the environment.
    ignored = ignored_variables(os.environ)
    try:
        with database(settings, config) as database_url:
            variables = check_variables(ignored, counting_variables(os.environ, database_url))
            facts = inspect_database(database_url)
            names, waits = _look_at_tables(database_url, plan, facts)
    except StorageError as error:
        return [*check_variables(ignored, ()), unreachable(error, config.database_label)]
    here = time.time()
    return [
        *check_database(facts, config.database_label),
        *variables,
        check_clock("the database", facts.server.now_epoch, here, 1.0),
        *(check_stream(plan.spec.name, names) if is_named else []),
        *check_waits(waits.credential_id, waits.closed, config.rate_limit_wait_budget_ms / 1000, here),
    ]


def _look_at_tables(database_url: str, plan: SyncPlan, facts: DatabaseFacts) -> tuple[list[str], Waits]:
    """The streams, and what the API has asked for; nothing where there are no tables to be read; that is reported."""
    from datasync_spider.storage.connection import connected
    from datasync_spider.storage.credentials import Waits, find_waits
    from datasync_spider.storage.registry import find_slice
    from datasync_spider.storage.status import read_stream_names

    if facts.pending or facts.alien_schema is not None or facts.missing_rights or facts.table_faults:
        return [], Waits()
    with connected(database_url) as connection:
        slice_ = find_slice(connection, plan.spec.name, plan.spec.reader, plan.spec.slice)
        slice_id = None if slice_ is None else slice_.slice_id
        return read_stream_names(connection), find_waits(connection, plan.spec.credential, slice_id)


def _look_at_api(settings: BaseSettings, plan: SyncPlan) -> list[Finding]:
    from datasync_spider.ops.doctor.finding import problem
    from datasync_spider.ops.doctor.reachability import check_api
    from datasync_spider.sync.planning import named_plan
    from datasync_spider.transport.apiclient import ApiClient

    try:
        with api(settings, plan):
            reachable = named_plan(settings)
            timeout = min(reachable.config.timeout_seconds, _LONGEST_LOOK_SECONDS)
            return check_api(ApiClient.of(reachable, timeout_seconds=timeout, is_anonymous=True))
    except ConfigurationError as error:
        return [
            problem("api", str(error), "correct what it names, see its log where it names one, or set API_BASE_URL")
        ]
