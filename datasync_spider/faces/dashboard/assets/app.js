// The page's frame: which view is shown, what it is fed with, and what is said about the connection.

import { say } from "./announce.js";
import { setData, setText, show } from "./dom.js";
import * as format from "./format.js";
import { Live } from "./live.js";
import { MachinesView } from "./machines.js";
import { RejectedView } from "./rejected.js";
import { RunView } from "./run.js";
import { RunsView } from "./runs.js";
import { StreamsView } from "./streams.js";

const CONNECTION = { live: "live", asking: "every few seconds", away: "not connected", paused: "paused", waiting: "connecting" };
const byId = (id) => document.getElementById(id);
const main = byId("main");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

let view = null;
let state = null;
let receivedAt = 0;
let lostAt = null;

// The database's clock, so that a browser whose clock is wrong shows right ages. It stands still while nothing is read.
function now() {
  if (!state?.at) return Date.now();
  const passed = state.database.available ? performance.now() - receivedAt : 0;
  return Date.parse(state.at) + passed;
}

function route() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const parameters = Object.fromEntries(new URLSearchParams(query));
  const run = /^\/runs\/(\d{1,18})$/.exec(path);
  if (run) return { page: "runs", title: `Run ${run[1]}`, make: () => new RunView(Number(run[1])) };
  if (path === "/runs") return { page: "runs", title: "Runs", make: () => new RunsView(parameters, go) };
  if (path === "/rejected") return { page: "rejected", title: "Rejected events", make: () => new RejectedView(parameters) };
  if (path === "/machines") return { page: "machines", title: "Machines", make: () => new MachinesView(parameters) };
  return { page: "streams", title: "Streams", make: () => new StreamsView(parameters, go) };
}

function go(hash) {
  location.hash = hash;
}

function enter(event) {
  const { page, title, make } = route();
  view?.leave?.();
  view = make();
  main.replaceChildren(view.element);
  document.title = `${title} – DataSync`;
  for (const link of document.querySelectorAll("nav [data-page]")) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  // After a click the keyboard goes on where the new content begins.
  if (event) {
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  if (state) view.update(state, now());
}

function received(message) {
  state = message;
  receivedAt = performance.now();
  view.update(state, now());
  setText(byId("database"), state.database.label);
  setText(byId("asof"), state.at ? `As of ${format.at(state.at)} (${zone}), version ${state.version}` : "");
  notice();
  troubles();
}

// On every page, since someone is to look at them.
function troubles() {
  const { failing = 0, late = 0 } = state.whole.states;
  say("Slices", `${format.number(failing)} failing, ${format.number(late)} late`, "");
}

function notice() {
  const element = byId("notice");
  const away = state && !state.database.available;
  document.body.classList.toggle("stale", Boolean(away || lostAt));
  if (lostAt) {
    setText(element, `The dashboard has not answered since ${format.timeOfDay(lostAt)}. The page tries again by itself.`);
  } else if (away) {
    setText(element, `${state.database.words} Nothing could be read since ${format.at(state.database.since)}. ${state.database.advice}`);
  }
  show(element, Boolean(away || lostAt));
}

function connection(kind, since) {
  lostAt = since;
  const element = byId("connection");
  const shown = kind === "live" && state && !state.database.available ? "away" : kind;
  setData(element, "kind", shown);
  setText(element.lastElementChild, shown !== kind ? "database away" : CONNECTION[kind]);
  notice();
}

window.addEventListener("hashchange", enter);
enter();
new Live(received, connection).start();
