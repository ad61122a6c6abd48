"""What the exit code is made from."""

from __future__ import annotations

import pytest

from datasync_spider.ops.verification.check import Check, exit_code, fails, falls_short, holds

OK = holds("a", "fine")
SHORT = falls_short("b", "7 are missing", "crawl", {})
WRONG = fails("c", "differs", "mend")


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ([], 0),
        ([OK], 0),
        ([OK, SHORT], 3),
        ([SHORT, SHORT], 3),
        ([OK, WRONG], 1),
        ([SHORT, WRONG], 1),
    ],
)
def test_only_a_shortfall_alone_is_called_incomplete(checks: list[Check], code: int) -> None:
    assert exit_code(checks) == code
