"""Two runs of the benchmark beside each other. Pure.

Invariant: a change is called one only where it is larger than what the rounds of both runs differ by among themselves;
on a shared machine most differences are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.figures import Figure, Report
from bench.table import align, number

Verdict = Literal["within the spread", "changed", "one round shows nothing", "only now", "only then"]


@dataclass(frozen=True, slots=True)
class Change:
    """One figure then and now; judged by ratios where both have some, for they outlive a change of machine."""

    case: str
    what: str
    unit: str
    then: float | None
    now: float | None
    verdict: Verdict

    @property
    def share(self) -> float | None:
        """By how much it grew."""
        return None if self.then is None or self.now is None or not self.then else self.now / self.then - 1


def changes(then: Report, now: Report) -> list[Change]:
    """Every figure of the cases that were measured now, in their order."""
    earlier = {(case.name, figure.what): figure for case in then.cases for figure in case.figures}
    current = {(case.name, figure.what): figure for case in now.cases for figure in case.figures}
    measured_now = {case.name for case in now.cases}
    gone = [key for key in earlier if key not in current and key[0] in measured_now]
    return [_change(key, earlier.get(key), current.get(key)) for key in (*current, *gone)]


def _change(key: tuple[str, str], then: Figure | None, now: Figure | None) -> Change:
    case, what = key
    if then is not None and now is not None:
        is_ratio = bool(then.ratios and now.ratios)
        old, new = (then.ratios, now.ratios) if is_ratio else (then.samples, now.samples)
        unit = "of the limit" if is_ratio else now.unit
        return Change(case, what, unit, _median(old), _median(new), _judged(old, new))
    if now is not None:
        return Change(case, what, now.unit, None, now.median, "only now")
    assert then is not None
    return Change(case, what, then.unit, then.median, None, "only then")


def _judged(old: list[float], new: list[float]) -> Verdict:
    if min(len(old), len(new)) < 2:
        return "one round shows nothing"
    return "within the spread" if _overlap(old, new) else "changed"


def _overlap(old: list[float], new: list[float]) -> bool:
    return min(old) <= max(new) and min(new) <= max(old)


def _median(samples: list[float]) -> float:
    return Figure(what="", unit="", samples=samples).median


def comparison_table(then: Report, now: Report) -> str:
    """For people; begins with what else differs between the two."""
    rows = [("case", "what", "then", "now", "change", "")]
    for change in changes(then, now):
        share = change.share
        rows.append(
            (
                change.case,
                change.what,
                "" if change.then is None else f"{number(change.then)} {change.unit}".strip(),
                "" if change.now is None else f"{number(change.now)} {change.unit}".strip(),
                "" if share is None else f"{share:+.0%}",
                change.verdict,
            )
        )
    return "\n".join([*_differences(then, now), align(rows)])


def _differences(then: Report, now: Report) -> list[str]:
    lines = [f"compared with {then.taken_at}, commit {then.commit}"]
    if (then.machine.cpu, then.machine.cores) != (now.machine.cpu, now.machine.cores):
        lines.append(f"another machine: {then.machine.cores} × {then.machine.cpu}; only ratios can be compared")
    lines += [
        f"{name}: {then.machine.versions.get(name, 'none')} then, {version} now"
        for name, version in now.machine.versions.items()
        if then.machine.versions.get(name) != version
    ]
    return lines
