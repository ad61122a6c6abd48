// The first page: the streams with their state, the events that are stored, and what ran last; or one stream alone.

import { COLUMNS } from "./columns.js";
import { foreign, h, keyed, setText, show } from "./dom.js";
import { EventsPanel } from "./events.js";
import * as format from "./format.js";
import { ask } from "./live.js";
import { address, Badge, columnFacts, Fact, label, panel, Progress, updateColumns, When } from "./parts.js";
import { RunTable } from "./runtable.js";

const AHEAD_SECONDS = 3600;
const REFRESH_MS = 3_000;

class StreamCard {
  constructor(stream) {
    this.badge = new Badge();
    this.drift = new Badge();
    this.drifted = h("p", { class: "drift" });
    this.words = h("p", { class: "words" });
    this.advice = h("p", { class: "advice" });
    const name = label(stream.name, stream.slice);
    const names = { stream: stream.name, slice: stream.slice };
    this.progress = new Progress(`Progress of ${name}`);
    this.success = new When();
    this.rejected = h("a", { href: address("#/rejected", names) });
    this.run = h("a", { href: "#/runs" });
    this.facts = {
      left: new Fact("Time left"),
      rate: new Fact("Speed"),
      lag: new Fact("Lag"),
      success: new Fact("Last success", this.success.element),
      ...columnFacts(COLUMNS.stream, { total_rejected: this.rejected }),
      pass: new Fact("Pass"),
      lease: new Fact("Held by"),
    };
    this.list = h("dl", { class: "facts" }, Object.values(this.facts).map((fact) => fact.element));
    this.element = h(
      "article", { class: "panel stream" },
      h("header", { class: "head" }, h("h2", {}, h("a", { href: address("#/", names) }, foreign(name))), this.badge.element, this.drift.element, this.run),
      this.words, this.advice, this.drifted, this.progress.element, this.list,
    );
  }

  update(stream, now) {
    const { facts } = this;
    this.badge.update(stream.state, stream.tone);
    this.updateDrift(stream);
    setText(this.words, stream.words);
    setText(this.advice, stream.advice);
    show(this.advice, stream.advice !== "");
    // Nothing but noughts is not worth the room.
    const begun = stream.run !== null || stream.accounted > 0;
    show(this.list, begun);
    show(this.progress.element, begun);
    this.progress.update(stream);
    this.updateRun(stream.run);
    const alive = stream.run?.activity.alive ?? false;
    facts.left.update(format.span(stream.seconds_left), timeLeftNote(stream, alive));
    facts.rate.update(format.rate(stream.events_per_second), rateNote(stream, alive));
    facts.lag.update(...lag(stream), stream.newest_at ? `Newest event: ${format.at(stream.newest_at)}` : null);
    this.success.update(stream.last_success_at, now);
    updateColumns(facts, COLUMNS.stream, stream);
    facts.pass.update(stream.pass_number ? `${stream.pass_number}, ${stream.pass_kind}` : format.NONE, stream.pass_words);
    facts.lease.update(...leaseWords(stream.lease, now));
  }

  updateDrift(stream) {
    const count = stream.values.drifted;
    show(this.drift.element, count > 0);
    show(this.drifted, count > 0);
    this.drift.update(count === 1 ? "1 field changed" : `${format.number(count)} fields changed`, "warning");
    setText(this.drifted, `Fields: ${stream.drift}`);
  }

  updateRun(run) {
    show(this.run, run !== null);
    if (!run) return;
    this.run.setAttribute("href", `#/runs/${run.id}`);
    setText(this.run, `Run ${run.id}`);
  }
}

function timeLeftNote(stream, alive) {
  if (stream.seconds_left !== null) return "at the pace of the last minutes";
  // Some of what is accounted for may be versions of one event: only the verdict counts those once.
  const isShort = stream.state === "incomplete";
  if (!isShort && stream.expected !== null && stream.accounted >= stream.expected) return "all is here";
  return alive ? "no pace to report from yet" : "nothing runs";
}

function rateNote(stream, alive) {
  if (!alive) return "nothing runs";
  return stream.events_per_second === null ? "" : "over the last minutes";
}

// Events of a source whose clock is wrong may come from the future; they say nothing of how old the news are.
function lag(stream) {
  const seconds = stream.lag_seconds;
  if (seconds === null) return [format.NONE, ""];
  if (seconds >= 0) return [format.span(seconds), "behind now"];
  if (seconds > -AHEAD_SECONDS) return ["none", `newest event ${format.span(-seconds)} ahead`];
  return [format.NONE, `newest event dated ${format.day(stream.newest_at)}`];
}

