// One run: what it does or how it ended, its counters, and its curves on one time axis.

import { say } from "./announce.js";
import { Chart } from "./charts.js";
import { COLUMNS } from "./columns.js";
import { foreign, h, setText, show } from "./dom.js";
import { EventsPanel } from "./events.js";
import * as format from "./format.js";
import { ask } from "./live.js";
import { address, Badge, columnFacts, Fact, label, panel, updateColumns, When } from "./parts.js";

const REFRESH_MS = 2_500;
const count = (value) => format.rate(value);
const CHARTS = [
  {
    title: "Throughput", note: "events a second",
    columns: ["inserted_per_second", "duplicates_per_second", "rejected_per_second"],
    curves: [
      { label: "Stored", colour: "chart-1", fill: "chart-fill", format: count, tick: format.short },
      { label: "Duplicates", colour: "chart-2", format: count },
      { label: "Rejected", colour: "chart-3", dots: true, format: count },
    ],
  },
  {
    title: "Page latency", note: "from the request to the whole page",
    columns: ["fetch_max_ms", "fetch_mean_ms"],
    curves: [
      { label: "Slowest", colour: "chart-2", thin: true, format: format.milliseconds },
      { label: "Mean", colour: "chart-1", format: format.milliseconds },
    ],
  },
  {
    title: "Write time", note: "of a batch in PostgreSQL, up to its commit",
    columns: ["write_max_ms", "write_mean_ms"],
    curves: [
      { label: "Slowest", colour: "chart-2", thin: true, format: format.milliseconds },
      { label: "Mean", colour: "chart-1", format: format.milliseconds },
    ],
  },
  {
    title: "Waits and retries", note: "share of the time, and repeated requests",
    columns: ["waiting", "retries"],
    most: 1, nothing: "No waits and no retries.",
    curves: [
      { label: "Waiting", colour: "chart-4", area: true, fill: "chart-4-fill", format: format.percent },
      { label: "Retries", colour: "chart-3", dots: true, scale: "right", format: format.number },
    ],
  },
];

export class RunView {
  constructor(id) {
    this.id = id;
    this.asked = new AbortController();
    this.run = null;
    this.askedAt = -Infinity;
    this.curvesAt = -Infinity;
    this.badge = new Badge();
    this.title = h("h1", {}, `Run ${id}`);
    this.words = h("p", { class: "words" });
    this.detail = h("p", { class: "detail" });
    this.advice = h("p", { class: "advice" });
    this.problem = h("p", { class: "empty", role: "alert", hidden: true });
    this.started = new When();
    this.ended = new When();
    this.heartbeat = new When();
    this.rejected = h("a", { href: "#/rejected" });
    this.facts = this.makeFacts();
    this.charts = CHARTS.map((chart) => new Chart({ ...chart, sync: `run-${id}` }));
    this.width = h("p", { class: "muted small" });
    this.events = new EventsPanel("Events of this run", "stored while it ran", { run: String(id) });
    this.content = h(
      "div", { class: "stack", hidden: true },
      h("section", { class: "panel run", "aria-label": "What it does" }, this.words, this.detail, this.advice, h("dl", { class: "facts" }, this.facts.map(([fact]) => fact.element))),
      panel("Over time", h("div", { class: "charts" }, this.charts.map((chart) => chart.element)), this.width),
      this.events.element,
    );
    this.element = h("div", { class: "stack" }, h("header", { class: "head title" }, this.title, this.badge.element), this.problem, this.content);
  }

  makeFacts() {
    const said = (term, text) => {
      const fact = new Fact(term);
      return [fact, (run) => fact.update(...[text(run)].flat())];
    };
    const when = (term, part, iso) => [new Fact(term, part.element), (run, now) => part.update(iso(run), now)];
    const columns = columnFacts(COLUMNS.run, { rejected: this.rejected });
    const counted = Object.values(columns).map((fact) => [fact, () => {}]);
    counted[0][1] = (run) => {
      updateColumns(columns, COLUMNS.run, run);
      this.rejected.setAttribute("href", address("#/rejected", { stream: run.stream, slice: run.slice }));
    };
    return [
      ...counted,
      said("Speed", (run) => [format.rate(run.events_per_second), "on average"]),
      when("Started", this.started, (run) => run.started_at),
      when("Ended", this.ended, (run) => run.ended_at),
      said("Took", (run) => format.span(run.duration_seconds)),
      when("Heartbeat", this.heartbeat, (run) => run.heartbeat_at),
      said("Pass", (run) => [`${run.pass_number}, ${run.pass_kind}`]),
      said("By", (run) => [run.owner, `version ${run.version}`]),
    ];
  }

  update(state, now) {
    const known = state.runs.find((run) => run.id === this.id);
    if (known) this.show(known, now);
    else if (this.run) this.show(this.run, now);
    if (!state.database.available) return;
    // What is in no message is asked for: one that has ended, once.
    const isOver = this.run !== null && this.run.status !== "running";
    if (!known && !isOver && performance.now() - this.askedAt > REFRESH_MS) this.load(now);
    if (this.run && this.curvesDue()) this.loadCurves();
    if (this.run) this.events.update(state);
  }

  curvesDue() {
    if (this.drawnPages === this.run.values.pages && this.run.status !== "running") return false;
    return performance.now() - this.curvesAt > REFRESH_MS;
  }

  show(run, now) {
    this.run = run;
    show(this.content, true);
    show(this.problem, false);
    if (!this.named) {
      this.title.append(" of ", foreign(label(run.stream, run.slice)));
      this.named = true;
    }
    this.badge.update(run.activity.state, run.activity.tone);
    say(`Run ${run.id} of ${label(run.stream, run.slice)}`, run.activity.state, run.activity.words);
    setText(this.words, run.activity.words);
    setText(this.detail, run.detail ?? "");
    show(this.detail, Boolean(run.detail));
    setText(this.advice, run.activity.advice);
    show(this.advice, run.activity.advice !== "");
    for (const [, fill] of this.facts) fill(run, now);
  }

  async load(now) {
    this.askedAt = performance.now();
    try {
      this.show(await ask(`/api/runs/${encodeURIComponent(this.id)}.json`, this.asked.signal), now);
    } catch (error) {
      if (this.asked.signal.aborted) return;
      setText(this.problem, error.message);
      show(this.problem, true);
    }
  }

  async loadCurves() {
    this.curvesAt = performance.now();
    let series;
    try {
      series = await ask(`/api/runs/${encodeURIComponent(this.id)}/series.json`, this.asked.signal);
    } catch {
      // The words above say what is wrong; the curves that are drawn stay.
      return;
    }
    this.drawnPages = series.pages;
    series.waiting = series.waited_seconds.map((seconds) => Math.min(1, seconds / series.width_seconds));
    this.charts.forEach((chart, place) => chart.update([series.time, ...CHARTS[place].columns.map((column) => series[column])]));
    setText(this.width, `Each point stands for ${format.span(series.width_seconds)}. Drag over a chart to look closer, double-click to see all.`);
  }

  leave() {
    this.asked.abort();
    this.events.leave();
    this.charts.forEach((chart) => chart.leave());
  }
}
