"""``python -m bench`` measures; ``sources``, ``peers``, ``growth``, ``slices``, ``report``, ``path`` are others."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence

from bench.growth import grow
from bench.measuring import measure
from bench.path.rendering import show_path
from bench.peers.comparing import compare_peers
from bench.publishing import publish
from bench.scale.measuring import measure_slices
from bench.sources import measure_sources

COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "sources": measure_sources,
    "peers": compare_peers,
    "growth": grow,
    "slices": measure_slices,
    "report": publish,
    "path": show_path,
}


def main(arguments: Sequence[str]) -> int:
    """Runs what the first argument names, else the benchmark itself. Exit code 2: something could not be measured."""
    # An exception, so that servers, crawls and directories are cleared away as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if arguments and arguments[0] in COMMANDS:
            return COMMANDS[arguments[0]](arguments[1:])
        return measure(arguments)
    except RuntimeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
