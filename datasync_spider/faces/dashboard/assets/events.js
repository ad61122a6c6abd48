// Stored events by day and by type. They are counted seldom, since counting reads the table itself.

import { foreign, h, keyed, setText, show } from "./dom.js";
import { Chart } from "./charts.js";
import * as format from "./format.js";
import { ask } from "./live.js";
import { address, label } from "./parts.js";

const AGAIN_MS = 61_000;
const AFTER_TROUBLE_MS = 10_000;
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const DAY_OF_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export class EventsPanel {
  // Of nothing in particular: of the stream that was written last when the page was opened, also when others are later.
  constructor(title, of, chosen) {
    this.chosen = chosen;
    this.asked = new AbortController();
    this.dueAt = -Infinity;
    this.words = h("p", { class: "muted small" }, "Counting …");
    this.chart = new Chart({
      title: "By day", note: "days in UTC, by the events' own time", time: false,
      curves: [{ label: "Events", colour: "chart-1", bars: true, format: format.number, tick: format.short }],
    });
    this.of = h("span", { class: "note" }, of);
    this.types = h("ol", { class: "types" });
    this.rest = h("p", { class: "muted small" });
    this.content = h("div", { class: "daily", hidden: true }, this.chart.element, h("div", { class: "bytype" }, h("h3", {}, "By type"), this.types, this.rest));
    this.element = h("section", { class: "panel", "aria-label": title }, h("header", { class: "head" }, h("h2", {}, title), this.of), this.content, this.words);
  }

  update(state) {
    if (state.database.available && performance.now() >= this.dueAt) this.load();
  }

  async load() {
    this.dueAt = performance.now() + AGAIN_MS;
    try {
      this.received(await ask(address("/api/events.json", this.chosen), this.asked.signal));
    } catch (error) {
      if (this.asked.signal.aborted) return;
      this.dueAt = performance.now() + AFTER_TROUBLE_MS;
      setText(this.words, error.message);
    }
  }

  received(counts) {
    if (counts.status === "paced") {
      this.dueAt = performance.now() + counts.again_in_seconds * 1000 + 500;
      setText(this.words, "Waiting for its turn: counting rests after each count.");
      return;
    }
    if (!this.chosen.run && counts.stream) {
      this.chosen = { stream: counts.stream, slice: counts.slice };
      this.of.replaceChildren("of ", foreign(label(counts.stream, counts.slice)));
    }
    const ready = counts.status === "ready" && counts.events > 0;
    show(this.content, ready);
    setText(this.words, says(counts));
    if (!ready) return;
    const labels = dayLabels(counts.days);
    show(this.chart.element, labels.length > 0);
    if (labels.length) this.chart.update([labels.map((_, place) => place), counts.days.map((day) => day.events)], labels);
    this.showTypes(counts);
    setText(this.rest, rest(counts));
    show(this.rest, this.rest.textContent !== "");
  }

  showTypes(counts) {
    const most = Math.max(1, ...counts.types.map((type) => type.events));
    const sign = counts.percent < 100 ? "≈ " : "";
    keyed(this.types, counts.types, (type) => type.name, typeRow, (row, type) => {
      const [, track, count] = row.children;
      track.firstElementChild.style.inlineSize = `${(100 * type.events) / most}%`;
      setText(count, sign + format.number(type.events));
    });
  }

  leave() {
    this.asked.abort();
    this.chart.leave();
  }
}

// With the year where there are several.
function dayLabels(days) {
  const years = new Set(days.map((day) => day.name.slice(0, 4)));
  const names = years.size > 1 ? DAY_OF_YEAR : DAY;
  return days.map((day) => names.format(new Date(`${day.name}T00:00:00Z`)));
}

function typeRow(type) {
  return h("li", {}, h("span", { class: "name" }, foreign(type.name)), h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "fill" })), h("span", { class: "number" }));
}

function says(counts) {
  if (counts.status === "timed_out") return "Counting took longer than it may, so nothing is shown; it is tried again from time to time.";
  const share = `${counts.percent < 10 ? counts.percent.toFixed(1) : Math.round(counts.percent)} %`;
  if (counts.status === "too_few") return `Too few of these events are in the ${share} of the table that are read to say anything about them.`;
  if (counts.events === 0) return "No events yet.";
  const when = format.timeOfDay(new Date(counts.counted_at));
  if (counts.percent >= 100) return `${format.plural(counts.events, "event")}, counted at ${when}; counted anew at most once a minute.`;
  return `About ${format.short(counts.events)} events, estimated at ${when} from ${share} of the table, which is too large to be counted; estimated anew at most once a minute.`;
}

function rest(counts) {
  const about = counts.percent < 100 ? "about " : "";
  return [
    [counts.other_types, "of other types"],
    [counts.without_type, "without a type"],
    [counts.without_day, "without a time"],
    [counts.earlier_days, "on earlier days"],
  ].filter(([count]) => count > 0).map(([count, what]) => `${about}${format.number(count)} ${what}`).join(", ");
}
