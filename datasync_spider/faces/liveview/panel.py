"""The live view's picture of a run, for a terminal of any width. Pure: it draws a state at an instant.

Everything shown that came from outside, such as the text of a warning, is drawn as plain text without control
characters.
"""

from __future__ import annotations

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from datasync_spider.faces.progress.state import Activity, ProgressState
from datasync_spider.faces.progress.texts import activity_text, run_phrases, stored_text
from datasync_spider.observe.columns import duration

STYLES = {
    Activity.STARTING: "cyan",
    Activity.FETCHING: "green",
    Activity.WRITING: "green",
    Activity.WAITING: "yellow",
    Activity.DATABASE_AWAY: "bold red",
    Activity.ENDING: "magenta",
}
_NOTED = {"rejected": "red", "conflicts": "yellow", "retries": "yellow"}
_BAR_CELLS = 10
# A terminal shows a Ctrl-C as ^C behind the last line. Where that wraps, the next drawing misses a line of the former.
MARGIN_CELLS = 4


class Warned(Struct, frozen=True):
    """The last warning and when it came."""

    text: str
    at: float


def panel(state: ProgressState, warned: Warned | None, now: float) -> RenderableType:
    """A bar, the counters, what is going on, and the last warning if there was one."""
    lines: list[RenderableType] = [_bar(state, now), _rates(state, now), _counters(state), _activity(state, now)]
    if warned is not None:
        lines.append(warning_line(warned, now))
    return Padding(Group(*lines), (0, MARGIN_CELLS, 0, 0))


def _bar(state: ProgressState, now: float) -> Table:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1, min_width=_BAR_CELLS)
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column(no_wrap=True, justify="right")
    name = Text(state.stream or "", style="bold")
    bar = ProgressBar(
        total=state.expected_total,
        completed=state.stored,
        # rich's own is red, which looks like trouble.
        complete_style="blue",
        finished_style="green",
        pulse_style="blue",
        animation_time=now,
    )
    grid.add_row(name, bar, Text(_percentage(state), style="bold"), Text(stored_text(state)))
    return grid


def _percentage(state: ProgressState) -> str:
    if not state.expected_total:
        return ""
    # Never 100 % before the last event is there.
    return f"{min(100, state.stored * 100 // state.expected_total)} %"


def _rates(state: ProgressState, now: float) -> Text:
    left = state.seconds_left(now)
    parts = [
        f"{state.events_per_second_now(now):,.0f} events/s now",
        f"{state.events_per_second(now):,.0f} on average",
        f"{duration(state.elapsed_seconds(now))} so far",
    ]
    if left:
        parts.append(f"{duration(left)} left")
    return Text(", ".join(parts))


def _counters(state: ProgressState) -> Text:
    parts = [
        Text(words, style=_NOTED.get(column.key, "") if value else "") for column, value, words in run_phrases(state)
    ]
    return Text(", ").join(parts)


def _activity(state: ProgressState, now: float) -> Text:
    text = Text(activity_text(state, now), style=STYLES[state.activity()])
    life = state.cursor_seconds_left(now)
    if life is not None:
        reported = f"the cursor lives {duration(life)} more" if life > 0 else "the cursor has expired"
        text.append(f"; {reported}", style="dim" if life > 0 else "yellow")
    return text


def warning_line(warned: Warned, now: float) -> Text:
    """When it came, and what it says, in one line."""
    plain = "".join(character if character.isprintable() else " " for character in warned.text)
    ago = duration(now - warned.at)
    return Text(f"last warning, {ago} ago: {plain}", style="yellow", no_wrap=True, overflow="ellipsis")
