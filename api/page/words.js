// Numbers, times and names as people read them. Times are local or UTC as the reader has chosen; the
// other one is always in the title.

import {h, s} from "./dom.js";

export const SEVERITIES = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

export const clock = {
  utc: localStorage.getItem("foreshock.utc") === "yes",
  shift_ms: 0, // what the data's present is behind the wall's: a finished replay lies in the past
  now: () => Date.now() - clock.shift_ms,
  choose(utc) {
    clock.utc = utc;
    localStorage.setItem("foreshock.utc", utc ? "yes" : "no");
  },
};

export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  for (const [name, from] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e4]])
    if (size >= from) return `${+(value / (name === "k" ? 1e3 : from)).toPrecision(digits)} ${name}`;
  return size >= 1000 ? Math.round(value).toLocaleString("en") : String(+value.toPrecision(digits));
}
export const whole = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
export function percent(value, digits = 1) {
  if (value === null || value === undefined) return "–";
  return value > 0 && value < 0.5 * 10 ** -(digits + 2) ? `<${10 ** -digits} %` : `${(100 * value).toFixed(digits)} %`;
}
export const count = (n, one, many = `${one}s`) => `${whole(n)} ${n === 1 ? one : many}`;

export function span(ms) {
  const size = Math.abs(ms);
  if (size < MINUTE) return `${Math.round(size / 1000)} s`;
  if (size < HOUR) return `${Math.floor(size / MINUTE)} min`;
  if (size < DAY) {
    const minutes = Math.floor((size % HOUR) / MINUTE);
    return `${Math.floor(size / HOUR)} h${minutes && size < 10 * HOUR ? ` ${minutes} min` : ""}`;
  }
  const hours = Math.floor((size % DAY) / HOUR);
  return `${Math.floor(size / DAY)} d${hours && size < 10 * DAY ? ` ${hours} h` : ""}`;
}

const pad = (n) => String(n).padStart(2, "0");
function parts(ms, utc) {
  const d = new Date(ms);
  return utc
    ? [d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()]
    : [d.getFullYear(), d.getMonth() + 1, d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()];
}
export function hour(ms, utc = clock.utc) {
  const [, , , hh, mm] = parts(ms, utc);
  return `${pad(hh)}:${pad(mm)}`;
}
export function day(ms, utc = clock.utc) {
  const [, month, date] = parts(ms, utc);
  return `${pad(month)}-${pad(date)}`;
}
export function full(ms, utc = clock.utc) {
  const [year, month, date, hh, mm, ss] = parts(ms, utc);
  return `${year}-${pad(month)}-${pad(date)} ${pad(hh)}:${pad(mm)}:${pad(ss)} ${utc ? "UTC" : zone(ms)}`;
}
function zone(ms) {
  const minutes = -new Date(ms).getTimezoneOffset();
  const sign = minutes < 0 ? "−" : "+";
  return minutes ? `UTC${sign}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}` : "UTC";
}
/** Of today the hour alone, else with its day. */
export function moment(ms, utc = clock.utc) {
  const same = parts(ms, utc).slice(0, 3).join() === parts(clock.now(), utc).slice(0, 3).join();
  return same ? hour(ms, utc) : `${day(ms, utc)} ${hour(ms, utc)}`;
}
export const both = (ms) => `${full(ms, false)}\n${full(ms, true)}`;
export function ago(ms) {
  const since = clock.now() - ms;
  if (Math.abs(since) < 10_000) return "now";
  return since > 0 ? `${span(since)} ago` : `in ${span(since)}`;
}

/** A time that stays true: `how` is `moment`, `ago` or another function of milliseconds. */
export function time(ms, how = moment) {
  if (ms === null || ms === undefined) return h("span", {class: "faint"}, "–");
  const node = h("time", {datetime: new Date(ms).toISOString(), title: both(ms)}, how(ms));
  if (how === ago) ticking.add(new WeakRef(Object.assign(node, {again: () => ago(ms)})));
  return node;
}
/** What is left until a deadline, and how urgent that is. */
export function left(ms) {
  const node = h("time", {datetime: new Date(ms).toISOString(), title: both(ms)});
  const again = () => {
    const rest = ms - clock.now();
    node.className = rest <= 0 ? "late" : rest < 15 * MINUTE ? "soon" : "";
    return rest <= 0 ? `${span(rest)} late` : `${span(rest)} left`;
  };
  node.textContent = again();
  ticking.add(new WeakRef(Object.assign(node, {again})));
  return node;
}
const ticking = new Set();
setInterval(() => {
  for (const held of ticking) {
    const node = held.deref();
    if (!node) ticking.delete(held);
    else if (node.isConnected) {
      const words = node.again();
      if (node.textContent !== words) node.textContent = words;
    }
  }
}, 5000);

/** Bars that rise with the severity, and its name: never by colour alone. */
export function severity(name, named = true) {
  const level = SEVERITIES.indexOf(name);
  const bars = [0, 1, 2, 3].map((i) =>
    s("rect", {x: 1 + 3.6 * i, y: 10 - 3 * i, width: 2.6, height: 4 + 3 * i, rx: 0.6, class: i > level ? "off" : "on"}));
  const drawn = s("svg", {viewBox: "0 0 16 14", ...(named ? {"aria-hidden": "true"} : {role: "img", "aria-label": name})}, bars);
  return h("span", {class: `sev ${SEVERITIES.includes(name) ? name : ""}`, title: name}, drawn, named && name);
}
export const named = (value) => (typeof value === "number" ? SEVERITIES[value - 1] : String(value));

/** Words in which names stand between backticks: every second part is a name. */
export const coded = (text) => text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? h("code", {}, part) : part));

export function labels(pairs) {
  return (Array.isArray(pairs) ? pairs : Object.entries(pairs ?? {})).map(([name, value]) => `${name}=${value}`).join(", ");
}
