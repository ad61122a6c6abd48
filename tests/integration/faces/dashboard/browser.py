"""A real Chromium that looks at the dashboard and keeps book of everything that it should not have to complain about.

Needs the Python package playwright for driving it, and a Chromium of the system; playwright's own download is not used.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
MISSING = [
    what
    for what, there in (
        ("the Python package playwright (pip install playwright)", importlib.util.find_spec("playwright")),
        ("a Chromium (Debian: apt-get install chromium)", CHROMIUM),
    )
    if not there
]
# Where the browser is meant to be, as on a build machine, REQUIRE_BROWSER=1 makes its absence a failure.
SKIPPED = bool(MISSING) and os.environ.get("REQUIRE_BROWSER") != "1"
REASON = f"needs a browser; missing: {', '.join(MISSING)}"
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
]
_WATCH = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) =>
        window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""
# How many pixels of a canvas are about of the colour that this name stands for.
_PIXELS = """
    (canvas, name) => {
        const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
        const wanted = [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
        const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
        const context = copy.getContext("2d", { willReadFrequently: true });
        context.drawImage(canvas, 0, 0);
        const { data } = context.getImageData(0, 0, copy.width, copy.height);
        let found = 0;
        for (let at = 0; at < data.length; at += 4) {
            found += data[at + 3] > 200 && wanted.every((value, place) => Math.abs(value - data[at + place]) < 16);
        }
        return found;
    }
"""


class Window:
    """A page in the browser. ``page`` is playwright's; its types are not at hand where it is not installed."""

    def __init__(self, page: Any, base: str) -> None:
        self.page = page
        self._base = base
        self.complaints: list[str] = []
        page.add_init_script(_WATCH)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self._base, "data:")):
            self.complaints.append(f"request to {request.url}")

    def open(self, hash_: str = "#/") -> None:
        self.page.goto(f"{self._base}/{hash_}")
        self.page.wait_for_selector("#asof:not(:empty)")

    def go(self, hash_: str) -> None:
        """To another view, as a link would."""
        self.page.evaluate("(hash) => { location.hash = hash }", hash_)

    def violations(self) -> list[str]:
        """What the page's own policy forbade since it was loaded."""
        found: list[str] = self.page.evaluate("window.violations")
        return found

    def assert_content(self) -> None:
        """No complaint of any kind."""
        assert self.violations() == []
        assert self.complaints == [], self.complaints

    def has_curve(self, figure: str, colour: str = "chart-1") -> bool:
        """Whether something of this colour is drawn on the chart of this name."""
        canvas = self.page.locator(f"figure[aria-label='{figure}'] canvas")
        canvas.wait_for()
        return int(canvas.evaluate(_PIXELS, colour)) > 100

    def fact(self, term: str) -> str:
        """What is said under a term of a description list, on the one card or panel that there is."""
        text: str = self.page.locator(f".fact:has(dt:text-is('{term}')) dd > :first-child").inner_text()
        return text


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser. Imported here, so that this file can be read where playwright is not installed."""
    playwright = importlib.import_module("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Any, base: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> Iterator[Window]:
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", timezone_id="UTC"
    )
    try:
        context.set_default_timeout(30_000)
        yield Window(context.new_page(), base)
    finally:
        context.close()
