// A table of lines, each of a source, a stream or a slice. On a narrow screen each becomes two: its name, and the rest.

import { COLUMNS } from "./columns.js";
import { foreign, h, keyed, setText, show } from "./dom.js";
import * as format from "./format.js";
import { address, Badge, label } from "./parts.js";

export const TONES = { failing: "bad", late: "warning", running: "active", fine: "good" };
// What a line says of the slices that it stands for; the rest is said above, of all.
const COUNTED = ["failing", "late", "running"];
const WITH_REASON = ["failing", "stopped"];
const NAMES = { sources: "Source", streams: "Stream", slices: "Slice" };

class Line {
  constructor(line, level, isOfOneStream) {
    this.badge = new Badge();
    this.note = h("span", { class: "note" });
    this.values = COLUMNS.line.map((column) => h("td", { class: kind(column), "data-label": column.label, "data-key": column.key }));
    this.element = h(
      "tr", {},
      h("th", { scope: "row" }, h("a", { href: target(line, level) }, foreign(named(line, level, isOfOneStream))), sourceNote(line, level)),
      h("td", { class: "state", "data-label": "State" }, this.badge.element, this.note),
      this.values,
    );
  }

  update(line, now, shown) {
    this.badge.update(line.state, TONES[line.state] ?? "idle");
    setText(this.note, line.states ? counts(line) : (WITH_REASON.includes(line.state) && line.reason) || "");
    COLUMNS.line.forEach((column, place) => {
      const cell = this.values[place];
      setText(cell, format.cell(column, line.values[column.key], now));
      if (column.format === "instant") cell.title = format.at(line.values[column.key]);
      show(cell, shown[place]);
    });
  }
}

function kind(column) {
  return column.format === "text" ? "text" : "number";
}

function named(line, level, isOfOneStream) {
  if (level === "sources") return line.source;
  if (level === "streams") return line.stream;
  return isOfOneStream && line.slice ? line.slice : label(line.stream, line.slice);
}

function target(line, level) {
  if (level === "sources") return address("#/", { source: line.source, level: "streams" });
  return address("#/", { stream: line.stream, slice: line.slice });
}

function sourceNote(line, level) {
  const isSaid = level === "sources" || line.stream === line.source || line.stream.startsWith(`${line.source}.`);
  return isSaid ? null : h("span", { class: "note" }, foreign(line.source));
}

// "4 failing, 1 late, of 50".
function counts(line) {
  const told = COUNTED.filter((state) => line.states[state]).map((state) => `${format.number(line.states[state])} ${state}, `);
  const all = line.slices ?? 1;
  return told.length ? `${told.join("")}of ${format.number(all)}` : format.plural(all, "slice");
}

export class LineTable {
  constructor() {
    this.rows = new Map();
    this.body = h("tbody");
    this.name = h("th", { scope: "col" });
    this.heads = COLUMNS.line.map((column) => h("th", { scope: "col", class: kind(column), title: column.help }, column.label));
    this.table = h(
      "table", { class: "lines" },
      h("caption", { class: "unseen" }, "How sources, streams and slices are"),
      h("thead", {}, h("tr", {}, this.name, h("th", { scope: "col" }, "State"), this.heads)),
      this.body,
    );
    this.element = h("div", { class: "table panel" }, this.table);
  }

  update(page, now) {
    const { level, lines } = page;
    setText(this.name, NAMES[level]);
    // Nothing but noughts is not worth the room.
    const shown = COLUMNS.line.map((column) => !column.is_quiet || lines.some((line) => line.values[column.key]));
    this.heads.forEach((head, place) => show(head, shown[place]));
    const isOfOneStream = page.whole.streams === 1;
    keyed(
      this.body, lines, (line) => JSON.stringify([level, isOfOneStream, line.source, line.stream, line.slice]),
      (line) => this.create(line, level, isOfOneStream),
      (element, line) => this.rows.get(element).update(line, now, shown),
    );
    for (const element of this.rows.keys()) if (!element.isConnected && this.element.isConnected) this.rows.delete(element);
    show(this.element, lines.length > 0);
  }

  create(line, level, isOfOneStream) {
    const row = new Line(line, level, isOfOneStream);
    this.rows.set(row.element, row);
    return row.element;
  }
}
