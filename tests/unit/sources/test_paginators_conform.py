"""All paginators keep the promises that the kit tests, each with an API that pages so."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.sources.paginators.choose import paginator
from datasync_spider.testing.paginators import check_paginator
from tests.unit.sources.pagingapis import APIS


@pytest.mark.parametrize("api", APIS, ids=lambda api: type(api).__name__)
def test_every_paginator_keeps_all_promises(api: Any) -> None:
    check_paginator(lambda: paginator(api.next_), api)
