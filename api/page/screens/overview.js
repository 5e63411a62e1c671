// How it all stands: what is open, how clouds and services are, where it was odd.

import {actKeys} from "../acts.js";
import {get} from "../client.js";
import {fill, h, link} from "../dom.js";
import {heat} from "../heat.js";
import {step} from "../keys.js";
import {failure, incidentRow, waiting} from "../rows.js";
import {ago, clock, number, percent, span, SEVERITIES, time, whole} from "../words.js";

const H = 3_600_000, LINES = 24;
const SPANS = [[6 * H, "6 h"], [24 * H, "24 h"], [72 * H, "3 d"], [168 * H, "7 d"]];
const HEALTH = {ok: "well", off: "off", silent: "silent"};

export function make(_place, context) {
  let wide = Number(localStorage.getItem("foreshock.heat_ms")) || 24 * H, urgent = [], drawn = "", again = 0, judged_ms = null;
  const figures = h("div", {class: "figure-row"}), queue = h("div", {}, waiting()), state = h("div", {}, waiting());
  const map = h("div", {class: "pad"}, waiting()), fresh = h("span", {class: "faint push"});
  const spans = h("div", {class: "row push segments", role: "group", "aria-label": "How far back"}, SPANS.map(([ms, words]) =>
    h("button", {type: "button", class: "bare", "aria-pressed": String(ms === wide), onclick: (event) => {
      wide = ms;
      localStorage.setItem("foreshock.heat_ms", String(ms));
      for (const each of spans.children) each.setAttribute("aria-pressed", String(each === event.currentTarget));
      heated().catch(() => {});
    }}, words)));
  const node = h("div", {}, h("div", {class: "head"}, h("h1", {}, "Overview"), fresh),
    h("div", {class: "stack"},
      h("section", {class: "card", "aria-label": "Open incidents by severity"}, figures),
      h("div", {class: "two even"},
        h("section", {class: "card"}, h("header", {}, h("h2", {}, "Most urgent"), h("a", {class: "push", href: link("queue")}, "Queue")), queue),
        h("section", {class: "card"}, h("header", {}, h("h2", {}, "Clouds and services")), state)),
      h("section", {class: "card"}, h("header", {}, h("h2", {}, "Anomalies over time"), spans), map)));

  async function urged() {
    const page = await get("queue", {limit: 8});
    clock.shift_ms = Date.now() - page.now_ms;
    urgent = page.tasks.map((each) => each.incident);
    const by = page.by_severity ?? {};
    fill(figures,
      [...SEVERITIES].reverse().map((name) => h("a", {href: `#/incidents?state=going&severity=${name}`, class: by[name] ? name : "", "data-focus": `tile ${name}`}, h("b", {}, whole(by[name] ?? 0)), h("span", {}, name))),
      h("a", {href: "#/incidents?state=open", "data-focus": "tile nobody"}, h("b", {}, whole(page.unacknowledged)), h("span", {}, "not acknowledged")),
      h("a", {href: link("queue"), "data-focus": "tile all"}, h("b", {}, whole(page.total)), h("span", {}, "going on")));
    fill(queue, page.tasks.length
      ? h("ul", {class: "rows narrow", "aria-label": "Most urgent incidents"}, page.tasks.map((each) => h("li", {}, incidentRow(each.incident))))
      : h("div", {class: "empty"}, h("strong", {}, "Nothing is open"), h("span", {}, "Every incident is over, or there was none.")));
  }

  function stood(live) {
    judged_ms = live.watermark_ms;
    fill(fresh, live.watermark_ms ? [
      "Judged up to ", time(live.watermark_ms, ago), live.samples_per_s ? ` · ${number(live.samples_per_s)} samples/s` : "",
      live.lag_ms !== null && live.lag_ms < 7 * 24 * H ? ` · lag ${span(live.lag_ms)}` : ""] : "");
    if (!live.services?.length) {
      fill(state, h("div", {class: "empty"}, h("strong", {}, "No flow has said how it stands"), h("span", {}, "A running flow says so every few seconds.")));
      return;
    }
    const line = (part, is) => h("tr", {class: is},
      h("th", {scope: "row"}, h("span", {class: "health"}, h("i", {class: `dot ${part.health}`}), is === "cloud"
        ? h("strong", {}, (part.cloud || "other").toUpperCase())
        : h("a", {href: `#/incidents?service=${encodeURIComponent(part.service)}`, "data-focus": `service ${part.service}`}, part.service), h("span", {class: "unseen"}, HEALTH[part.health]))),
      h("td", {class: "num"}, part.off ? h("span", {class: "late"}, whole(part.off)) : h("span", {class: "faint"}, "0"), part.silent > 0 && h("span", {class: "soft", title: "silent"}, ` +${whole(part.silent)} silent`)),
      h("td", {class: "num"}, whole(part.resources)), h("td", {class: "num only-wide"}, number(part.samples_per_s)), h("td", {class: "num"}, percent(part.anomaly_rate, 2)));
    fill(state, h("div", {class: "table", "data-scroll": "state", tabindex: "0", role: "region", "aria-label": "Clouds and services"}, h("table", {class: "tight"},
      h("thead", {}, h("tr", {}, ["Service", "Off", "Of", "Samples/s", "Odd"].map((each, i) => h("th", {scope: "col", class: i === 3 ? "num only-wide" : i ? "num" : ""}, each)))),
      h("tbody", {}, live.clouds.map((cloud) => [line(cloud, "cloud"), live.services.filter((each) => each.cloud === cloud.cloud).map((each) => line(each, ""))])))));
  }

  async function heated() {
    const until = Math.min(clock.now(), (judged_ms ?? Infinity) + H); // a finished replay ends in the past
    again = performance.now() + 60_000;
    const found = await get("heat", {from_ms: Math.round(until - wide), to_ms: Math.round(until)});
    const key = JSON.stringify(found);
    if (key === drawn) return;
    drawn = key;
    fill(map, found.cells.length ? heat(found, LINES) : h("div", {class: "empty"}, h("strong", {}, "Nothing odd"), h("span", {}, `No resource came near its threshold in the last ${SPANS.find(([ms]) => ms === wide)?.[1] ?? span(wide)}.`)));
  }

  /** Each part stands alone: what one cannot show hides no other. */
  const part = (where, how) => how().catch((error) => {
    if (error.status === 401 || error.name === "AbortError") throw error;
    if (!where.firstChild || where.querySelector(".empty")) fill(where, failure(error));
  });
  const rows = () => [...queue.querySelectorAll("a.incident")];
  const current = () => urgent.find((each) => each.id === document.activeElement?.dataset?.id);
  return {
    title: "Overview", node,
    async refresh() {
      await part(queue, urged);
      await part(state, async () => stood(await get("live")));
      await part(map, heated);
    },
    keys: {j: () => step(rows, 1), k: () => step(rows, -1), enter: () => document.activeElement?.click?.(), ...actKeys(current, context)},
    heard(kind, data, refresh) {
      if (kind === "live" && data?.services) {
        stood(data);
        if (performance.now() > again) heated().catch(() => {});
      }
      else if (kind !== "request") refresh(300);
    },
    asked: () => part(queue, urged),
  };
}

