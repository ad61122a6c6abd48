// The first page: sources, streams and slices, a line each, those that need someone first; or one slice alone.

import { STATES } from "./columns.js";
import { foreign, h, keyed, setText, show } from "./dom.js";
import { EventsPanel } from "./events.js";
import * as format from "./format.js";
import { LineTable, TONES } from "./lines.js";
import { ask } from "./live.js";
import { address, label } from "./parts.js";
import { LatestRuns, OneSlice } from "./slice.js";

const REFRESH_MS = 1_200;
const LEVELS = [["sources", "source"], ["streams", "stream"], ["slices", "slice"]];
const SORTS = { state: "Failing first", lag: "Largest lag first", name: "By name", machine: "By machine" };
const ASKED = ["level", "source", "stream", "find", "state", "sort", "after"];
const NOTHING = "There are no streams yet. The first crawl makes one: scrapy crawl events";

export class StreamsView {
  constructor(parameters, go) {
    const { source, stream, slice } = parameters;
    this.steps = h("ol");
    this.path = h("nav", { class: "path", "aria-label": "Path" }, this.steps);
    this.title = h("h1");
    this.header = h("header", { class: "head title" }, this.path, this.title);
    this.element = h("div", { class: "stack" }, this.header);
    this.name(source, stream, slice);
    this.lines = () => new LinesOf(parameters, go, (page) => this.received(page, parameters));
    this.isOnly = false;
    this.show(slice ? this.one(stream, slice) : this.lines());
  }

  // Where it is: what it belongs to, each a link.
  name(source, stream, slice) {
    const steps = [
      ["All", "#/"],
      source && [source, address("#/", { source, level: "streams" })],
      stream && [stream, address("#/", { stream })],
      slice && [label(stream, slice)],
    ].filter(Boolean);
    const [own] = steps.pop();
    const isRoot = steps.length === 0;
    this.header.classList.toggle("unseen", isRoot);
    const text = isRoot ? "Streams" : own;
    if (this.title.textContent !== text) this.title.replaceChildren(foreign(text));
    keyed(this.steps, steps, ([, href]) => href, ([name, href]) => h("li", {}, h("a", { href }, foreign(name))), () => {});
    show(this.path, !isRoot);
  }

  show(part) {
    this.part?.leave();
    this.part?.element.remove();
    this.part = part;
    this.element.append(part.element);
  }

  // A list of one slice is that slice.
  received(page, { source, stream, find, state, after }) {
    const [line] = page.lines;
    if (stream && line) this.name(line.source, stream, null);
    if (page.whole.slices !== 1 || !line || find || state || after) return;
    this.isOnly = !source && !stream;
    this.show(this.one(line.stream, line.slice));
  }

  one(stream, slice) {
    return new OneSlice(stream, slice, (source) => this.name(source, stream, slice));
  }

  update(state, now) {
    if (this.isOnly && state.whole.slices > 1) {
      this.isOnly = false;
      this.name();
      this.show(this.lines());
    }
    this.part.update(state, now);
  }

  leave() {
    this.part.leave();
  }
}

class LinesOf {
  constructor(parameters, go, onPage) {
    this.parameters = Object.fromEntries(ASKED.map((name) => [name, parameters[name]]));
    this.onPage = onPage;
    this.asked = new AbortController();
    this.askedAt = -Infinity;
    this.page = null;
    this.sums = h("p");
    this.states = h("ul", { class: "chips", "aria-label": "States" });
    this.levels = h("nav", { class: "levels", "aria-label": "Level" });
    this.problem = h("p", { class: "empty", role: "alert", hidden: true });
    this.empty = h("p", { class: "empty", hidden: true });
    this.table = new LineTable();
    this.shown = h("span", { class: "muted" });
    this.first = h("a", { href: this.link({ after: null }), hidden: true }, "First");
    this.previous = h("a", { href: "#/", rel: "prev", hidden: true }, "Previous");
    this.next = h("a", { href: "#/", rel: "next", hidden: true }, "Next");
    this.pager = h("nav", { class: "pager", "aria-label": "Pages of lines" }, this.shown, this.first, this.previous, this.next);
    const { stream } = parameters;
    const isAll = !ASKED.some((name) => parameters[name]);
    this.events = stream ? new EventsPanel("Stored events", "", { stream }) : null;
    this.runs = stream || isAll ? new LatestRuns({ stream }) : null;
    this.head = h("div", { class: "stack tight", hidden: true }, h("div", { class: "summed" }, this.sums, this.states), h("div", { class: "controls" }, this.levels, this.search(go)));
    this.element = h("div", { class: "stack" }, this.head, this.problem, this.table.element, this.empty, this.pager, this.events?.element ?? null, this.runs?.element ?? null);
    for (const element of [this.table.element, this.pager]) show(element, false);
  }

