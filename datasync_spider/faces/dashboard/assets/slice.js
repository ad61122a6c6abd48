// One slice, or a stream that has none: its card, the records that are stored of it, and what ran of it last.

import { say } from "./announce.js";
import { StreamCard } from "./card.js";
import { h, keyed, setText, show } from "./dom.js";
import { EventsPanel } from "./events.js";
import { ask } from "./live.js";
import { address, label, panel } from "./parts.js";
import { RunTable } from "./runtable.js";

const REFRESH_MS = 1_200;

export class OneSlice {
  // onSource: is given what it belongs to.
  constructor(stream, slice, onSource) {
    this.names = { stream, slice };
    this.onSource = onSource;
    this.asked = new AbortController();
    this.askedAt = -Infinity;
    this.found = null;
    this.cards = new Map();
    this.list = h("div", { class: "streams" });
    this.empty = h("p", { class: "empty", hidden: true }, "No sync of it has begun yet, or there is no such slice.");
    this.problem = h("p", { class: "empty", role: "alert", hidden: true });
    this.events = new EventsPanel("Stored events", "", this.names);
    this.runs = new LatestRuns(this.names);
    this.element = h("div", { class: "stack" }, this.problem, this.list, this.empty, this.events.element, this.runs.element);
  }

  update(state, now) {
    if (this.found) this.draw(now);
    this.events.update(state);
    this.runs.update(state, now);
    if (state.database.available && performance.now() - this.askedAt > REFRESH_MS) this.load(now);
  }

  draw(now) {
    keyed(this.list, this.found, () => "one", (stream) => this.create(stream), (element, stream) => this.cards.get(element).update(stream, now));
    for (const stream of this.found) say(label(stream.name, stream.slice), stream.state, stream.words);
  }

  create(stream) {
    const card = new StreamCard(stream);
    this.cards.set(card.element, card);
    return card.element;
  }

  async load(now) {
    this.askedAt = performance.now();
    try {
      // A stream without slices has one all the same, which the stream's name alone means.
      const { streams } = await ask(address("/api/streams.json", { ...this.names, limit: "1" }), this.asked.signal);
      this.found = streams;
      if (streams.length) this.onSource(streams[0].source);
      show(this.empty, streams.length === 0);
      show(this.problem, false);
      this.draw(now);
    } catch (error) {
      if (this.asked.signal.aborted) return;
      setText(this.problem, error.message);
      show(this.problem, true);
    }
  }

  leave() {
    this.asked.abort();
    this.events.leave();
    this.runs.leave();
  }
}

// The latest runs of a stream or a slice; of everything, as the messages have them, where none is named.
export class LatestRuns {
  constructor(names) {
    this.names = names;
    this.asked = new AbortController();
    this.askedAt = -Infinity;
    this.latest = [];
    this.table = new RunTable();
    this.element = panel("Latest runs", h("div", { class: "latest" }, this.table.element), h("p", { class: "more" }, h("a", { href: address("#/runs", names) }, "All runs")));
  }

  update(state, now) {
    if (!this.names.stream) this.latest = state.runs;
    this.table.update(this.latest, now);
    if (this.names.stream && state.database.available && performance.now() - this.askedAt > REFRESH_MS) this.load(now);
  }

  async load(now) {
    this.askedAt = performance.now();
    try {
      this.latest = (await ask(address("/api/runs.json", { ...this.names, limit: "10" }), this.asked.signal)).runs;
      this.table.update(this.latest, now);
    } catch {
      // What is wrong is said above; the runs that were read stay.
    }
  }

  leave() {
    this.asked.abort();
  }
}
