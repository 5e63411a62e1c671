// The keyboard: single letters, and two in a row ("g i"), but never while somebody types.

import {h} from "./dom.js";

let general = {}, mine = {}, before = "", until = 0;

export const keys = {
  general(map) { general = map; },
  of(map) { mine = map; },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && event.target.matches?.("[data-find]")) return event.target.blur();
  if (event.target.matches?.("input:not([type=checkbox], [type=radio]), select, textarea")) return;
  const name = event.key === "Enter" ? "enter" : event.key;
  const chord = before && performance.now() < until ? `${before} ${name}` : "";
  before = "";
  const found = (chord && (mine[chord] ?? general[chord])) || mine[name] || general[name];
  if (name === "g" && !found) {
    before = name;
    until = performance.now() + 1500;
    return;
  }
  if (!found || (name === "enter" && event.target.matches?.("a, button, summary"))) return;
  event.preventDefault();
  (found.act ?? found)();
});

/** Move the focus along the rows that are shown. */
export function step(rows, by) {
  const all = rows();
  const at = all.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by))];
  const target = next?.matches("a, button") ? next : next?.querySelector("a");
  target?.focus();
  next?.scrollIntoView({block: "nearest"});
}

const WORDS = {
  "j / k": "Next, previous", enter: "Open", "/": "Search", "?": "This list", a: "Acknowledge", r: "Resolve",
  s: "Silence", f: "Mark as a false positive", n: "Add a note", m: "Assign", u: "Back to the list",
  "g o": "Overview", "g i": "Incidents", "g q": "Queue", "g s": "Silences", "g m": "Models", "g v": "Review", "g n": "Notifications",
};

export function helped(map) {
  const known = ["j / k", "enter", "a", "r", "s", "f", "n", "m", "u"].filter((name) => name.split(" / ").some((key) => map[key]) || (name === "enter" && map.j));
  const line = (name) => [h("dt", {}, name.split(" ").filter((part) => part !== "/" || name === "/").map((part) => [h("kbd", {}, part === "enter" ? "Enter" : part), " "])), h("dd", {}, WORDS[name])];
  const dialog = h("dialog", {"aria-labelledby": "help-title"},
    h("div", {class: "body"},
      h("h2", {id: "help-title"}, "Keys"),
      known.length > 0 && [h("h3", {}, "On this screen"), h("dl", {class: "help"}, known.map(line))],
      h("h3", {}, "Everywhere"),
      h("dl", {class: "help"}, ["/", "g o", "g i", "g q", "g s", "g m", "g v", "g n", "?"].map(line)),
      h("h3", {}, "On a plot"),
      h("dl", {class: "help"},
        h("dt", {}, h("kbd", {}, "←"), " ", h("kbd", {}, "→")), h("dd", {}, "Read the values"),
        h("dt", {}, h("kbd", {}, "+"), " ", h("kbd", {}, "-"), " ", h("kbd", {}, "0")), h("dd", {}, "Zoom in, out, show all; or drag, and double-click")),
      h("div", {class: "ends"}, h("button", {type: "button", onclick: () => dialog.close()}, "Close"))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
