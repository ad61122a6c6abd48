"""What tests of several packages share that need no I/O."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datasync_spider.api import compiled
from tests.support.compiling import require_compiled


@pytest.fixture(scope="module", params=["compiled", "python"])
def each_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs a file's tests twice: with the compiled reading of pages and writing of rows, and as where there is none."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "compiled":
            require_compiled()
        else:
            patch.setattr(compiled, "IS_COMPILED", False)
        yield
