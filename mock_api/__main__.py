"""`python -m mock_api` serves; `python -m mock_api events` prints the ground truth.

Only chooses between the two. Each is imported when it is chosen: the ground truth starts faster without
a server's modules, and tests ask for it often.
"""

import os
import sys

# Read before the imports below take their time: a parent that ends meanwhile must be noticed.
_PARENT = os.getppid()


def main() -> int:
    """Run the command that the arguments name; return the exit status."""
    if sys.argv[1:2] == ["events"]:
        from mock_api.truth import print_events  # noqa: PLC0415 - see above

        try:
            print_events(sys.argv[2:], os.environ, sys.stdout.buffer)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough, as with `| head`. Nothing may be flushed into the broken pipe at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0

    from mock_api.options import parse  # noqa: PLC0415 - see above
    from mock_api.server import run  # noqa: PLC0415 - see above

    return run(parse(sys.argv[1:], os.environ), _PARENT)


if __name__ == "__main__":
    sys.exit(main())
