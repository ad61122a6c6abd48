// Machines, a line each, and of a fleet a line for each worker: what it has under way, and when it was last heard. Beside
// them the fleets that are at work, with where Dask's own page is.

import { COLUMNS, MACHINE_STATES } from "./columns.js";
import { elsewhere, foreign, h, keyed, setText, show } from "./dom.js";
import * as format from "./format.js";
import { ask } from "./live.js";
import { address, Badge } from "./parts.js";

const REFRESH_MS = 2_500;
const A_PAGE = 50;
const TONES = { silent: "bad", late: "warning", lost: "warning", running: "active" };
const SUMMED = ["held", "syncs", "new_records", "lost"];

class Machine {
  constructor(machine) {
    this.badge = new Badge();
    this.values = COLUMNS.machine.map(({ key, label }) => h("td", { class: "number", "data-label": label, "data-key": key }));
    const worker = machine.worker ? h("span", { class: "note" }, "worker ", foreign(machine.worker)) : null;
    this.element = h(
      "tr", {},
      h("th", { scope: "row" }, h("a", { href: address("#/", { level: "slices", find: machine.machine }) }, foreign(machine.host)), worker),
      h("td", { class: "state", "data-label": "State" }, this.badge.element),
      this.values,
    );
  }

  update(machine, now, shown) {
    this.badge.update(machine.state, TONES[machine.state] ?? "idle");
    this.badge.element.title = MACHINE_STATES[machine.state] ?? "";
    COLUMNS.machine.forEach((column, place) => {
      const cell = this.values[place];
      setText(cell, format.cell(column, machine.values[column.key], now));
      if (column.format === "instant") cell.title = format.at(machine.values[column.key]);
      show(cell, shown[place]);
    });
  }
}

export class MachinesView {
  constructor({ after }) {
    this.after = after;
    this.asked = new AbortController();
    this.askedAt = -Infinity;
    this.page = null;
    this.rows = new Map();
    this.sums = h("p");
    this.fleets = h("ul", { class: "fleets", "aria-label": "Fleets" });
    this.problem = h("p", { class: "empty", role: "alert", hidden: true });
    this.empty = h("p", { class: "empty", hidden: true }, "Nothing has been synced within the last hour.");
    this.body = h("tbody");
    this.heads = COLUMNS.machine.map((column) => h("th", { scope: "col", class: "number", title: column.help }, column.label));
    this.table = h(
      "div", { class: "table panel", hidden: true },
      h("table", { class: "lines" }, h("caption", { class: "unseen" }, "How machines are"), h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Machine"), h("th", { scope: "col" }, "State"), this.heads)), this.body),
    );
    this.shown = h("span", { class: "muted" });
    this.previous = h("a", { href: "#/machines", rel: "prev", hidden: true }, "Previous");
    this.next = h("a", { href: "#/machines", rel: "next", hidden: true }, "Next");
    this.pager = h("nav", { class: "pager", "aria-label": "Pages of machines", hidden: true }, this.shown, this.previous, this.next);
    this.element = h("div", { class: "stack" }, h("header", { class: "head title" }, h("h1", {}, "Machines")), this.sums, this.fleets, this.problem, this.table, this.empty, this.pager);
  }

  update(state, now) {
    if (this.page) this.draw(now);
    if (state.database.available && performance.now() - this.askedAt > REFRESH_MS) this.load(now);
  }

  async load(now) {
    this.askedAt = performance.now();
    try {
      this.page = await ask(address("/api/machines.json", { after: this.after }), this.asked.signal);
      show(this.problem, false);
      this.draw(now);
    } catch (error) {
      if (this.asked.signal.aborted) return;
      setText(this.problem, error.message);
      show(this.problem, true);
    }
  }

  draw(now) {
    const { whole, machines, fleets, count, after, next_after } = this.page;
    setText(this.sums, count ? `${format.plural(whole.hosts, "machine")}: ${summed(whole)}` : "");
    show(this.sums, count > 0);
    keyed(this.fleets, fleets, (fleet) => JSON.stringify([fleet.host, fleet.dashboard_url]), fleetItem, (item, fleet) => setText(item.querySelector(".places"), `room for ${format.plural(fleet.places, "bundle")} at once`));
    show(this.fleets, fleets.length > 0);
    show(this.empty, count === 0);
    show(this.table, machines.length > 0);
    // Nothing but noughts is not worth the room.
    const shown = COLUMNS.machine.map((column) => !column.is_quiet || machines.some((machine) => machine.values[column.key] > 0));
    this.heads.forEach((head, place) => show(head, shown[place]));
    keyed(this.body, machines, (machine) => JSON.stringify([machine.host, machine.worker]), (machine) => this.create(machine), (element, machine) => this.rows.get(element).update(machine, now, shown));
    for (const element of this.rows.keys()) if (!element.isConnected && this.element.isConnected) this.rows.delete(element);
    show(this.pager, count > machines.length);
    setText(this.shown, machines.length ? `${format.number(after + 1)} to ${format.number(after + machines.length)} of ${format.number(count)}` : "");
    show(this.previous, after > 0);
    this.previous.setAttribute("href", address("#/machines", { after: String(Math.max(0, after - A_PAGE) || "") }));
    show(this.next, next_after !== null);
    this.next.setAttribute("href", address("#/machines", { after: String(next_after) }));
  }

  create(machine) {
    const row = new Machine(machine);
    this.rows.set(row.element, row);
    return row.element;
  }

  leave() {
    this.asked.abort();
  }
}

// "12 slices under way; within the last hour 340 syncs, 5,100 new".
function summed({ values }) {
  const columns = COLUMNS.machine.filter((column) => SUMMED.includes(column.key) && (!column.is_quiet || values[column.key]));
  const [held, ...ended] = columns.map((column) => `${format.number(values[column.key])} ${values[column.key] === 1 ? column.one : column.many}`);
  return `${held}; within the last hour ${ended.join(", ")}`;
}

function fleetItem(fleet) {
  const page = fleet.dashboard_url ? [", ", elsewhere(fleet.dashboard_url, "Dask's own page")] : [];
  return h("li", {}, "Fleet driven from ", foreign(fleet.host), ": ", h("span", { class: "places" }), page);
}
