// All runs, by stream and status, a page at a time.

import { h, keyed, setText, show } from "./dom.js";
import { ask } from "./live.js";
import { address, label } from "./parts.js";
import { RunTable } from "./runtable.js";

const STATUSES = ["running", "complete", "incomplete", "stopped", "failed", "fenced"];
const REFRESH_MS = 3_000;

export class RunsView {
  constructor(parameters, go) {
    this.parameters = parameters;
    this.go = go;
    this.asked = new AbortController();
    this.askedAt = -Infinity;
    this.runs = [];
    this.streams = null;
    this.table = new RunTable();
    this.stream = h("select", { id: "stream" });
    this.status = h("select", { id: "status" }, h("option", { value: "" }, "any"), STATUSES.map((status) => h("option", { value: status }, status)));
    this.status.value = parameters.status ?? "";
    for (const select of [this.stream, this.status]) select.addEventListener("change", () => this.filter());
    this.problem = h("p", { class: "empty", role: "alert", hidden: true });
    this.newest = h("a", { href: "#/runs" }, "Newest");
    this.older = h("a", { href: "#/runs", rel: "next" }, "Older");
    this.element = h(
      "div", { class: "stack" },
      h("h1", {}, "Runs"),
      h(
        "form", { class: "filters", "aria-label": "Filter" },
        h("label", { for: "stream" }, "Stream"), this.stream, h("label", { for: "status" }, "Status"), this.status,
      ),
      this.problem,
      h("section", { class: "panel", "aria-label": "Runs" }, this.table.element, h("nav", { class: "pager", "aria-label": "Pages of runs" }, this.newest, this.older)),
    );
    show(this.older, false);
    show(this.newest, Boolean(parameters.before));
    this.newest.setAttribute("href", this.link({ before: null }));
  }

  link(changes) {
    return address("#/runs", { ...this.parameters, ...changes });
  }

  filter() {
    const [stream, slice] = this.stream.value ? JSON.parse(this.stream.value) : [];
    this.go(this.link({ stream, slice, status: this.status.value, before: null }));
  }

  update(state, now) {
    this.offerStreams();
    if (state.database.available && this.streams === null) this.loadStreams();
    this.table.update(this.runs, now);
    // The first page follows what happens; an older one stays as it is.
    const due = performance.now() - this.askedAt > REFRESH_MS;
    if (state.database.available && due && (!this.parameters.before || this.askedAt < 0)) this.load(now);
  }

  // The first of them by name, and what is chosen. Others, and slices, are chosen from their own page.
  offerStreams() {
    const { stream, slice } = this.parameters;
    const chosen = stream ? JSON.stringify([stream, slice || null]) : "";
    const named = (this.streams ?? []).map((name) => JSON.stringify([name, null]));
    const offered = [...new Set(["", ...named, chosen])];
    keyed(this.stream, offered, (value) => value, (value) => h("option", { value }, value ? label(...JSON.parse(value)) : "all"), () => {});
    if (document.activeElement !== this.stream) this.stream.value = chosen;
  }

  async loadStreams() {
    this.streams = [];
    try {
      const page = await ask(address("/api/lines.json", { level: "streams", sort: "name" }), this.asked.signal);
      this.streams = page.lines.map((line) => line.stream);
      this.offerStreams();
    } catch {
      // All of them, and what is chosen, can be shown without.
    }
  }

  async load(now) {
    this.askedAt = performance.now();
    try {
      const page = await ask(address("/api/runs.json", this.parameters), this.asked.signal);
      this.runs = page.runs;
      this.table.update(this.runs, now);
      show(this.older, page.next_before !== null);
      if (page.next_before !== null) this.older.setAttribute("href", this.link({ before: page.next_before }));
      show(this.problem, false);
    } catch (error) {
      if (this.asked.signal.aborted) return;
      setText(this.problem, error.message);
      show(this.problem, true);
    }
  }

  leave() {
    this.asked.abort();
  }
}
