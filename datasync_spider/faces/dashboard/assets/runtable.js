// A table of runs. On a narrow screen each row becomes a card, with the column's name before each value.

import { COLUMNS } from "./columns.js";
import { foreign, h, keyed, setText, show } from "./dom.js";
import * as format from "./format.js";
import { Badge, label, When } from "./parts.js";

const COUNTED = COLUMNS.run.filter((column) => column.in_tables);

class Row {
  constructor(run) {
    this.badge = new Badge();
    this.started = new When();
    this.took = h("span");
    this.counted = COUNTED.map(() => h("span"));
    this.words = h("span");
    this.element = h(
      "tr", {},
      h("th", { scope: "row" }, h("a", { href: `#/runs/${run.id}`, "aria-label": `Run ${run.id}` }, String(run.id))),
      cell("Stream", h("span", { title: label(run.stream, run.slice) }, foreign(label(run.stream, run.slice))), "name"),
      cell("State", this.badge.element),
      cell("Started", this.started.element),
      cell("Took", this.took, "number"),
      COUNTED.map((column, place) => cell(column.label, this.counted[place], "number")),
      cell("What happened", this.words, "wide"),
    );
  }

  update(run, now) {
    this.badge.update(run.activity.state, run.activity.tone);
    this.started.update(run.started_at, now);
    setText(this.took, format.span(run.duration_seconds));
    COUNTED.forEach((column, place) => setText(this.counted[place], format.value(column, run)));
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
    const head = (name, kind, help) => h("th", { scope: "col", class: kind, title: help }, name);
    this.counted = COUNTED.map((column) => head(column.label, "number", column.help));
    this.heads = [...["Run", "Stream", "State", "Started"].map((name) => head(name)), head("Took", "number"), ...this.counted, head("What happened")];
    this.table = h(
      "table", { class: "runs" },
      h("caption", { class: "unseen" }, "Runs, newest first"),
      h("thead", {}, h("tr", {}, this.heads)),
      this.body,
    );
    this.empty = h("p", { class: "empty" }, "No runs.");
    this.element = h("div", { class: "table" }, this.table, this.empty);
  }

  update(runs, now) {
    keyed(this.body, runs, (run) => run.id, (run) => this.create(run), (element, run) => this.rows.get(element).update(run, now));
    // Nothing but noughts is not worth the room.
    COUNTED.forEach((column, place) => {
      const isShown = !column.is_quiet || runs.some((run) => run.values[column.key] > 0);
      show(this.counted[place], isShown);
      for (const row of this.rows.values()) show(row.counted[place].parentElement, isShown);
    });
    this.table.hidden = runs.length === 0;
    this.empty.hidden = runs.length !== 0;
  }

  create(run) {
    const row = new Row(run);
    this.rows.set(row.element, row);
    return row.element;
  }
}
