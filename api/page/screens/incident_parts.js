// Tables and lists of one incident.

import {h, icon, link} from "../dom.js";
import {both, coded, count, labels, moment, number, time, whole} from "../words.js";

export function suspects(incident) {
  if (!incident.suspects?.length) return null;
  return h("ol", {class: "suspects"}, incident.suspects.map((each) => h("li", {},
    h("span", {class: "bar", "aria-hidden": "true"}, share(each.score)), h("strong", {class: "num"}, `${Math.round(100 * each.score)} %`),
    h("span", {}, h("span", {class: "mono", title: each.resource.key}, each.resource.name), h("span", {class: "faint"}, ` ${each.resource.service}`), h("span", {class: "soft block"}, coded(each.why))))));
}

function share(value) {
  const node = h("i");
  node.style.width = `${Math.round(100 * value)}%`;
  return node;
}

export function members(incident) {
  const shown = incident.members ?? [];
  if (!shown.length) return null;
  const line = (each) => {
    const [first] = each.evidence ?? [];
    return h("tr", {},
      h("th", {scope: "row"}, h("span", {class: "mono", title: each.resource.key}, each.resource.name), h("span", {class: "faint block"}, [each.resource.service, each.resource.region].filter(Boolean).join(" · "))),
      h("td", {"data-column": "Metric", class: "words"}, first ? [first.metric, h("span", {class: "faint"}, ` ${labels(first.labels)}`), h("span", {class: "soft block"}, `${number(first.value)} ${first.unit ?? ""}, expected ${number(first.lower)} to ${number(first.upper)}`)] : each.kind),
      h("td", {"data-column": "Onset", class: "nowrap"}, time(each.onset_ms)),
      h("td", {"data-column": "Over", class: "nowrap"}, each.closed_ms ? time(each.closed_ms) : h("span", {class: "late"}, "no")),
      h("td", {"data-column": "Found by"}, each.detectors?.map((name) => name.replaceAll("_", " ")).join(", ") || each.kind),
      h("td", {"data-column": "Score", class: "num"}, number(each.score)));
  };
  return [h("div", {class: "table", "data-scroll": "members", tabindex: "0", role: "region", "aria-label": "Members"}, h("table", {class: "folds"},
    h("thead", {}, h("tr", {}, ["Resource", "Metric", "Onset", "Over", "Found by", "Score"].map((each, i) => h("th", {scope: "col", class: i === 5 ? "num" : ""}, each)))),
    h("tbody", {}, shown.map(line)))),
  incident.member_count > shown.length && h("p", {class: "pad faint"}, `${whole(incident.member_count - shown.length)} more members are not shown.`)];
}

const WORDS = {
  opened: "Opened", updated: "Changed", acknowledged: "Acknowledged", unacknowledged: "Acknowledgement taken back", assigned: "Assigned", noted: "Note", judged: "Judged",
  silenced: "Silences changed", breach_predicted: "A deadline will be missed", breached: "A deadline was missed", resolved: "Resolved", reopened: "Reopened", closed: "Closed",
  merged: "Merged", split: "Split", refused: "Refused",
};
const LOUD = {opened: "high", breached: "bad", breach_predicted: "high", refused: "bad", acknowledged: "good", resolved: "good", noted: "said"};

/** The newest first; a run of updates is folded away. */
export function audit(entries) {
  if (!entries?.length) return null;
  const runs = [];
  for (const each of [...entries].reverse()) {
    if (each.event === "updated" && runs.at(-1)?.[0].event === "updated") runs.at(-1).push(each);
    else runs.push([each]);
  }
  const hidden = (each) => [...(each.silenced_by ?? []), each.inhibited_by, each.merged_into].filter(Boolean).join(", ");
  const line = (each) => h("li", {class: LOUD[each.event] ?? ""},
    h("div", {class: "row"}, h("strong", {}, WORDS[each.event] ?? each.event), h("span", {class: "soft"}, each.actor === "foreshock" ? "" : `by ${each.actor}`),
      hidden(each) && each.event !== "updated" && h("span", {class: "chip", title: `by ${hidden(each)}`}, icon("silences"), "nobody told"),
      h("time", {class: "faint push", datetime: new Date(each.ts_ms).toISOString(), title: both(each.ts_ms)}, moment(each.ts_ms))),
    each.reason && h("p", {class: each.event === "noted" ? "said-text" : "soft"}, each.reason));
  return h("ol", {class: "audit"}, runs.map((run) => (run.length < 3 ? run.map(line)
    : [line(run[0]), h("li", {}, h("details", {}, h("summary", {"data-focus": `run ${run[0].revision}`}, `${count(run.length - 1, "more change")} until `, moment(run[1].ts_ms)), h("ol", {class: "audit"}, run.slice(1).map(line))))])));
}

const STATUS = {sent: "good", failed: "bad", dropped: "bad"};
export const status = (each) => h("span", {class: `quiet ${STATUS[each.status] ?? ""}`}, each.status);

export function told(rows) {
  if (!rows?.length) return h("p", {class: "pad faint"}, "No message about it was due on any channel.");
  return h("ul", {class: "told"}, [...rows].reverse().map((each) => h("li", {},
    h("div", {class: "row"}, h("strong", {}, each.channel), h("span", {class: "soft"}, each.kind), status(each), each.attempts > 1 && h("span", {class: "faint"}, count(each.attempts, "attempt")), h("span", {class: "faint push"}, time(each.at_ms))),
    each.why && h("p", {class: "soft"}, each.why))));
}

export const incidentLink = (id) => h("a", {href: link("incidents", id)}, id);
