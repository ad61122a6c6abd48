"""``python -m bench report FILE [--into PAGE]``: a saved report as Markdown, printed or put into a page.

Invariant: in a page only what stands between the two marks of the report's kind is replaced, and the same report gives
the same text, so that a test can hold the page to the file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Report
from bench.reports import load
from bench.table import markdown_table, wide_markdown_table


def publish(arguments: Sequence[str]) -> int:
    """Exit code 0, or SystemExit with what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench report", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--into", type=Path, metavar="PAGE", help="a page with the marks <!-- KIND --> and <!-- /KIND -->"
    )
    options = parser.parse_args(arguments)
    report = load(options.file)
    if options.into is None:
        print(markdown(report))
        return 0
    page = options.into.read_text(encoding="utf-8")
    options.into.write_text(replaced(page, report.kind, markdown(report)), encoding="utf-8")
    return 0


def markdown(report: Report) -> str:
    """The circumstances, the table, and what the cases are."""
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    circumstances = (
        f"Taken {report.taken_at[:16].replace('T', ' ')} UTC by `{report.command}` at commit {report.commit},"
        f" on {machine.cores} cores ({machine.cpu}), {machine.memory_gb:.0f} GB, {machine.system}, load"
        f" {machine.load_before} before; {versions}."
    )
    noun = "slices" if report.kind == "slices" else "events"
    cases = [f"- {case.name}: {case.title}; {case.events:,} {noun}, {_times(case.rounds)}" for case in report.cases]
    notes = [f"- {case.name}: {note}" for case in report.cases for note in case.notes]
    table = wide_markdown_table(report) if report.kind == "slices" else markdown_table(report)
    return "\n".join([circumstances, "", table, "", *cases, *notes])


def _times(rounds: int) -> str:
    return "once" if rounds == 1 else f"{rounds} rounds"


def replaced(page: str, kind: str, text: str) -> str:
    """The page with the text between its marks. Raises SystemExit where they are missing."""
    opening, closing = f"<!-- {kind} -->", f"<!-- /{kind} -->"
    before, found, rest = page.partition(opening)
    _, also_found, after = rest.partition(closing)
    if not found or not also_found:
        raise SystemExit(f"the page has no {opening} … {closing}")
    return f"{before}{opening}\n{text}\n{closing}{after}"
