// Curves over a run's time and bars by day, drawn by uPlot, each with its data as a table for who cannot see them.

import { h, setText, show } from "./dom.js";
import * as format from "./format.js";

const HEIGHT = 190;
// As wide as an axis on the right, so that the times of charts below each other stand below each other.
const RIGHT = 40;
// A stretch without a value that is longer than this, and than this share of what is shown, is a gap and not a line.
const LONGEST_LINE_SECONDS = 15;
const LONGEST_LINE_SHARE = 0.08;
const MOST_TABLE_ROWS = 60;
// Tick distance in seconds, its text, what is added where a larger unit begins, and that it is added (1).
const TIME_TICKS = [
  [31536000, "{YYYY}", null, null, null, null, null, null, 1],
  [2419200, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [86400, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [3600, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{D} {MMM}", null, "\n{D} {MMM}", null, null, null, 1],
];
const darkness = window.matchMedia("(prefers-color-scheme: dark)");

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function axis(extra) {
  return {
    stroke: colour("muted"),
    font: `12px ${colour("sans")}`,
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
    ...extra,
  };
}

// A figure with a heading, a canvas that follows the width of the page and the colours of the system, and a table.
//
// `curves`: [{ label, colour, fill, bars, area, dots, scale, format }]; `time`: whether x is a time, else it counts
// `labels`; `most`: the top of the left axis, else it follows the data; `nothing`: what to say where all is zero.
export class Chart {
  constructor({ title, note, curves, time = true, sync, labels, most, nothing }) {
    this.curves = curves;
    this.most = most;
    this.nothing = nothing ? h("p", { class: "nothing", hidden: true }, nothing) : null;
    this.time = time;
    this.sync = sync;
    this.labels = labels ?? [];
    this.data = null;
    this.plot = null;
    this.canvas = h("div", { class: "canvas", "aria-hidden": "true" });
    this.picture = h("div", { class: "picture" }, this.canvas, this.nothing);
    this.body = h("tbody");
    this.table = h("details", { class: "data" }, h("summary", {}, "As a table"), h("div", { class: "scroller", tabindex: "0", role: "group", "aria-label": `${title}, as a table` }));
    this.summary = h("p", { class: "unseen" });
    this.element = h("figure", { class: "chart", "aria-label": title }, h("figcaption", {}, h("h3", {}, title), note ? h("span", { class: "note" }, note) : null), this.summary, this.picture, this.table);
    this.table.addEventListener("toggle", () => this.fillTable());
    this.resized = new ResizeObserver(() => this.fit());
    this.resized.observe(this.canvas);
    this.recolour = () => this.redraw();
    darkness.addEventListener("change", this.recolour);
  }

  // `data`: x values, then one column a curve.
  update(data, labels = this.labels) {
    this.labels = labels;
    this.data = data;
    setText(this.summary, this.describe());
    if (this.nothing) show(this.nothing, data.slice(1).every((column) => column.every((value) => !value)));
    if (this.table.open) this.fillTable();
    if (!this.plot) {
      this.redraw();
      return;
    }
    // Who has zoomed in stays where he is.
    const [low, high] = this.shownBefore;
    const { min, max } = this.plot.scales.x;
    const zoomed = min > low || max < high;
    this.plot.setData(data, !zoomed);
    if (zoomed) this.plot.redraw();
    this.remember();
  }

  remember() {
    const x = this.data[0];
    this.shownBefore = [x[0], x[x.length - 1]];
  }

  redraw() {
    this.plot?.destroy();
    this.plot = null;
    const width = this.canvas.clientWidth;
    if (!this.data || !this.data[0].length || !width) return;
    this.plot = new window.uPlot(this.options(width), this.data, this.canvas);
    this.remember();
  }

  fit() {
    const width = this.canvas.clientWidth;
    if (!this.plot) this.redraw();
    else if (width && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  options(width) {
    const right = this.curves.find((curve) => curve.scale === "right");
    const left = this.curves.find((curve) => curve.scale !== "right");
    const values = (curve) => (_, ticks) => ticks.map((tick) => (tick === null ? "" : (curve.tick ?? curve.format)(tick)));
    return {
      width,
      height: HEIGHT,
      padding: [10, right ? 0 : RIGHT, 0, 0],
      cursor: { y: false, points: { size: 7 }, drag: { x: this.time, y: false }, sync: this.sync ? { key: this.sync, setSeries: false } : undefined },
      legend: { live: true },
      scales: {
        x: { time: this.time, range: this.time ? undefined : (_, min, max) => [min - 0.6, max + 0.6] },
        y: { range: (_, _min, max) => [0, this.most ?? (max > 0 ? max * 1.08 : 1)] },
        right: { range: (_, _min, max) => [0, max > 0 ? Math.max(max * 1.08, 4) : 4] },
      },
      axes: [
        axis(this.time ? { values: TIME_TICKS, space: 64 } : { size: 30, values: (_, ticks) => ticks.map((tick) => this.labels[tick] ?? ""), incrs: [1, 2, 5, 7, 14, 28], space: 64 }),
        axis({ scale: "y", size: 62, space: 34, values: values(left) }),
        ...(right ? [axis({ scale: "right", side: 1, size: RIGHT, space: 34, grid: { show: false }, values: values(right) })] : []),
      ],
      series: [{ label: this.time ? "Time" : "Day", value: (_, x) => (x === null ? "" : this.nameOf(x)) }, ...this.curves.map(series)],
    };
  }

  nameOf(x) {
    if (x === null || x === undefined) return format.NONE;
    return this.time ? format.at(new Date(x * 1000).toISOString()) : this.labels[x] ?? format.NONE;
  }

  describe() {
    return this.curves.map((curve, index) => {
      const known = this.data[index + 1].filter((value) => value !== null);
      return known.length ? `${curve.label}: at most ${curve.format(Math.max(...known))}, last ${curve.format(known[known.length - 1])}.` : `${curve.label}: nothing.`;
    }).join(" ");
  }

  fillTable() {
    if (!this.table.open || !this.data) return;
    const from = Math.max(0, this.data[0].length - MOST_TABLE_ROWS);
    const rows = this.data[0].slice(from).map((x, index) => h(
      "tr", {}, h("th", { scope: "row" }, this.nameOf(x)),
      this.curves.map((curve, place) => h("td", { class: "number" }, curve.format(this.data[place + 1][from + index]))),
    ));
    this.table.lastElementChild.replaceChildren(h(
      "table", {}, h("caption", { class: "muted small" }, from ? `The last ${MOST_TABLE_ROWS} of ${this.data[0].length} points` : "All points"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, this.time ? "From" : "Day"), this.curves.map((curve) => h("th", { scope: "col", class: "number" }, curve.label)))),
      h("tbody", {}, rows.reverse()),
    ));
  }

  leave() {
    darkness.removeEventListener("change", this.recolour);
    this.resized.disconnect();
    this.plot?.destroy();
  }
}

function series(curve) {
  const bars = curve.bars ? window.uPlot.paths.bars({ size: [0.7, 26], align: 0 }) : undefined;
  const dots = curve.dots ? () => null : undefined;
  const area = curve.area ? window.uPlot.paths.stepped({ align: 1 }) : undefined;
  const joined = !bars && !dots && !area;
  return {
    label: curve.label,
    scale: curve.scale ?? "y",
    stroke: colour(curve.colour),
    fill: curve.bars ? colour(curve.colour) : curve.fill ? colour(curve.fill) : undefined,
    width: curve.bars ? 0 : curve.thin || curve.area ? 1 : 1.75,
    paths: bars ?? dots ?? area,
    points: { show: Boolean(curve.dots) || joined, size: curve.dots ? 6 : 4, fill: colour(curve.colour), filter: curve.dots ? onlySome : onlyShort },
    spanGaps: !joined,
    gaps: joined ? onlyLong : undefined,
    value: (_, value, place, index) => (index === null || index === undefined ? "" : curve.format(value)),
  };
}

// Dots where there is something, not on the whole line of zeros.
function onlySome(plot, index) {
  return plot.data[index].map((value, place) => (value ? place : null)).filter((place) => place !== null);
}

function longestLine(plot) {
  const { min, max } = plot.scales.x;
  return Math.max(LONGEST_LINE_SECONDS, LONGEST_LINE_SHARE * (max - min));
}

// Of the stretches without a value those that no line may cross.
function onlyLong(plot, index, from, to, gaps) {
  const longest = longestLine(plot);
  return gaps.filter(([left, right]) => plot.posToVal(right, "x", true) - plot.posToVal(left, "x", true) > longest);
}

// The points of short pieces between gaps, which as lines alone would hardly be seen.
function onlyShort(plot, index) {
  const [x] = plot.data;
  const longest = longestLine(plot);
  const pieces = [];
  plot.data[index].forEach((value, place) => {
    if (value === null || value === undefined) return;
    const piece = pieces.at(-1);
    if (piece && x[place] - x[piece.at(-1)] <= longest) piece.push(place);
    else pieces.push([place]);
  });
  return pieces.filter((piece) => x[piece.at(-1)] - x[piece[0]] <= longest).flat();
}
