// Who was told what, and why; what could not be delivered stands out.

import {get} from "../client.js";
import {fill, h, link} from "../dom.js";
import {failure, waiting} from "../rows.js";
import {status} from "./incident_parts.js";
import {count, time, whole} from "../words.js";

const STATUSES = ["sent", "due", "held", "dropped", "failed"];

export function make(place) {
  const query = place.query;
  let rows = [], next = null, known = false;
  const channels = h("div", {class: "table"}), foot = h("div", {}, waiting()), lines = h("tbody");
  const choice = (name, words, options) => h("select", {name, "aria-label": words, onchange: changed}, options.map(([value, text]) => h("option", {value, selected: (query.get(name) ?? "") === value}, text)));
  const form = h("form", {class: "row push", onsubmit: (event) => event.preventDefault()}, choice("status", "Status", [["", "Any status"], ...STATUSES.map((each) => [each, each])]), h("select", {name: "channel", "aria-label": "Channel", onchange: changed}, h("option", {value: ""}, "Any channel")));
  const table = h("table", {class: "folds brief"}, h("thead", {}, h("tr", {}, ["When", "Channel", "What", "Status", "Incident", "Why"].map((each) => h("th", {scope: "col"}, each)))), lines);
  const node = h("div", {}, h("div", {class: "head"}, h("h1", {}, "Notifications"), form),
    h("div", {class: "stack"}, h("section", {class: "card", hidden: true}, h("header", {}, h("h2", {}, "Channels")), channels), h("section", {class: "card"}, h("div", {class: "table", tabindex: "0", role: "region", "aria-label": "Messages", "data-scroll": "messages"}, table), foot)));

  function changed() {
    for (const [name, value] of new FormData(form)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    history.replaceState(null, "", `#/notifications${query.size ? `?${query}` : ""}`);
    refresh();
  }

  async function refresh() {
    try {
      const page = await get("notifications", {...Object.fromEntries(query), limit: Math.max(100, Math.min(rows.length, 200))});
      rows = page.notifications;
      next = page.next;
      known = true;
      paint(page.counts);
    } catch (error) {
      if (error.status === 401) throw error;
      if (!known || error.status === 400 || error.status === 422) fill(foot, failure(error, refresh));
    }
  }
  async function further() {
    const page = await get("notifications", {...Object.fromEntries(query), limit: 100, cursor: next}).catch(() => null);
    if (!page) return;
    rows = [...rows, ...page.notifications];
    next = page.next;
    paint(page.counts);
  }

  function paint(counts) {
    const names = Object.keys(counts).sort(), chosen = query.get("channel") ?? "";
    fill(form.elements.channel, h("option", {value: ""}, "Any channel"), [...new Set([...names, chosen])].filter(Boolean).map((name) => h("option", {value: name, selected: name === chosen}, name)));
    channels.parentElement.hidden = !names.length;
    fill(channels, h("table", {class: "tight"}, h("thead", {}, h("tr", {}, ["Channel", ...STATUSES].map((each, i) => h("th", {scope: "col", class: i ? "num" : ""}, each)))),
      h("tbody", {}, names.map((name) => h("tr", {}, h("th", {scope: "row"}, name), STATUSES.map((each) => {
        const n = counts[name][each] ?? 0;
        return h("td", {class: "num"}, h("span", {class: n === 0 ? "faint" : each === "failed" || each === "dropped" ? "late" : ""}, whole(n)));
      }))))));
    fill(lines, rows.map((each) => h("tr", {},
      h("td", {"data-column": "When", class: "nowrap"}, time(each.at_ms)), h("td", {"data-column": "Channel"}, each.channel), h("td", {"data-column": "What"}, each.kind), h("td", {"data-column": "Status"}, status(each), each.attempts > 1 && h("span", {class: "faint nowrap", title: count(each.attempts, "attempt")}, ` × ${each.attempts}`)),
      h("td", {"data-column": "Incident"}, each.incident ? h("a", {class: "mono", href: link("incidents", each.incident), "data-focus": `told ${each.incident} ${each.channel} ${each.cause}`}, each.incident) : "several"), h("td", {"data-column": "Why", class: "words soft"}, each.why))));
    table.hidden = !rows.length;
    fill(foot, !rows.length ? h("div", {class: "empty"}, h("strong", {}, query.size ? "No message is like that" : "Nobody was told anything"), h("span", {}, query.size ? "Another status or channel may have some." : "Messages are sent by the notification flow: foreshock notify run."))
      : next !== null && h("div", {class: "empty"}, h("button", {type: "button", onclick: further}, "Show more")));
  }

  return {title: "Notifications", node, refresh, keys: {}, heard(kind, _data, again) { if (kind === "transition") again(1500); }};
}