function leaseWords(lease, now) {
  if (!lease) return ["nobody", ""];
  if (lease.expired) return [lease.holder, "the lease has expired"];
  return [lease.holder, `for another ${format.span(Math.max(0, (Date.parse(lease.expires_at) - now) / 1000))}`];
}

const keyOf = (stream) => JSON.stringify([stream.name, stream.slice]);

// Without parameters: what was written last, as the messages tell it. With some: what they find, which is asked for.
export class StreamsView {
  constructor(parameters, go) {
    this.parameters = parameters;
    const { stream, slice, find, after } = parameters;
    this.asks = [stream, find, after].some((value) => value !== undefined);
    this.asked = new AbortController();
    this.askedAt = -Infinity;
    this.found = { streams: [], next_after: null };
    this.latest = [];
    this.cards = new Map();
    this.list = h("div", { class: "streams" });
    this.more = h("p", { class: "muted" });
    this.empty = h("p", { class: "empty" }, this.asks ? "There is no such stream." : "There are no streams yet. The first crawl makes one: scrapy crawl events");
    this.problem = h("p", { class: "empty", role: "alert" });
    this.find = h("input", { id: "find", type: "search", maxlength: 200, autocomplete: "off" });
    this.find.value = find ?? "";
    this.search = h("form", { class: "filters", role: "search" }, h("label", { for: "find" }, "Find a stream or slice"), this.find, h("button", {}, "Find"));
    this.search.addEventListener("submit", (event) => {
      event.preventDefault();
      go(address("#/", { find: this.find.value.trim() }));
    });
    this.all = h("a", { href: address("#/", { after: "0" }) }, "All, one after another");
    this.first = h("a", { href: "#/" }, "Streams written last");
    this.next = h("a", { href: "#/", rel: "next" }, "More");
    for (const element of [this.more, this.empty, this.problem, this.search, this.all, this.next]) show(element, false);
    show(this.first, this.asks);
    this.events = stream || !this.asks ? new EventsPanel("Stored events", "", stream ? { stream, slice } : {}) : null;
    this.runs = new RunTable();
    const ofThese = stream ? { stream, slice } : {};
    this.element = h(
      "div", { class: "stack" },
      h("h1", { class: stream ? null : "unseen" }, stream ? foreign(label(stream, slice)) : "Streams"),
      this.search, this.problem, this.list, this.more, this.empty,
      h("nav", { class: "pager", "aria-label": "Pages of streams" }, this.first, this.all, this.next),
      this.events?.element ?? null,
      this.events && panel("Latest runs", h("div", { class: "latest" }, this.runs.element), h("p", { class: "more" }, h("a", { href: address("#/runs", ofThese) }, "All runs"))),
    );
  }

  update(state, now) {
    const streams = this.asks ? this.found.streams : state.streams;
    keyed(this.list, streams, keyOf, (stream) => this.create(stream), (element, stream) => this.cards.get(element).update(stream, now));
    const isMore = !this.asks && state.more_streams > 0;
    show(this.more, isMore);
    setText(this.more, `${format.number(state.more_streams)} more, written to longer ago, are not shown.`);
    show(this.search, isMore || this.asks);
    show(this.all, isMore);
    if (!this.asks) show(this.empty, streams.length === 0 && state.database.available);
    this.runs.update(this.asks ? this.latest : state.runs, now);
    this.events?.update(state);
    if (this.asks && state.database.available && performance.now() - this.askedAt > REFRESH_MS) this.load(state, now);
  }

  async load(state, now) {
    this.askedAt = performance.now();
    const { stream, slice } = this.parameters;
    try {
      const [found, runs] = await Promise.all([
        ask(address("/api/streams.json", this.parameters), this.asked.signal),
        stream ? ask(address("/api/runs.json", { stream, slice, limit: "10" }), this.asked.signal) : { runs: [] },
      ]);
      this.found = found;
      this.latest = runs.runs;
      show(this.problem, false);
      show(this.empty, found.streams.length === 0);
      show(this.next, found.next_after !== null);
      this.next.setAttribute("href", address("#/", { ...this.parameters, after: String(found.next_after) }));
      this.update(state, now);
    } catch (error) {
      if (this.asked.signal.aborted) return;
      setText(this.problem, error.message);
      show(this.problem, true);
    }
  }

  create(stream) {
    const card = new StreamCard(stream);
    this.cards.set(card.element, card);
    return card.element;
  }

  leave() {
    this.asked.abort();
    this.events?.leave();
  }
}
