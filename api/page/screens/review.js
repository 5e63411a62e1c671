// What is strange among the incidents themselves, and what comes next.

import {get} from "../client.js";
import {fill, h, link} from "../dom.js";
import {failure, waiting} from "../rows.js";
import {number, percent, SEVERITIES, severity, span, time, whole} from "../words.js";

const SPANS = [7, 28, 90], H = 3_600_000;
const STATES = {DETECTED: "odd", INVESTIGATING: "odd", CONFIRMED: "bad", FALSE_POSITIVE: "", RESOLVED: "good"};
const RATES = [["false_positive_rate", "false positives"], ["average_confidence", "confidence"]];
const took = (s, share) => (s === null ? h("span", {class: "faint"}, "–") : [span(1000 * s), share !== null && h("div", {class: "faint"}, `${percent(share, 0)} in time`)]);
const share = (value, of) => (of.total_anomalies ? percent(value, 0) : "–");
const words = (name) => name.toLowerCase().replaceAll("_", " ");

export function make(place) {
  let days = SPANS.find((each) => String(each) === place.query.get("days")) ?? SPANS[0], shown = "", asked = 0;
  const body = h("div", {class: "stack"}, waiting());
  const spans = h("div", {class: "row push segments", role: "group", "aria-label": "How far back"}, SPANS.map((each) =>
    h("button", {type: "button", class: "bare", "aria-pressed": String(each === days), onclick: (event) => {
      days = each;
      history.replaceState(null, "", `#/review?days=${days}`);
      for (const other of spans.children) other.setAttribute("aria-pressed", String(other === event.currentTarget));
      refresh().catch(() => {});
    }}, `${each} d`)));
  const node = h("div", {}, h("div", {class: "head"}, h("h1", {}, "Review"), spans), body);

  async function refresh() {
    const mine = ++asked;
    try {
      const view = await get("review", {days}), key = JSON.stringify(view);
      if (mine === asked && key !== shown) paint(view);
      shown = key;
    } catch (error) {
      if (error.status === 401) throw error;
      if (mine === asked && !shown) fill(body, failure(error, refresh));
    }
  }

  function paint({summary, records, outlook}) {
    const noise = [["rule", outlook.noisy_rules], ["resource", outlook.noisy_resources]].filter(([, found]) => found.length);
    fill(body,
      h("section", {class: "card", "aria-label": `Anomalies of ${days} days, and of the ${days} before`}, figures(summary)),
      card("Anomalies", records.length ? table("Anomalies", ["Severity", "What", "Services", "Window", "Confidence*", "State", "Incidents"], records.map(record), "folds brief")
        : nothing("Nothing strange was found", "Incidents are judged by foreshock review run, once they are known for some weeks.")),
      h("div", {class: "two even"},
        card("Getting worse", outlook.worsening.length ? h("ul", {class: "audit"}, outlook.worsening.map((each) => h("li", {class: "high"}, h("strong", {}, each.service), h("div", {class: "soft"}, each.words)))) : nothing("No service gets worse", "The last four weeks are as the months before, or too little is known.")),
        card("Expected incidents", outlook.forecasts.length ? table("Expected incidents", ["", "Expected*", "9 in 10*"], [
          ...outlook.forecasts.map((each) => expected(each.days === 1 ? "Next day" : `Next ${each.days} days`, each)),
          ...Object.entries(outlook.services).sort(([, a], [, b]) => b.expected - a.expected).slice(0, 5).map(([name, each]) => expected(`${name}, ${each.days} days`, each))], "tight") : nothing("Too little is known yet", "Four weeks of incidents are needed."))),
      card("Comes again", outlook.recurring.length ? table("Causes that come again", ["Cause", "Times*", "Days*", "Services", "Took*", "Last"], outlook.recurring.map((each) => [
        h("th", {scope: "row"}, each.cause), cell("Times", whole(each.incidents), "num"), cell("Days", whole(each.days), "num"), cell("Services", each.services.join(", "), "soft"), cell("Took", span(H * each.hours), "num"),
        cell("Last", h("a", {href: link("incidents", each.last), "data-focus": `again ${each.last}`}, time(each.last_ms)), "nowrap")]), "folds") : nothing("No cause comes again", "None came three times in the last four weeks.")),
      h("div", {class: "two even"},
        card("Most incidents", noise.length ? table("Rules and resources of most incidents", ["Name", "Incidents*", "False*", "Untouched*"], noise.flatMap(([kind, found]) => found.map((each) => [
          h("th", {scope: "row"}, each.name, h("div", {class: "faint"}, kind)), cell("Incidents", whole(each.incidents), "num"), cell("False", whole(each.false_positives), "num"), cell("Untouched", whole(each.untouched), "num")])), "tight folds") : nothing("No incident in the last four weeks", "")),
        card("Response", outlook.responses.length ? table("Response times", ["Severity", "Incidents*", "Acknowledged*", "Resolved*"], outlook.responses.map((each) => [
          h("th", {scope: "row"}, severity(each.severity)), cell("Incidents", whole(each.incidents), "num"), cell("Acknowledged", took(each.acknowledge_s, each.acknowledged_in_time), "num"), cell("Resolved", took(each.resolve_s, each.resolved_in_time), "num")]), "tight folds") : nothing(`No incident in ${days} days`, ""))));
  }

  function figures({now, before}) {
    const figure = (name, text, shows, is = "") => h("div", {class: is}, h("b", {}, shows(now[name], now)), h("span", {}, text), h("span", {class: "block"}, `before ${shows(before[name], before)}`));
    return h("div", {class: "figure-row"}, figure("total_anomalies", "anomalies", whole),
      [...SEVERITIES].reverse().map((name) => figure(name.toLowerCase(), name, whole, now[name.toLowerCase()] ? name : "")),
      figure("unresolved", "unresolved", whole), RATES.map(([name, text]) => figure(name, text, share)));
  }

  function record(each) {
    const [first, ...more] = each.metadata.incidents;
    return [cell("Severity", severity(each.severity)),
      cell("What", [each.description, h("div", {class: "faint"}, `${words(each.type)}, by ${each.model}`)], "words"),
      cell("Services", each.affected_services.join(", "), "soft"),
      cell("Window", [`${span(each.window_end_ms - each.window_start_ms)} to `, time(each.window_end_ms)], "soft nowrap"),
      cell("Confidence", percent(each.confidence, 0), "num"),
      cell("State", h("span", {class: `quiet ${STATES[each.state]}`}, words(each.state))),
      cell("Incidents", first ? [h("a", {class: "mono", href: link("incidents", first), "data-focus": `record ${each.id}`}, first), more.length > 0 && h("span", {class: "faint nowrap"}, ` +${whole(more.length)}`)] : h("span", {class: "faint"}, "too few"), "nowrap")];
  }

  const expected = (name, each) => [h("th", {scope: "row"}, name), h("td", {class: "num"}, number(each.expected)), h("td", {class: "num soft"}, `${whole(each.low)} to ${whole(each.high)}`)];
  const cell = (column, content, is = "") => h("td", {"data-column": column, class: is}, content);
  const card = (title, content) => h("section", {class: "card"}, h("header", {}, h("h2", {}, title)), content);
  const nothing = (title, text) => h("div", {class: "empty"}, h("strong", {}, title), text && h("span", {}, text));
  /** A column whose name ends with a star is one of numbers. */
  const table = (label, columns, rows, is) => h("div", {class: "table", tabindex: "0", role: "region", "aria-label": label, "data-scroll": label}, h("table", {class: is},
    h("thead", {}, h("tr", {}, columns.map((each) => h("th", {scope: "col", class: each.endsWith("*") ? "num" : ""}, each.replace("*", "") || h("span", {class: "unseen"}, "When"))))),
    h("tbody", {}, rows.map((cells) => h("tr", {}, cells)))));

  return {title: "Review", node, refresh, keys: {}, heard(kind, _data, again) { if (kind === "transition") again(5000); }};
}
