// The connection to the server: messages that each hold the whole state.
//
// A connection is held only while the page can be seen: browsers allow few to one server, and a forgotten tab would keep
// the database busy. Where the server takes no more viewers, the page asks from time to time instead.

const SILENCE_MS = 20_000;
const ASK_EVERY_MS = 5_000;
const HIDDEN_GRACE_MS = 5_000;

export class Live {
  constructor(onState, onConnection) {
    this.onState = onState;
    this.onConnection = onConnection;
    this.source = null;
    this.asking = null;
    this.silence = null;
    this.hiding = null;
    this.lostAt = null;
    document.addEventListener("visibilitychange", () => this.visibilityChanged());
  }

  start() {
    this.stop();
    this.source = new EventSource("/api/live");
    this.source.onmessage = (event) => this.received(JSON.parse(event.data), "live");
    this.source.onerror = () => {
      this.lost();
      // A browser comes back by itself after a lost connection, but not after an answer that was no stream.
      if (this.source && this.source.readyState === EventSource.CLOSED) this.ask();
    };
    this.expect();
  }

  stop() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.asking);
    clearTimeout(this.silence);
  }

  received(state, kind) {
    this.lostAt = null;
    this.expect();
    this.onState(state);
    this.onConnection(kind, null);
  }

  lost() {
    this.lostAt ??= new Date();
    this.onConnection("away", this.lostAt);
  }

  // A connection that died without a word shows as silence, for the server speaks every few seconds.
  expect() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.lost();
      this.start();
    }, SILENCE_MS);
  }

  async ask() {
    this.source?.close();
    try {
      const answer = await fetch("/api/state.json", { signal: AbortSignal.timeout(SILENCE_MS) });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.received(await answer.json(), "asking");
    } catch {
      this.lost();
    }
    clearTimeout(this.silence);
    this.asking = setTimeout(() => this.start(), ASK_EVERY_MS);
  }

  visibilityChanged() {
    clearTimeout(this.hiding);
    if (document.hidden) {
      this.hiding = setTimeout(() => {
        this.stop();
        this.onConnection("paused", null);
      }, HIDDEN_GRACE_MS);
    } else if (!this.source || this.source.readyState === EventSource.CLOSED) {
      this.start();
    }
  }
}

export async function ask(path, signal) {
  const answer = await fetch(path, { signal });
  if (!answer.ok) {
    const reported = await answer.json().catch(() => ({}));
    throw new Error(reported.error ?? `The dashboard answered with status ${answer.status}.`);
  }
  return answer.json();
}
