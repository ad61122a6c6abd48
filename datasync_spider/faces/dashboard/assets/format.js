// Numbers, spans and times as people read them. English words like the rest of the page; local time.

const whole = new Intl.NumberFormat("en");
const one = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const moment = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const dayOnly = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const SIZES = ["B", "kB", "MB", "GB", "TB", "PB"];
export const NONE = "–";

export function number(value) {
  return value === null || value === undefined ? NONE : whole.format(Math.round(value));
}

export function short(value) {
  return value === null || value === undefined ? NONE : compact.format(value);
}

export function rate(value) {
  if (value === null || value === undefined) return NONE;
  return `${value < 100 ? one.format(value) : whole.format(Math.round(value))}/s`;
}

export function percent(share) {
  if (share === null || share === undefined) return NONE;
  // 99.97 % must not be called 100 %: that is for what is complete.
  const cut = share >= 1 ? 100 : Math.floor(share * 1000) / 10;
  return `${one.format(cut)} %`;
}

export function bytes(value) {
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < SIZES.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${one.format(size)} ${SIZES[unit]}`;
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 0) return `-${span(-seconds)}`;
  if (seconds < 10) return `${one.format(Math.floor(seconds * 10) / 10)} s`;
  const left = Math.floor(seconds);
  const index = UNITS.findIndex(([, size]) => left >= size);
  const [name, size] = UNITS[index];
  const text = `${whole.format(Math.floor(left / size))} ${name}`;
  if (index + 1 === UNITS.length) return text;
  const [smaller, smallerSize] = UNITS[index + 1];
  const rest = Math.floor((left % size) / smallerSize);
  return rest ? `${text} ${rest} ${smaller}` : text;
}

// In one unit, for columns: "51 min", "2 h".
export function brief(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const left = Math.max(0, Math.floor(seconds));
  const [name, size] = UNITS.find(([, unit]) => left >= unit) ?? UNITS.at(-1);
  return `${whole.format(Math.floor(left / size))} ${name}`;
}

export function milliseconds(value) {
  if (value === null || value === undefined) return NONE;
  return value < 1000 ? `${whole.format(Math.round(value))} ms` : span(value / 1000);
}

export function ago(seconds) {
  if (seconds < 0) return `in ${span(-seconds)}`;
  return seconds < 5 ? "just now" : `${span(seconds)} ago`;
}

export function at(iso) {
  return iso === null || iso === undefined ? NONE : moment.format(new Date(iso));
}

export function day(iso) {
  return dayOnly.format(new Date(iso));
}

export function timeOfDay(date) {
  return clock.format(date);
}

// Of an instant, how long ago it was, or how long it is until then.
export function briefInstant(iso, now) {
  if (iso === null || iso === undefined) return NONE;
  const seconds = (now - Date.parse(iso)) / 1000;
  return seconds < 0 ? `in ${brief(-seconds)}` : `${brief(seconds)} ago`;
}

// By the name that the registry of columns gives.
const BY_NAME = { count: number, bytes, seconds: span };

export function value(column, row) {
  return BY_NAME[column.format](row.values[column.key]);
}

// As a table of many has it: in one unit, and nothing where a quiet column has nothing to say.
export function cell(column, value, now) {
  if (column.is_quiet && !value) return "";
  if (column.format === "text") return value ?? NONE;
  if (column.format === "instant") return briefInstant(value, now);
  return column.format === "seconds" ? brief(value) : number(value);
}

export function plural(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}
