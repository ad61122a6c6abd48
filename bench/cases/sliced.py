"""The price of slices: the same rows into the table of a stream that has some, and into one of a stream without."""

from __future__ import annotations

from bench.bench import Bench
from bench.figures import CaseFound, Figure, ratios
from bench.sidebyside import Taken, write_side_by_side

NAME = "sliced"
TITLE = "the same batches into a table without slices and into a sliced one, in turns; nothing is fetched"
EVENTS, QUICK_EVENTS = 600_000, 20_000
_TARGET = 0.95


def run(bench: Bench) -> CaseFound:
    total = bench.size(EVENTS, QUICK_EVENTS)
    unsliced = Figure(what="rows of a stream without slices", unit="events/s")
    sliced = Figure(what="rows of a slice", unit="events/s", target=_TARGET)

    def measure_both() -> str:
        with bench.server.fresh() as url:
            taken = write_side_by_side(url, total)
        _keep(unsliced, taken[0], total)
        _keep(sliced, taken[1], total)
        return f"{unsliced.samples[-1]:,.0f} and {sliced.samples[-1]:,.0f} rows/s"

    bench.take_turns({"both": measure_both})
    sliced.ratios = ratios(sliced.samples, unsliced.samples)
    return CaseFound(name=NAME, title=TITLE, rounds=bench.rounds, events=total, figures=[unsliced, sliced])


def _keep(figure: Figure, taken: Taken, total: int) -> None:
    figure.samples.append(total / taken.seconds)
    figure.cpu_seconds.append(taken.cpu_seconds)
