// Rejected events: how many for which reason, and what they hold, as text that cannot be anything else.

import { foreign, h, keyed, setText, show } from "./dom.js";
import * as format from "./format.js";
import { ask } from "./live.js";
import { address, label, panel, runLink } from "./parts.js";

const GROUPS_EVERY_MS = 15_000;

export class RejectedView {
  constructor(parameters) {
    this.parameters = parameters;
    this.asked = new AbortController();
    this.groupsAt = -Infinity;
    this.listed = false;
    this.groups = h("tbody");
    this.counted = h("p", { class: "muted small" });
    this.none = h("p", { class: "empty", hidden: true }, "No event has been rejected.");
    this.table = h(
      "table", { class: "groups", hidden: true },
      h("caption", { class: "unseen" }, "Rejected events by stream and reason"),
      h("thead", {}, h("tr", {}, ["Reason", "Stream", "Events", "Replayed", "Last"].map((name) => h("th", { scope: "col", class: /Events|Replayed/.test(name) ? "number" : null }, name)))),
      this.groups,
    );
    this.list = h("div", { class: "letters" });
    this.problem = h("p", { class: "empty", role: "alert", hidden: true });
    this.newest = h("a", { href: this.link({ before: null }) }, "Newest");
    this.older = h("a", { href: "#/rejected", rel: "next" }, "Older");
    show(this.newest, Boolean(parameters.before));
    show(this.older, false);
    const groups = panel("By reason", h("div", { class: "table" }, this.table), this.none, this.counted);
    const events = h("section", { class: "stack", "aria-label": "Events" }, this.filters(), this.list, h("nav", { class: "pager", "aria-label": "Pages of events" }, this.newest, this.older));
    // Who has chosen from the groups wants the events; who has not yet wants to choose.
    const chosen = parameters.stream || parameters.reason || parameters.before;
    this.element = h(
      "div", { class: "stack" },
      h("h1", {}, "Rejected events"),
      h("p", { class: "lead" }, "Events that could not be stored, kept with their bytes exactly as received."),
      this.problem,
      chosen ? [events, groups] : [groups, events],
    );
  }

  filters() {
    const { stream, slice, reason } = this.parameters;
    const chosen = [reason && `reason ${reason}`, stream && `stream ${label(stream, slice)}`].filter(Boolean).join(", ");
    const heading = h("h2", {}, chosen ? ["Only ", foreign(chosen)] : "Newest first");
    return h("div", { class: "head" }, heading, chosen ? h("a", { href: "#/rejected" }, "Show all") : null);
  }

  link(changes) {
    return address("#/rejected", { ...this.parameters, ...changes });
  }

  update(state) {
    if (!state.database.available) return;
    if (!this.listed) this.load();
    if (performance.now() - this.groupsAt > GROUPS_EVERY_MS) this.loadGroups();
  }

  async loadGroups() {
    this.groupsAt = performance.now();
    const { stream, slice } = this.parameters;
    await this.answered(ask(address("/api/rejected/groups.json", { stream, slice }), this.asked.signal), (reported) => {
      show(this.table, reported.groups.length > 0);
      show(this.none, reported.groups.length === 0);
      setText(this.counted, reported.groups.length ? `Counted at ${format.timeOfDay(new Date(reported.counted_at))}.` : "");
      keyed(this.groups, reported.groups, (group) => JSON.stringify([group.stream, group.slice, group.reason]), (group) => this.groupRow(group), updateGroup);
    });
  }

  groupRow(group) {
    return h(
      "tr", {},
      h("th", { scope: "row", "data-label": "Reason" }, h("a", { href: this.link({ stream: group.stream, slice: group.slice, reason: group.reason, before: null }) }, foreign(group.reason)), h("span", { class: "note" }, group.explanation.words)),
      h("td", { "data-label": "Stream" }, foreign(label(group.stream, group.slice))),
      h("td", { "data-label": "Events", class: "number" }),
      h("td", { "data-label": "Replayed", class: "number" }),
      h("td", { "data-label": "Last" }),
    );
  }

  async load() {
    this.listed = true;
    await this.answered(ask(address("/api/rejected.json", this.parameters), this.asked.signal), (page) => {
      keyed(this.list, page.events, (event) => event.id, letter, () => {});
      show(this.older, page.next_before !== null);
      if (page.next_before !== null) this.older.setAttribute("href", this.link({ before: page.next_before }));
      if (!page.events.length && this.parameters.before) setText(this.none, "There are no older ones.");
    });
  }

  async answered(asking, use) {
    try {
      use(await asking);
      show(this.problem, false);
    } catch (error) {
      if (this.asked.signal.aborted) return;
      this.listed = false;
      setText(this.problem, error.message);
      show(this.problem, true);
    }
  }

  leave() {
    this.asked.abort();
  }
}

function updateGroup(row, group) {
  const [, , events, replayed, last] = row.children;
  setText(events, format.number(group.events));
  setText(replayed, format.number(group.replayed));
  setText(last, format.at(group.last_at));
}

function letter(event) {
  const where = event.position === null ? `page ${event.page}` : `page ${event.page}, event ${event.position + 1}`;
  const size = event.shown_bytes < event.bytes ? `the first ${format.number(event.shown_bytes)} of ${format.number(event.bytes)} bytes` : format.plural(event.bytes, "byte");
  const text = h("pre", { class: "raw", dir: "ltr", tabindex: "0", role: "group", "aria-label": `Content of rejected event ${event.id}` });
  for (const part of event.text) text.append(part.kind === "mark" ? h("span", { class: "mark" }, part.text) : part.text);
  if (event.shown_bytes < event.bytes) text.append(h("span", { class: "cut" }, "…"));
  return h(
    "article", { class: "panel letter", "aria-label": `Rejected event ${event.id}` },
    h("header", { class: "head" }, h("h3", {}, foreign(event.reason)), h("span", { class: "note" }, event.explanation.words)),
    event.detail ? h("p", { class: "detail" }, foreign(event.detail)) : null,
    text,
    h("p", { class: "muted small" }, foreign(label(event.stream, event.slice)), ", ", runLink(event.run), `, ${where}; ${size}; rejected ${format.at(event.rejected_at)}`, event.replayed_at ? `; replayed ${format.at(event.replayed_at)}` : ""),
  );
}
