"""Reports made by hand."""

from __future__ import annotations

from bench.figures import CaseFound, Figure, Machine, Report

MACHINE = Machine(
    cpu="A processor", cores=2, memory_gb=24.0, system="Linux 6.1", load_before=0.1, versions={"python": "3.11.7"}
)


def report(*cases: CaseFound, machine: Machine = MACHINE, commit: str = "abc") -> Report:
    return Report(
        kind="cases",
        taken_at="2026-01-02T03:04:05+00:00",
        command="python -m bench",
        commit=commit,
        machine=machine,
        cases=list(cases),
    )


def case(name: str, *figures: Figure) -> CaseFound:
    return CaseFound(name=name, title=f"the {name} case", rounds=3, events=1_000, figures=list(figures))


def figure(what: str, *samples: float, unit: str = "events/s", ratios: tuple[float, ...] = ()) -> Figure:
    return Figure(what=what, unit=unit, samples=list(samples), ratios=list(ratios))
