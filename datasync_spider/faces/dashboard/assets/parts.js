// Small parts that several views share. Each makes its element once and updates it in place.

import { foreign, h, setData, setText, show } from "./dom.js";
import * as format from "./format.js";

export class Badge {
  constructor() {
    this.label = h("span");
    this.element = h("span", { class: "badge" }, h("span", { class: "dot", "aria-hidden": "true" }), this.label);
  }

  update(state, tone) {
    setText(this.label, state);
    setData(this.element, "tone", tone);
  }
}

// A term with its value, as an entry of a description list.
export class Fact {
  constructor(term, value = h("span"), help = null) {
    this.value = value;
    this.note = h("span", { class: "note" });
    this.element = h("div", { class: "fact" }, h("dt", { title: help }, term), h("dd", {}, this.value, this.note));
  }

  update(text, note = "", title = null) {
    setText(this.value, text);
    setText(this.note, note);
    if (title) this.value.title = title;
    else this.value.removeAttribute("title");
  }
}

// A fact for each column of the registry, by key; `values`: the elements of those that are more than a text.
export function columnFacts(columns, values = {}) {
  return Object.fromEntries(columns.map((column) => [column.key, new Fact(column.label, values[column.key], column.help)]));
}

export function updateColumns(facts, columns, row) {
  for (const column of columns) {
    facts[column.key].update(format.value(column, row));
    show(facts[column.key].element, !column.is_quiet || row.values[column.key] > 0);
  }
}

export class When {
  constructor() {
    this.element = h("time");
  }

  update(iso, now) {
    if (!iso) {
      this.element.removeAttribute("datetime");
      this.element.removeAttribute("title");
      setText(this.element, format.NONE);
      return;
    }
    if (this.element.dateTime !== iso) {
      this.element.dateTime = iso;
      this.element.title = format.at(iso);
    }
    setText(this.element, format.ago((now - Date.parse(iso)) / 1000));
  }
}

export class Progress {
  constructor(label) {
    this.done = h("div", { class: "done" });
    this.bar = h("div", { class: "progress", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, this.done);
    this.share = h("strong");
    this.words = h("span");
    this.element = h("div", { class: "progressing" }, h("p", { class: "progress-words" }, this.share, this.words), this.bar);
  }

  update(stream) {
    const { share, expected, accounted, tone } = stream;
    setData(this.bar, "tone", tone);
    if (share === null) {
      this.bar.removeAttribute("aria-valuenow");
      setText(this.share, format.number(accounted));
      setText(this.words, "events; the API's total is not known yet");
    } else {
      this.bar.setAttribute("aria-valuenow", String(Math.floor(share * 1000) / 10));
      setText(this.share, format.percent(share));
      setText(this.words, `${format.number(accounted)} of ${format.number(expected)} events`);
    }
    this.bar.setAttribute("aria-valuetext", `${this.share.textContent} ${this.words.textContent}`);
    this.done.style.inlineSize = share === null ? "0" : `${share * 100}%`;
  }
}

export function panel(title, ...children) {
  return h("section", { class: "panel", "aria-label": title }, h("h2", {}, title), ...children);
}

export function runLink(run) {
  return h("a", { href: `#/runs/${run}` }, `run ${run}`);
}

// A slice of a stream for people; a stream that has none is called by its name alone.
export function label(stream, slice) {
  return slice ? `${stream} ${slice}` : stream;
}

// An address of this page, with those parameters that say something.
export function address(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value)).toString();
  return query ? `${path}?${query}` : path;
}

export function words(text) {
  return foreign(text);
}
