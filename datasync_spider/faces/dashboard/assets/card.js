// One slice, or a stream that has none, as a card: its state in words, how far it is, and what is counted of it.

import { COLUMNS } from "./columns.js";
import { foreign, h, setText, show } from "./dom.js";
import * as format from "./format.js";
import { address, Badge, columnFacts, Fact, label, Progress, updateColumns, When } from "./parts.js";

const AHEAD_SECONDS = 3600;

export class StreamCard {
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
  return alive ? "no pace is known yet" : "nothing runs";
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
  if (!lease) return ["no one", ""];
  if (lease.expired) return [lease.holder, "the lease has expired"];
  return [lease.holder, `for another ${format.span(Math.max(0, (Date.parse(lease.expires_at) - now) / 1000))}`];
}
