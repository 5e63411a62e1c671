// What to do next, the most urgent first, and why.

import {actKeys} from "../acts.js";
import {get} from "../client.js";
import {fill, h} from "../dom.js";
import {step} from "../keys.js";
import {failure, head, incidentRow, waiting} from "../rows.js";
import {clock, count, whole} from "../words.js";

const FEW = 100, MANY = 500;

export function make(_place, context) {
  let tasks = [], most = FEW;
  const list = h("ul", {class: "rows", "aria-label": "Queue"}), foot = h("div", {}, waiting()), total = h("span", {class: "faint", role: "status"});
  const node = h("div", {}, h("div", {class: "head"}, h("h1", {}, "Queue"), total), h("section", {class: "card listed"}, head(true), list, foot));

  async function refresh() {
    try {
      const page = await get("queue", {limit: most});
      clock.shift_ms = Date.now() - page.now_ms;
      tasks = page.tasks;
      total.textContent = `${count(page.total, "incident")} going on, ${whole(page.unacknowledged)} not acknowledged`;
      paint();
      fill(foot, !tasks.length ? h("div", {class: "empty"}, h("strong", {}, "Nothing to do"), h("span", {}, "No incident goes on."))
        : page.total > tasks.length && h("div", {class: "empty"}, h("span", {}, `${whole(page.total - tasks.length)} less urgent ones are not shown.`),
          most < MANY && h("button", {type: "button", onclick: () => { most = MANY; refresh(); }}, "Show more")));
    } catch (error) {
      if (error.status === 401) throw error;
      if (!tasks.length) fill(foot, failure(error, refresh));
    }
  }
  const paint = () => fill(list, tasks.map((each) => h("li", {}, incidentRow(each.incident, {lead: each.place, why: h("span", {title: each.why.join("\n")}, reasons(each).join(" · "))}))));
  // the severity is there already
  const reasons = (task) => task.why.filter((each) => !each.startsWith(task.incident.severity));
  const rows = () => [...list.children];
  const current = () => tasks.find((each) => each.incident.id === document.activeElement?.dataset?.id)?.incident;
  return {
    title: "Queue", node, refresh,
    keys: {j: () => step(rows, 1), k: () => step(rows, -1), enter: () => document.activeElement?.click?.(), ...actKeys(current, context)},
    heard(kind, _data, again) { if (kind === "transition") again(300); },
    asked: paint,
  };
}
