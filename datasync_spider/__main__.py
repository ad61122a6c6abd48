"""``datasync``, or ``python -m datasync_spider``: Scrapy's command line, with our settings where no others are.

Invariant: a ``scrapy.cfg`` in the working directory or above it counts as it does for ``scrapy``. Where there is none
the working directory is the project.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scrapy.cmdline import execute
from scrapy.utils.conf import closest_scrapy_cfg, init_env
from scrapy.utils.project import ENVVAR

_SETTINGS = "datasync_spider.settings"
# It makes a project, so that none above has a say in what it does.
_MAKES_A_PROJECT = "init"


def main() -> None:
    """Ends the process with the command's exit code."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if command == _MAKES_A_PROJECT:
        os.environ[ENVVAR] = _SETTINGS
    elif ENVVAR not in os.environ and closest_scrapy_cfg():
        init_env(os.environ.get("SCRAPY_PROJECT", "default"))
    if ENVVAR not in os.environ:
        os.environ[ENVVAR] = _SETTINGS
        # As Scrapy does it for a project: classes that a source names may stand in its folder.
        sys.path.append(str(Path.cwd()))
    execute()


if __name__ == "__main__":
    main()
