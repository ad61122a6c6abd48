// A table of runs. On a narrow screen each row becomes a card, with the column's name before each value.

import { foreign, h, keyed, setText } from "./dom.js";
import * as format from "./format.js";
import { Badge, label, When } from "./parts.js";

const COLUMNS = ["Run", "Stream", "State", "Started", "Took", "Pages", "Stored", "Rejected", "What happened"];

class Row {
  constructor(run) {
    this.badge = new Badge();
    this.started = new When();
    this.took = h("span");
    this.pages = h("span");
    this.stored = h("span");
    this.rejected = h("span");
    this.words = h("span");
    this.element = h(
      "tr", {},
      h("th", { scope: "row" }, h("a", { href: `#/runs/${run.id}`, "aria-label": `Run ${run.id}` }, String(run.id))),
      cell("Stream", h("span", { title: label(run.stream, run.slice) }, foreign(label(run.stream, run.slice))), "name"),
      cell("State", this.badge.element),
      cell("Started", this.started.element),
      cell("Took", this.took, "number"),
      cell("Pages", this.pages, "number"),
      cell("Stored", this.stored, "number"),
      cell("Rejected", this.rejected, "number"),
      cell("What happened", this.words, "wide"),
    );
  }

  update(run, now) {
    this.badge.update(run.activity.state, run.activity.tone);
    this.started.update(run.started_at, now);
    setText(this.took, format.span(run.duration_seconds));
    setText(this.pages, format.number(run.pages));
    setText(this.stored, format.number(run.inserted));
    setText(this.rejected, format.number(run.rejected));
    setText(this.words, run.activity.words);
  }
}

function cell(label, content, kind) {
  return h("td", { "data-label": label, class: kind }, content);
}

export class RunTable {
  constructor() {
    this.rows = new Map();
    this.body = h("tbody");
    this.table = h(
      "table", { class: "runs" },
      h("caption", { class: "unseen" }, "Runs, newest first"),
      h("thead", {}, h("tr", {}, COLUMNS.map((name) => h("th", { scope: "col", class: /Took|Pages|Stored|Rejected/.test(name) ? "number" : null }, name)))),
      this.body,
    );
    this.empty = h("p", { class: "empty" }, "No runs.");
    this.element = h("div", { class: "table" }, this.table, this.empty);
  }

  update(runs, now) {
    keyed(this.body, runs, (run) => run.id, (run) => this.create(run), (element, run) => this.rows.get(element).update(run, now));
    this.table.hidden = runs.length === 0;
    this.empty.hidden = runs.length !== 0;
  }

  create(run) {
    const row = new Row(run);
    this.rows.set(row.element, row);
    return row.element;
  }
}