  search(go) {
    const find = h("input", { id: "find", type: "search", maxlength: 200, autocomplete: "off" });
    const sort = h("select", { id: "sort" }, Object.entries(SORTS).map(([value, name]) => h("option", { value }, name)));
    find.value = this.parameters.find ?? "";
    sort.value = this.parameters.sort ?? "state";
    const form = h("form", { class: "filters", role: "search" }, h("label", { for: "find" }, "Find by name or machine"), find, h("button", {}, "Find"), h("label", { for: "sort" }, "Order"), sort);
    const submit = () => go(this.link({ find: find.value.trim(), sort: sort.value === "state" ? null : sort.value, after: null }));
    sort.addEventListener("change", submit);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      submit();
    });
    return form;
  }

  link(changes) {
    return address("#/", { ...this.parameters, ...changes });
  }

  update(state, now) {
    if (this.page) this.table.update(this.page, now);
    this.events?.update(state);
    this.runs?.update(state, now);
    if (state.database.available && performance.now() - this.askedAt > REFRESH_MS) this.load(now);
  }

  async load(now) {
    this.askedAt = performance.now();
    try {
      this.page = await ask(address("/api/lines.json", this.parameters), this.asked.signal);
      show(this.problem, false);
      this.draw(now);
      this.onPage(this.page);
    } catch (error) {
      if (this.asked.signal.aborted) return;
      setText(this.problem, error.message);
      show(this.problem, true);
    }
  }

  draw(now) {
    const { whole, lines, count, after, next_after } = this.page;
    const isNarrowed = ASKED.some((name) => this.parameters[name]);
    show(this.head, isNarrowed || count > 0);
    this.table.update(this.page, now);
    show(this.empty, lines.length === 0);
    setText(this.empty, isNarrowed ? "Nothing is like that." : NOTHING);
    const of = (noun, count, word) => (count > 1 ? ` ${word} ${format.plural(count, noun)}` : "");
    setText(this.sums, `${format.plural(whole.slices, "slice")}${of("stream", whole.streams, "of")}${of("source", whole.sources, "in")}`);
    this.drawStates(whole);
    this.drawLevels(whole);
    show(this.pager, count > lines.length);
    setText(this.shown, lines.length ? `${format.number(after + 1)} to ${format.number(after + lines.length)} of ${format.number(count)}` : "");
    show(this.first, after > 0);
    show(this.previous, after > 0);
    this.previous.setAttribute("href", this.link({ after: String(Math.max(0, after - 50) || "") }));
    show(this.next, next_after !== null);
    this.next.setAttribute("href", this.link({ after: String(next_after) }));
  }

  drawStates(whole) {
    const chosen = this.parameters.state;
    const told = Object.keys(STATES).filter((state) => whole.states[state] || state === chosen);
    keyed(
      this.states, chosen ? [...told, ""] : told, (state) => state,
      (state) => h("li", {}, h("a", { class: "badge", "data-tone": TONES[state] ?? "idle", title: STATES[state], "aria-current": state && state === chosen ? "true" : null, href: this.link({ level: "slices", state, after: null }) })),
      (item, state) => setText(item.firstElementChild, state ? `${format.number(whole.states[state] ?? 0)} ${state}` : "all"),
    );
  }

  drawLevels(whole) {
    // One line is no list; the level that is shown is named all the same.
    const offered = LEVELS.filter(([level]) => whole[level] > 1 || level === this.page.level);
    show(this.levels, offered.length > 1);
    keyed(
      this.levels, offered, ([level]) => level, ([level]) => h("a", { href: this.link({ level, after: null }) }),
      (link, [level, noun]) => {
        setText(link, format.plural(whole[level], noun));
        if (this.page.level === level) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      },
    );
  }

  leave() {
    this.asked.abort();
    this.events?.leave();
    this.runs?.leave();
  }
}
