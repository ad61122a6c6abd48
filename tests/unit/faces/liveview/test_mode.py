"""The picture is for a person at a terminal, the lines are for all others."""

from __future__ import annotations

from typing import Any

import pytest

from datasync_spider.faces.liveview.mode import wants_live_view

TERMINAL: dict[str, Any] = {
    "is_terminal": True,
    "terminal_type": "xterm-256color",
    "log_format": "text",
    "log_file": None,
    "log_enabled": True,
}


def test_a_terminal_gets_the_picture() -> None:
    assert wants_live_view(**TERMINAL)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"is_terminal": False},
        {"terminal_type": ""},
        {"terminal_type": "dumb"},
        {"log_format": "json"},
        {"log_file": "crawl.log"},
        {"log_enabled": False},
    ],
    ids=str,
)
def test_everything_else_gets_lines(otherwise: dict[str, Any]) -> None:
    assert not wants_live_view(**{**TERMINAL, **otherwise})
