// Elements are made here and nowhere else. What came from a server is only ever text or an attribute's
// value: nothing is parsed as HTML, and no address is made of it but through `link`.

const SVG = "http://www.w3.org/2000/svg";
const NAME = /^(class|id|role|type|name|value|for|tabindex|title|placeholder|href|rows|min|max|step|colspan|scope|lang|autocomplete|datetime|maxlength|method|list|(aria|data)-[a-z-]+)$/;

function put(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") node[name] = value;
    else node.setAttribute(name, value);
  }
  for (const child of children.flat(Infinity))
    if (child !== undefined && child !== null && child !== false && child !== "") node.append(child);
  return node;
}

/** Make an element: `h("p", {class: "soft"}, "text", other)`. Functions named `on…` listen. */
export function h(tag, properties = {}, ...children) {
  for (const name of Object.keys(properties))
    if (typeof properties[name] === "string" && !NAME.test(name)) throw new Error(`no attribute ${name} here`);
  return put(document.createElement(tag), properties, children);
}

export function s(tag, properties = {}, ...children) {
  return put(document.createElementNS(SVG, tag), properties, children);
}

/** The address of one of our screens. */
export function link(...parts) {
  return "#/" + parts.map(encodeURIComponent).join("/");
}

/** Put new content in place; whoever had the focus has it again, if it is still there. */
export function fill(node, ...children) {
  const held = node.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  const scrolled = [...node.querySelectorAll("[data-scroll]")].map((each) => [each.dataset.scroll, each.scrollLeft, each.scrollTop]);
  node.replaceChildren(...children.flat(Infinity).filter((child) => child || child === 0));
  for (const [name, left, top] of scrolled) node.querySelector(`[data-scroll="${name}"]`)?.scrollTo(left, top);
  if (held) node.querySelector(`[data-focus="${CSS.escape(held)}"]`)?.focus({preventScroll: true});
  return node;
}

const ICONS = {
  overview: "M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5H9z",
  incidents: "M1.5 8.5h2.5l1.5-4 3 8 2.5-9.5 1.5 5.5h2.5",
  queue: "M5.5 3.5h8M5.5 8h8M5.5 12.5h8M2.3 3.5h.4M2.3 8h.4M2.3 12.5h.4",
  silences: "M2 6h2.5L8 3v10L4.5 10H2zM11 6l3.5 4M14.5 6 11 10",
  models: "M8 1.8 13.5 5v6L8 14.2 2.5 11V5zM2.5 5 8 8l5.5-3M8 8v6",
  review: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3 14 14",
  notifications: "M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8zM6.8 14.3h2.4",
  check: "M3 8.5l3.2 3.2L13 4.8",
  cross: "M4 4l8 8M12 4l-8 8",
  turn: "M13.5 8A5.5 5.5 0 1 1 8 2.5",
  clock: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2zM8 4.8V8l2.2 1.5",
  person: "M8 8a2.7 2.7 0 1 0 0-5.4A2.7 2.7 0 0 0 8 8zM2.8 14c.5-2.7 2.5-4 5.2-4s4.7 1.3 5.2 4",
  filter: "M2 3.5h12M4.5 8h7M6.8 12.5h2.4",
  more: "M3.5 8h.2M8 8h.2M12.5 8h.2",
};

export function icon(name, more = "") {
  return s("svg", {class: `icon ${more}`, viewBox: "0 0 16 16", "aria-hidden": "true"}, s("path", {d: ICONS[name]}));
}
