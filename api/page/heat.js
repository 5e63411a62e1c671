// The heat map: a line a resource, a column a stretch of time, the odder the hotter; what is not drawn was
// well. Arrow keys go from cell to cell.

import {fill, h, s} from "./dom.js";
import {both, day, hour, span} from "./words.js";

const LINE = 15, FOOT = 20, H = 3_600_000;
const STEPS = [H / 4, H / 2, H, 2 * H, 3 * H, 6 * H, 12 * H, 24 * H, 48 * H];
const LEVELS = [[2, 4], [1.25, 3], [1, 2], [0, 1]]; // from 1 on it can raise an alert

export const level = (oddness) => LEVELS.find(([from]) => oddness >= from)[1];
/** A resource's key is cloud|account|region|service|name. */
export const nameOf = (key) => key.split("|").slice(4).join("|") || key;

export function heat(map, most) {
  const lines = new Map();
  for (const [resource, start_ms, oddness] of map.cells) {
    if (!lines.has(resource)) {
      if (lines.size >= most) continue;
      lines.set(resource, new Map());
    }
    lines.get(resource).set(start_ms, oddness);
  }
  const names = [...lines.keys()], columns = Math.max(1, Math.ceil((map.to_ms - map.from_ms) / map.bucket_ms));
  const said = h("output", {class: "faint clip"}), height = names.length * LINE;
  const frame = s("svg", {class: "heat-cells", tabindex: "0", role: "application", "aria-label": "Anomalies by resource and time. Arrow keys go from cell to cell.", "data-focus": "heat"});
  let chosen = null;

  const point = (row, column) => {
    const resource = names[row], start = map.from_ms + column * map.bucket_ms;
    const oddness = lines.get(resource)?.get(start);
    fill(said, `${nameOf(resource)} · ${day(start)} ${hour(start)}–${hour(start + map.bucket_ms)} · ${oddness === undefined ? "nothing odd" : `${oddness.toFixed(2)} × threshold`}`);
    said.title = both(start);
  };
  const draw = () => {
    const width = frame.clientWidth || 600, wide = width / columns;
    frame.setAttribute("viewBox", `0 0 ${width} ${height + FOOT}`);
    frame.setAttribute("height", height + FOOT);
    const cells = names.flatMap((name, row) => [
      s("rect", {class: "h-line", x: 0, y: row * LINE + 1, width, height: LINE - 2}),
      ...[...lines.get(name)].map(([start, oddness]) =>
        s("rect", {class: `h-${level(oddness)}`, x: ((start - map.from_ms) / map.bucket_ms) * wide, y: row * LINE + 1, width: Math.max(1.5, wide - (wide > 5 ? 1 : 0)), height: LINE - 2}))]);
    const step = STEPS.find((each) => (map.to_ms - map.from_ms) / each <= width / 70) ?? STEPS.at(-1);
    const axis = [];
    for (let ms = Math.ceil(map.from_ms / step) * step; ms <= map.to_ms; ms += step) {
      const x = ((ms - map.from_ms) / (map.to_ms - map.from_ms)) * width;
      axis.push(s("line", {class: "p-grid", x1: x, x2: x, y1: 0, y2: height + 4}),
        x > 16 && x < width - 16 && s("text", {x, y: height + 15, "text-anchor": "middle"}, step >= 24 * H || hour(ms) === "00:00" ? day(ms) : hour(ms)));
    }
    fill(frame, axis, cells, chosen && s("rect", {class: "h-chosen", x: chosen[1] * wide, y: chosen[0] * LINE, width: Math.max(3, wide), height: LINE}));
    if (chosen) point(...chosen);
  };
  frame.addEventListener("pointermove", (event) => {
    const space = frame.getBoundingClientRect();
    const row = Math.floor((event.clientY - space.top) / LINE), column = Math.floor(((event.clientX - space.left) / space.width) * columns);
    if (row >= 0 && row < names.length && column >= 0 && column < columns) point(row, column);
  });
  frame.addEventListener("keydown", (event) => {
    const by = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
    if (!by) return;
    event.preventDefault();
    const [row, column] = chosen ?? [0, columns - 1];
    chosen = [Math.max(0, Math.min(names.length - 1, row + by[0])), Math.max(0, Math.min(columns - 1, column + by[1]))];
    draw();
  });
  frame.addEventListener("blur", () => { chosen = null; draw(); });
  new ResizeObserver(draw).observe(frame);
  const legend = h("div", {class: "legend"}, [[1, "below the threshold"], [2, "can raise an alert"], [3, "1.25 × and more"], [4, "2 × and more"]].map(([n, words]) => h("span", {}, h("i", {class: `h-${n}`}), words)));
  return h("div", {class: "heat"},
    h("div", {class: "heat-body"}, h("ul", {class: "heat-names"}, names.map((key) => h("li", {class: "clip", title: key}, nameOf(key)))), frame),
    h("div", {class: "heat-foot"}, legend, said),
    (map.more > 0 || lines.size < new Set(map.cells.map(([key]) => key)).size) && h("p", {class: "faint"}, "The oddest are shown."),
    h("p", {class: "unseen"}, `${names.length} resources over ${span(map.to_ms - map.from_ms)}, the oddest first: ${names.slice(0, 10).map(nameOf).join(", ")}`));
}
