"""A stream whose fields have changed, on the page in a real Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from datasync_spider.storage.connection import connected
from datasync_spider.storage.streams import accept
from tests.integration.faces.dashboard.browser import REASON, SKIPPED, window
from tests.integration.faces.dashboard.process import DashboardProcess
from tests.support.pages import event, page
from tests.support.runs import run_writer
from tests.support.sources import stream_spec

pytestmark = pytest.mark.skipif(SKIPPED, reason=REASON)
HOSTILE = "<b>\u202eevil</b>"
OLD, NEW = {"amount": 1, "region": "eu"}, {"amount": "1", "coupon": None, HOSTILE: 1}


def test_changes_of_fields_are_a_badge_with_their_names_until_they_are_accepted(
    start_dashboard: Callable[..., DashboardProcess], database_url: str, browser: Any, expect: Any
) -> None:
    with run_writer(database_url, stream_spec("orders")) as run:
        for number in range(1, 41):
            payload = json.dumps(OLD if number <= 20 else NEW).encode()
            run.write(page(number, [event(f"{number} {place}", payload=payload) for place in range(8)]))
        stream_id = run.run.slice.stream_id
    with window(browser, start_dashboard().url) as view:
        view.open()
        card = view.page.locator("article.stream", has_text="orders")
        badge = card.locator(".badge", has_text="changed")
        expect(badge).to_have_text("4 fields changed")
        expect(badge).to_have_attribute("data-tone", "warning")
        fields = card.locator("p.drift")
        expect(fields).to_contain_text("Fields: region vanished (it was text); ")
        expect(fields).to_contain_text("amount changed its type (bigint, now also text)")
        expect(fields).to_contain_text("<b>⟨U+202E⟩evil</b> appeared (bigint)")
        with connected(database_url) as connection:
            accept(connection, stream_id, None)
        expect(badge).to_be_hidden()
        expect(fields).to_be_hidden()
        view.assert_content()
