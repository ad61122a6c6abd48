"""Files of the catalog are no one's until they are copied, as docs/sources/catalog.md says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CATALOG = PROJECT / "datasync_spider" / "sources" / "catalog"


def listed(sources: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "list"],
        cwd=PROJECT,
        env={**os.environ, "SOURCES_DIR": str(sources)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.split()


def test_a_file_of_the_catalog_is_listed_once_it_is_copied(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    assert listed(sources) == ["events"]
    shutil.copy(CATALOG / "github.toml", sources)
    assert listed(sources) == ["events", "github.issues"]
