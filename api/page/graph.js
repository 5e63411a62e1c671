// The topology around an incident's suspects: who needs whom, those that are needed further right.
// Layers by longest path over a bounded graph, then a few sweeps that bring neighbours to a height.

import {h, s} from "./dom.js";
import {count} from "./words.js";

const WIDE = 168, TALL = 34, ACROSS = 52, BETWEEN = 12, MOST = 60;

/** Draw nodes {name, type} and edges {source, target, type}; `roles` says suspect or member by name. */
export function graph(nodes, edges, roles) {
  const held = nodes.slice(0, MOST);
  const names = new Set(held.map((each) => each.name));
  const lines = edges.filter((each) => names.has(each.source) && names.has(each.target) && each.source !== each.target);
  const layers = order(layered(held, lines), lines);
  const high = Math.max(...layers.map((layer) => layer.length));
  const height = high * (TALL + BETWEEN) + BETWEEN, width = layers.length * (WIDE + ACROSS) - ACROSS + 2;
  const at = new Map();
  layers.forEach((layer, column) => {
    const top = (height - layer.length * (TALL + BETWEEN) + BETWEEN) / 2;
    layer.forEach((node, row) => at.set(node.name, [1 + column * (WIDE + ACROSS), top + row * (TALL + BETWEEN)]));
  });
  const drawn = s("svg", {class: "graph", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": spoken(held, lines, roles)},
    s("defs", {}, s("marker", {id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse"},
      s("path", {d: "M0 0 8 4 0 8z", class: "g-head"}))),
    lines.map((each) => edge(at.get(each.source), at.get(each.target), each)),
    held.map((each) => box(each, at.get(each.name), roles.get(each.name))));
  return h("div", {class: "graph-room", "data-scroll": "graph", tabindex: "0", role: "region", "aria-label": "Topology"}, drawn);
}

function layered(nodes, edges) {
  const depth = new Map(nodes.map((each) => [each.name, 0]));
  for (let turn = 0; turn < Math.min(nodes.length, 8); turn += 1) {
    let moved = false;
    for (const {source, target} of edges)
      if (depth.get(target) < depth.get(source) + 1 && depth.get(source) < 6) {
        depth.set(target, depth.get(source) + 1);
        moved = true;
      }
    if (!moved) break;
  }
  // a node without who needs it stands next to what it needs
  for (const node of nodes) {
    const needs = edges.filter((each) => each.source === node.name).map((each) => depth.get(each.target));
    if (needs.length && !edges.some((each) => each.target === node.name)) depth.set(node.name, Math.max(0, Math.min(...needs) - 1));
  }
  const used = [...new Set(depth.values())].sort((a, b) => a - b);
  return used.map((value) => nodes.filter((each) => depth.get(each.name) === value));
}

function order(layers, edges) {
  const sweep = (way) => {
    const place = new Map(layers.flatMap((layer) => layer.map((node, i) => [node.name, (i + 0.5) / layer.length])));
    for (const layer of layers) {
      const wish = new Map(layer.map((node) => {
        const near = edges.flatMap(({source, target}) => (way(source, target, node.name)))
          .map((name) => place.get(name));
        return [node.name, near.length ? near.reduce((a, b) => a + b, 0) / near.length : place.get(node.name)];
      }));
      layer.sort((a, b) => wish.get(a.name) - wish.get(b.name) || (a.name < b.name ? -1 : 1));
    }
  };
  for (let turn = 0; turn < 4; turn += 1) {
    sweep((source, target, name) => (target === name ? [source] : []));
    sweep((source, target, name) => (source === name ? [target] : []));
  }
  return layers;
}

function edge([x1, y1], [x2, y2], {type}) {
  const from = x1 + WIDE, a = y1 + TALL / 2, b = y2 + TALL / 2;
  const far = x2 > from ? (x2 - from) / 2 : 60;
  const d = x2 > from ? `M${from} ${a}C${from + far} ${a} ${x2 - far} ${b} ${x2} ${b}`
    : `M${from} ${a}C${from + far} ${a} ${x2 + WIDE + far} ${b} ${x2 + WIDE} ${b}`;
  return s("path", {class: `g-edge ${type}`, d, "marker-end": "url(#arrow)"});
}

function box(node, [x, y], role) {
  return s("g", {class: `g-node ${role ?? ""}`, transform: `translate(${x} ${y})`},
    s("title", {}, [node.name, node.type, node.zone, role].filter(Boolean).join("\n")),
    s("rect", {width: WIDE, height: TALL, rx: 6}),
    s("text", {x: 9, y: node.type ? 14.5 : 21}, shortened(node.name, 25)),
    node.type && s("text", {x: 9, y: 27, class: "g-type"}, shortened([node.type, role].filter(Boolean).join(" · "), 30)));
}
// the end of a name tells more than its middle
const shortened = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 10)}…${text.slice(-9)}`);

function spoken(nodes, edges, roles) {
  const suspects = nodes.filter((each) => roles.get(each.name) === "suspect").map((each) => each.name);
  return `${count(nodes.length, "node")}, ${count(edges.length, "dependency", "dependencies")}. Suspects: ${suspects.slice(0, 5).join(", ") || "none of them"}.`;
}
