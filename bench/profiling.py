"""A flame graph of a crawl, every thread its own, by a sampling profiler outside of the process.

Invariant: nothing is put into the profiled process, so that what is seen is what runs without it; only its speed
suffers, which is why a profiled crawl is never a sample.
"""

from __future__ import annotations

import sys
from pathlib import Path

_SAMPLES_A_SECOND = 250


def profiler(flame_graph: Path) -> list[str]:
    """What goes before the command. Raises RuntimeError without py-spy, which the development pins bring."""
    program = Path(sys.executable).with_name("py-spy")
    if not program.exists():
        raise RuntimeError("--profile needs py-spy: pip install -r requirements-dev.txt")
    flame_graph.parent.mkdir(parents=True, exist_ok=True)
    rate = str(_SAMPLES_A_SECOND)
    # Without --idle only threads that use the processor are counted.
    return [str(program), "record", "--threads", "--rate", rate, "--output", str(flame_graph), "--"]
