"""Looks for the reasons in the code itself, so that a new one without words fails here."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import datasync_spider
from datasync_spider.errors import DatasyncError, FencedOff, PageLost
from datasync_spider.faces.dashboard.remedies import REJECTION_REASONS, RUN_REASONS, explain_rejection, explain_run
from datasync_spider.observe import reasons as api_reasons
from datasync_spider.storage.completion import Counted, pass_verdict
from datasync_spider.sync.outcome import Outcome

PACKAGE = Path(datasync_spider.__file__).parent
SLUG = re.compile(r"[a-z][a-z0-9_]+")
# Packages whose errors end no crawl, and therefore stand in no run's row.
DOCUMENTED = ("Why a run ended", "Why an event was rejected")
ELSEWHERE = ("datasync_spider.datasync.submission", "datasync_spider.storage.submissions")


def error_reasons() -> dict[str, str]:
    for name in ("spiders", "pipelines", "extensions"):
        package = importlib.import_module(f"datasync_spider.{name}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    found: dict[str, str] = {}
    waiting: list[type[DatasyncError]] = [DatasyncError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        reason = kind.__dict__.get("reason")
        if isinstance(reason, str) and not kind.__module__.startswith(ELSEWHERE):
            found[kind.__name__] = reason
    return found


def test_errors_were_found() -> None:
    assert {"RetriesExhausted", "FencedOff", "NoProgress"} <= error_reasons().keys()


@pytest.mark.parametrize(("kind", "reason"), sorted(error_reasons().items()))
def test_the_reason_of_each_error_has_words(kind: str, reason: str) -> None:
    assert reason in RUN_REASONS, f"{kind} ends runs with a reason that the page has no words for"


def returned_texts(path: Path, functions: set[str]) -> set[str]:
    tree = ast.parse(path.read_text())
    found = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name in functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    found |= {
                        n.value
                        for n in ast.walk(node.value)
                        if isinstance(n, ast.Constant) and isinstance(n.value, str)
                    }
    return found


def test_each_reason_that_an_ending_gives_has_words() -> None:
    texts = returned_texts(PACKAGE / "sync" / "outcome.py", {"ended"})
    slugs = {text for text in texts if SLUG.fullmatch(text)} - {"complete", "incomplete", "stopped", "failed", "fenced"}
    assert {"last_page", "page_lost", "ended_early"} <= slugs
    assert slugs - {"reason"} <= RUN_REASONS.keys()


def test_endings_that_were_made_have_words() -> None:
    signalled, failed, fenced, short = Outcome(), Outcome(), Outcome(), Outcome()
    signalled.stop("SIGTERM")
    failed.fail(PageLost("x"))
    fenced.fail(FencedOff("x"))
    reasons = {ending.ended([])[1] for ending in (signalled, failed, fenced, short)} | {Outcome().ended([3])[1]}
    assert reasons == {"SIGTERM", "page_lost", "fenced", "ended_early"}
    assert reasons <= RUN_REASONS.keys()
    assert "SIGINT" in RUN_REASONS


def test_verdicts_have_words() -> None:
    for ends_pass in ("last_page", "reached_known"):
        assert pass_verdict(10, 10, 0, 0, ends_pass, counted_twice=0).reason in RUN_REASONS
    assert pass_verdict(10, 5, 0, 0, "last_page", counted_twice=0).reason in RUN_REASONS
    assert pass_verdict(10, 10, 0, 0, "last_page", counted_twice=0, counted=Counted(10, 9)).reason in RUN_REASONS


def test_reasons_that_are_written_as_literals_have_words() -> None:
    written = set()
    for name in ("storage/runs.py", "storage/takeover.py", "sync/fetching.py", "pipelines/postgres.py"):
        text = (PACKAGE / name).read_text()
        written |= set(re.findall(r'"reason": (?:\w+ or )?"([a-z_]+)"', text))
        written |= set(re.findall(r'ends_pass = (?:\w+ if .*? else )?"([a-z_]+)"', text))
    assert {"lost", "ended_abruptly", "reached_known"} <= written
    assert written <= RUN_REASONS.keys()


def test_each_reason_of_a_rejected_event_has_words() -> None:
    slugs = {name: slug for name, slug in vars(api_reasons).items() if isinstance(slug, str) and name.isupper()}
    judges = "".join(
        (PACKAGE / "records" / f"{name}.py").read_text()
        for name in ("event", "eventid", "grammar", "ids", "pieces", "strictparser", "shapes")
    )
    used = {slug for name, slug in slugs.items() if re.search(rf"\b{name}\b", judges)}
    assert {"no_id", "malformed_json", "not_an_object"} <= used
    assert used <= REJECTION_REASONS.keys()


def test_each_reason_that_is_documented_has_words() -> None:
    text = (PACKAGE.parent / "docs" / "reference" / "reasons.md").read_text()
    ends, rejections = (text.partition(f"\n## {title}\n")[2].partition("\n## ")[0] for title in DOCUMENTED)
    reported = set(re.findall(r"^\| `(\w+)` \|", ends, re.MULTILINE))
    assert "short_read" in reported
    assert reported <= RUN_REASONS.keys()
    reported = set(re.findall(r"^\| `(\w+)` \|", rejections, re.MULTILINE))
    assert "no_id" in reported
    assert {slug for slug in reported if not slug.startswith("refused_by_postgresql")} <= REJECTION_REASONS.keys()


def test_words_are_sentences() -> None:
    for explanation in [*RUN_REASONS.values(), *REJECTION_REASONS.values()]:
        assert explanation.words[0].isupper()
        assert explanation.words.endswith(".")


def test_what_postgresql_refuses_names_its_code() -> None:
    assert "22P02" in explain_rejection("refused_by_postgresql_22p02").words


def test_an_unknown_reason_is_shown_without_what_does_not_show() -> None:
    assert "“new_one”" in explain_run("new_one").words
    assert "⟨U+202E⟩" in explain_run("\u202e").words
    assert "⟨U+202E⟩" in explain_rejection("\u202e").words
    assert explain_run(None).words
