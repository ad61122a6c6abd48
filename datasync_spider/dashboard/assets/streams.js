// The first page: every stream with its state, the events that are stored, and what ran last.

import { foreign, h, keyed, setText, show } from "./dom.js";
import { EventsPanel } from "./events.js";
import * as format from "./format.js";
import { Badge, Fact, panel, Progress, When } from "./parts.js";
import { RunTable } from "./runtable.js";

const AHEAD_SECONDS = 3600;

class StreamCard {
  constructor(stream) {
    this.badge = new Badge();
    this.words = h("p", { class: "words" });
    this.advice = h("p", { class: "advice" });
    this.progress = new Progress(`Progress of ${stream.name}`);
    this.success = new When();
    this.rejected = h("a", { href: `#/rejected?stream=${encodeURIComponent(stream.name)}` });
    this.run = h("a", { href: "#/runs" });
    this.facts = {
      left: new Fact("Time left"),
      rate: new Fact("Speed"),
      lag: new Fact("Lag"),
      success: new Fact("Last success", this.success.element),
      stored: new Fact("Stored"),
      rejected: new Fact("Rejected", this.rejected),
      pass: new Fact("Pass"),
      lease: new Fact("Held by"),
    };
    this.list = h("dl", { class: "facts" }, Object.values(this.facts).map((fact) => fact.element));
    this.element = h(
      "article", { class: "panel stream" },
      h("header", { class: "head" }, h("h2", {}, foreign(stream.name)), this.badge.element, this.run),
      this.words, this.advice, this.progress.element, this.list,
    );
  }

  update(stream, now) {
    const { facts } = this;
    this.badge.update(stream.state, stream.tone);
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
    facts.stored.update(format.number(stream.stored));
    facts.rejected.update(format.number(stream.rejected));
    facts.pass.update(stream.pass_number ? `${stream.pass_number}, ${stream.pass_kind}` : format.NONE, stream.pass_words);
    facts.lease.update(...leaseWords(stream.lease, now));
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
  return alive ? "no pace to tell from yet" : "nothing runs";
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

export class StreamsView {
  constructor() {
    this.cards = new Map();
    this.list = h("div", { class: "streams" });
    this.more = h("p", { class: "muted", hidden: true });
    this.empty = h("p", { class: "empty", hidden: true }, "There are no streams yet. The first crawl makes one: scrapy crawl events");
    this.events = new EventsPanel("Stored events", "of all streams together", "/api/events.json");
    this.runs = new RunTable();
    this.element = h(
      "div", { class: "stack" },
      h("h1", { class: "unseen" }, "Streams"),
      this.list, this.more, this.empty, this.events.element,
      panel("Latest runs", h("div", { class: "latest" }, this.runs.element), h("p", { class: "more" }, h("a", { href: "#/runs" }, "All runs"))),
    );
  }

  update(state, now) {
    keyed(this.list, state.streams, (stream) => stream.name, (stream) => this.create(stream), (element, stream) => this.cards.get(element).update(stream, now));
    show(this.empty, state.streams.length === 0 && state.database.available);
    show(this.more, state.more_streams > 0);
    setText(this.more, `${format.plural(state.more_streams, "stream")} more, written to longer ago, are not shown.`);
    this.runs.update(state.runs, now);
    this.events.update(state);
  }

  create(stream) {
    const card = new StreamCard(stream);
    this.cards.set(card.element, card);
    return card.element;
  }

  leave() {
    this.events.leave();
  }
}
