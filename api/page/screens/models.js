// How detection stands in each service: what is in use, how well it does, whether the service has drifted.

import {ask, get} from "../client.js";
import {dialog} from "../dialog.js";
import {fill, h, s} from "../dom.js";
import {failure, waiting} from "../rows.js";
import {toast} from "../shell.js";
import {count, number, percent, time, whole} from "../words.js";

const DRIFT = {steady: "good", suspected: "odd", drifting: "bad", accepted: ""};
const heads = () => h("div", {class: "service-heads", "aria-hidden": "true"}, ["Service", "Drift", "Serves", "Resources", "Rows judged", "Odd", "Precision", "Scores"].map((each, i) => h("span", {class: i > 2 && i < 7 ? "num" : ""}, each)));

export function make(_place, context) {
  let page = null, open = new Set(), shown = "";
  const body = h("div", {class: "stack"}, waiting());
  const node = h("div", {}, h("div", {class: "head"}, h("h1", {}, "Models")), body);
  const allowed = () => Boolean(page?.registry && (context.me.role === "admin"));

  async function refresh() {
    try {
      page = await get("models");
    } catch (error) {
      if (error.status === 401) throw error;
      if (!page) fill(body, failure(error, refresh));
      return;
    }
    const key = JSON.stringify(page);
    if (key !== shown) paint();
    shown = key;
  }

  function paint() {
    fill(body,
      !page.registry && h("p", {class: "note"}, "The server knows no registry of models, so versions cannot be shown or promoted: start it with the flow's settings."),
      page.services.length ? h("section", {class: "card"}, h("h2", {class: "unseen"}, "Services"), heads(), page.services.map(service)) : h("section", {class: "card"}, h("div", {class: "empty"}, h("strong", {}, "No service is known yet"), h("span", {}, "A running flow says how it does every few minutes."))));
  }

  function service(each) {
    const judged = each.real + each.false_positive, drift = each.drift;
    const node = h("details", {class: "service", open: open.has(each.service), "data-service": each.service},
      h("summary", {"data-focus": `service ${each.service}`},
        h("strong", {class: "clip"}, each.service),
        drift ? h("span", {class: `quiet ${DRIFT[drift.state]}`}, drift.state) : h("span", {class: "faint"}, "–"),
        h("span", {class: "soft clip", "data-column": "Serves", title: each.in_use.join(", ")}, each.in_use.join(", ") || "fitted as data comes"),
        h("span", {class: "num", "data-column": "Resources"}, whole(each.resources)),
        h("span", {class: "num", "data-column": "Rows"}, number(each.scored)),
        h("span", {class: "num", "data-column": "Odd"}, percent(each.anomaly_rate, 2)),
        h("span", {class: "num", "data-column": "Precision"}, judged ? [percent(each.precision, 0), h("span", {class: "faint"}, ` of ${judged}`)] : h("span", {class: "faint"}, "not judged")),
        h("span", {class: "drawn"}, spread(each.scores))),
      h("div", {class: "stack pad"},
        h("p", {class: "soft"}, each.until_ms ? ["As of ", time(each.until_ms)] : "Nothing heard yet", each.warming > 0 && `; ${whole(each.warming)} of ${whole(each.resources)} resources are warming up`,
          drift && `; ${percent(drift.share)} of its resources are odd to the batch forest`, drift?.since_ms && [" since ", time(drift.since_ms)], drift && `; ${count(drift.drifts, "drift")} so far`, "."),
        versions(each), detectors(each)));
    node.addEventListener("toggle", () => (node.open ? open.add(each.service) : open.delete(each.service)));
    return node;
  }

  /** How many rows had which score: bars of equal width, heights by logarithm. */
  function spread(scores) {
    if (!scores.length) return h("b", {}, "–");
    const most = Math.log1p(Math.max(...scores.map(([, rows]) => rows)));
    return s("svg", {class: "spread", viewBox: `0 0 ${scores.length * 7} 26`, role: "img", "aria-label": scores.map(([bound, rows]) => `up to ${bound}: ${rows}`).join(", ")},
      scores.map(([bound, rows], i) => {
        const tall = most ? (24 * Math.log1p(rows)) / most : 0;
        return s("rect", {x: i * 7, y: 26 - Math.max(1, tall), width: 5.5, height: Math.max(1, tall)}, s("title", {}, `up to ${bound}: ${whole(rows)} rows`));
      }));
  }

  function versions(each) {
    if (!each.versions.length) return h("p", {class: "faint"}, "No version is in the registry.");
    const may = allowed(), active = each.versions.find((one) => one.state === "active");
    return h("div", {}, h("div", {class: "row"}, h("h3", {}, "Versions"), h("button", {type: "button", class: "push", disabled: !may || !active || each.versions.length < 2, "data-act": "rollback", "data-focus": `rollback ${each.service}`, onclick: () => rollBack(each)}, "Roll back")),
      h("div", {class: "table", tabindex: "0", role: "region", "aria-label": `Versions of ${each.service}`, "data-scroll": `versions ${each.service}`}, h("table", {class: "folds"},
        h("thead", {}, h("tr", {}, ["Version", "State", "Serves from", "Trained on", "Figures", ""].map((one) => h("th", {scope: "col"}, one || h("span", {class: "unseen"}, "Action"))))),
        h("tbody", {}, [...each.versions].reverse().map((one) => h("tr", {},
          h("th", {scope: "row", class: "mono"}, one.version), h("td", {"data-column": "State"}, h("span", {class: `quiet ${one.state === "active" ? "good" : ""}`}, one.state), one.refused && h("span", {class: "late block"}, one.refused)),
          h("td", {"data-column": "Serves from", class: "nowrap"}, one.effective_from_ms === null ? "" : one.effective_from_ms > 0 ? time(one.effective_from_ms) : "the beginning"),
          h("td", {"data-column": "Trained on", class: "nowrap"}, one.data_from_ms ? [time(one.data_from_ms), " – ", time(one.data_to_ms)] : ""),
          h("td", {"data-column": "Figures"}, Object.entries(one.figures).slice(0, 5).map(([name, value]) => h("div", {class: "soft"}, `${name.replaceAll("_", " ")} ${number(value)}`))),
          h("td", {class: "num"}, one.state !== "active" && !one.refused && h("button", {type: "button", disabled: !may, "data-act": "promote", "data-focus": `promote ${one.version}`, "aria-label": `Promote ${one.version}`, onclick: () => promote(each, one)}, "Promote"))))))));
  }

  function detectors(each) {
    if (!each.detectors.length) return null;
    return h("div", {}, h("h3", {}, "Detectors"), h("div", {class: "table", tabindex: "0", role: "region", "aria-label": `Detectors of ${each.service}`, "data-scroll": `detectors ${each.service}`}, h("table", {class: "tight"},
      h("thead", {}, h("tr", {}, ["Detector", "Rows", "Anomalous", "Surprise", "Precision", "Real", "False"].map((one, i) => h("th", {scope: "col", class: i ? "num" : ""}, one)))),
      h("tbody", {}, each.detectors.map((one) => h("tr", {}, h("th", {scope: "row"}, one.name.replaceAll("_", " ")), h("td", {class: "num"}, whole(one.rows)), h("td", {class: "num"}, percent(one.anomaly_rate, 2)), h("td", {class: "num"}, number(one.mean_surprise)),
        h("td", {class: "num"}, percent(one.precision, 0)), h("td", {class: "num"}, whole(one.real)), h("td", {class: "num"}, whole(one.false_positive))))))));
  }

  const path = (each, end) => `models/${encodeURIComponent(each.service)}/${end}`;
  async function promote(each, one) {
    const active = each.versions.find((other) => other.state === "active");
    const reason = h("label", {class: "field"}, h("span", {}, "Why (optional)"), h("input", {name: "reason", maxlength: "500", autocomplete: "off"}));
    const done = await dialog(`Promote a model of ${each.service}`, [
      h("p", {}, h("code", {}, one.version), " replaces ", active ? h("code", {}, active.version) : "what is fitted as data comes", " in every worker, without a restart."), reason,
    ], {words: "Promote", act: (form) => ask("POST", path(each, "promote"), {version: one.version, reason: form.get("reason") ?? ""})});
    await after(done);
  }
  async function rollBack(each) {
    const active = each.versions.find((other) => other.state === "active");
    const done = await dialog(`Roll ${each.service} back`, [h("p", {}, "The version that served before ", h("code", {}, active.version), " serves again.")],
      {words: "Roll back", act: () => ask("POST", path(each, "rollback"), {})});
    await after(done);
  }
  async function after(done) {
    if (!done) return;
    toast(`${done.version} serves from ${done.effective_ms > 0 ? new Date(done.effective_ms).toLocaleTimeString("en-GB") : "now"}${done.told ? "" : "; no running flow was told"}`);
    await refresh();
  }

  return {title: "Models", node, refresh, keys: {}, heard() {}};
}
