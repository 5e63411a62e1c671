// A metric around an incident: samples, expected band, what was odd, the onset; drag or pinch keys to
// zoom. The same marks as in the backtest's report.

import {h, s} from "./dom.js";
import {both, clock, day, full, hour, labels, moment, number} from "./words.js";

const HEIGHT = 176, LEFT = 50, RIGHT = 10, TOP = 8, FOOT = 22;
const M = 60_000, H = 60 * M;
const STEPS = [M, 5 * M, 10 * M, 15 * M, 30 * M, H, 2 * H, 3 * H, 6 * H, 12 * H, 24 * H, 48 * H, 168 * H];

/** Draw one `schema.plots.Plot`. `shared.range` is common to the plots of an incident. */
export function plot(given, name, shared) {
  const frame = s("svg", {class: "plot", role: "img", tabindex: "0", "data-focus": `plot ${given.metric} ${labels(given.labels)} ${name}`,
    "aria-label": spoken(given, name)});
  const said = h("output", {class: "faint"});
  const whole = [given.ts_ms[0], Math.max(given.ts_ms[given.ts_ms.length - 1], given.ts_ms[0] + M)];
  let at = null;

  const range = () => shared.range ?? whole;
  const rest = () => {
    const last = given.ts_ms.length - 1;
    said.textContent = shared.range ? `${full(range()[0])} to ${hour(range()[1])}` : point(last);
  };
  const point = (i) => {
    const band = given.lower[i] === null || given.lower[i] === undefined ? "" : `, expected ${number(given.lower[i])} to ${number(given.upper[i])}`;
    return `${moment(given.ts_ms[i])}: ${number(given.value[i], 4)}${given.unit ? ` ${given.unit}` : ""}${band}`;
  };
  const draw = () => {
    frame.replaceChildren(...drawn(given, range(), frame.clientWidth || 480, at));
    if (at === null) rest();
    else said.textContent = point(at);
  };
  const zoom = (from, until) => {
    const least = 5 * Math.max(given.step_ms || M, 1000);
    shared.zoom(until - from < least || (from <= whole[0] && until >= whole[1]) ? null : [Math.max(from, whole[0]), Math.min(until, whole[1])]);
  };
  const place = (event) => {
    const box = frame.getBoundingClientRect();
    const [from, until] = range();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    return from + (until - from) * Math.max(0, Math.min(1, share));
  };
  const nearest = (ms) => {
    let i = given.ts_ms.findIndex((each) => each >= ms);
    if (i < 0) i = given.ts_ms.length - 1;
    return i > 0 && ms - given.ts_ms[i - 1] < given.ts_ms[i] - ms ? i - 1 : i;
  };

  let started = null;
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    started = place(event);
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    at = nearest(place(event));
    draw();
    if (started !== null) frame.append(chosen(started, place(event), range(), frame.clientWidth));
  });
  frame.addEventListener("pointerup", (event) => {
    const from = started, until = started === null ? null : place(event);
    started = null;
    if (from !== null && Math.abs(until - from) > (range()[1] - range()[0]) / 50) zoom(Math.min(from, until), Math.max(from, until));
    else draw();
  });
  frame.addEventListener("pointerleave", () => { at = null; draw(); });
  frame.addEventListener("blur", () => { at = null; draw(); });
  frame.addEventListener("dblclick", () => shared.zoom(null));
  frame.addEventListener("keydown", (event) => {
    const [from, until] = range();
    const visible = given.ts_ms.findLastIndex((each) => each <= until);
    const middle = at === null ? given.onset_ms ?? (from + until) / 2 : given.ts_ms[at];
    const wide = (until - from) / 2;
    const act = {
      ArrowLeft: () => { at = Math.max(0, (at ?? visible + 1) - 1); draw(); },
      ArrowRight: () => { at = Math.min(given.ts_ms.length - 1, (at ?? -1) + 1); draw(); },
      "+": () => zoom(middle - wide / 2, middle + wide / 2),
      "=": () => zoom(middle - wide / 2, middle + wide / 2),
      "-": () => zoom(middle - wide * 2, middle + wide * 2),
      0: () => shared.zoom(null),
    }[event.key];
    if (!act || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  new ResizeObserver(draw).observe(frame);
  shared.plots.push(draw);
  const series = labels(given.labels);
  return h("figure", {},
    h("figcaption", {},
      h("span", {class: "what"}, h("strong", {}, given.metric), series && h("span", {class: "soft"}, ` ${series}`)),
      h("span", {class: "soft of clip", title: name}, name), said),
    frame);
}

function spoken(given, name) {
  const marks = given.marks?.length ?? 0;
  return `${given.metric} of ${name}: ${given.ts_ms.length} samples, ${marks} of them odd. Arrow keys read values, plus and minus zoom, 0 shows all.`;
}

function drawn(given, [from, until], width, at) {
  const right = width - RIGHT, bottom = HEIGHT - FOOT;
  const inside = given.ts_ms.map((ms, i) => i).filter((i) => given.ts_ms[i] >= from && given.ts_ms[i] <= until);
  const first = Math.max(0, (inside[0] ?? 0) - 1), last = Math.min(given.ts_ms.length - 1, (inside.at(-1) ?? 0) + 1);
  const kept = [];
  for (let i = first; i <= last; i += 1) kept.push(i);
  const [low, high] = extent(given, kept);
  const x = (ms) => LEFT + (right - LEFT) * (ms - from) / (until - from || 1);
  const y = (v) => Math.max(TOP, Math.min(bottom, bottom - (bottom - TOP) * (v - low) / (high - low)));
  const out = [];
  for (const v of ticks(low, high))
    out.push(s("line", {class: "p-grid", x1: LEFT, x2: right, y1: y(v), y2: y(v)}),
      s("text", {x: LEFT - 6, y: y(v) + 3.5, "text-anchor": "end"}, number(v)));
  const step = STEPS.find((each) => (until - from) / each <= width / 85) ?? STEPS.at(-1);
  const shift = clock.utc ? 0 : -new Date(from).getTimezoneOffset() * M;
  for (let ms = Math.ceil((from + shift) / step) * step - shift; ms <= until; ms += step) {
    const dated = step >= 24 * H || hour(ms) === "00:00";
    out.push(s("line", {class: "p-grid", x1: x(ms), x2: x(ms), y1: bottom, y2: bottom + 4}));
    if (x(ms) < right - 14) out.push(s("text", {x: x(ms), y: HEIGHT - 6, "text-anchor": x(ms) < LEFT + 14 ? "start" : "middle"}, dated ? day(ms) : hour(ms)));
  }
  const gap = 4 * (given.step_ms || usual(given.ts_ms));
  const runs = [];
  kept.forEach((i, n) => (n && given.ts_ms[i] - given.ts_ms[kept[n - 1]] <= gap ? runs.at(-1).push(i) : runs.push([i])));
  const path = (column, indexes) => indexes.map((i, n) => `${n ? "L" : "M"}${x(given.ts_ms[i]).toFixed(1)} ${y(column[i]).toFixed(1)}`).join("");
  const known = (column, run) => run.reduce((all, i) => {
    if (column[i] === null || column[i] === undefined) all.push([]);
    else all.at(-1).push(i);
    return all;
  }, [[]]).filter((each) => each.length);
  const lines = [];
  for (const run of runs) {
    for (const part of known(given.lower, run).flatMap((each) => known(given.upper, each)))
      lines.push(s("path", {class: "p-band", d: `${path(given.upper, part)}${path(given.lower, [...part].reverse()).replace("M", "L")}Z`}));
    for (const part of known(given.expected, run)) lines.push(s("path", {class: "p-middle", d: path(given.expected, part)}));
    for (const part of known(given.value, run)) lines.push(s("path", {class: "p-value", d: path(given.value, part)}));
  }
  for (const i of given.marks ?? [])
    if (i >= first && i <= last && given.value[i] !== null) lines.push(s("circle", {class: "p-odd", cx: x(given.ts_ms[i]), cy: y(given.value[i]), r: 2.2}));
  if (given.onset_ms > from && given.onset_ms < until)
    lines.push(s("line", {class: "p-onset", x1: x(given.onset_ms), x2: x(given.onset_ms), y1: TOP, y2: bottom}, s("title", {}, `onset\n${both(given.onset_ms)}`)));
  if (at !== null && given.value[at] !== null)
    lines.push(s("line", {class: "p-cross", x1: x(given.ts_ms[at]), x2: x(given.ts_ms[at]), y1: TOP, y2: bottom}),
      s("circle", {class: "p-at", cx: x(given.ts_ms[at]), cy: y(given.value[at]), r: 3.2}));
  // what lies beyond the zoomed stretch is cut off at the edges of an inner picture
  const inner = {x: LEFT, width: right - LEFT, height: HEIGHT, viewBox: `${LEFT} 0 ${right - LEFT} ${HEIGHT}`};
  return [...out, s("svg", inner, lines)];
}

function chosen(a, b, [from, until], width) {
  const x = (ms) => LEFT + (width - RIGHT - LEFT) * (ms - from) / (until - from);
  return s("rect", {class: "p-chosen", x: Math.min(x(a), x(b)), width: Math.abs(x(a) - x(b)), y: TOP, height: HEIGHT - FOOT - TOP});
}

function extent(given, kept) {
  const finite = (column) => kept.map((i) => column[i]).filter((v) => v !== null && v !== undefined);
  const values = finite(given.value);
  let low = Math.min(...values), high = Math.max(...values);
  if (!values.length) [low, high] = [0, 1];
  const room = high - low || Math.abs(high) * 0.1 || 1;
  low = Math.max(Math.min(low, ...finite(given.lower)), low - room); // a wide band does not flatten the line
  high = Math.min(Math.max(high, ...finite(given.upper)), high + room);
  const edge = (high - low || 1) * 0.06;
  return [low - edge, high + edge];
}

function ticks(low, high) {
  const scale = 10 ** Math.floor(Math.log10(high - low));
  const step = scale * ([1, 0.5, 0.2, 0.1].find((m) => (high - low) / (m * scale) >= 2.5) ?? 0.1);
  const out = [];
  for (let n = Math.ceil(low / step); n * step <= high; n += 1) out.push(n * step);
  return out;
}

function usual(times) {
  const gaps = times.slice(1).map((ms, i) => ms - times[i]).sort((a, b) => a - b);
  return gaps[gaps.length >> 1] || M;
}
