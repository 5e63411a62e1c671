// An incident as a line: in the list, the queue and the overview.

import {h, icon, link} from "./dom.js";
import {pending} from "./acts.js";
import {ago, count, left, severity, time} from "./words.js";

/** The next deadline that still counts. */
export function due(incident) {
  if (incident.state === "open") return incident.ack_by_ms ?? incident.resolve_by_ms;
  return incident.state === "acknowledged" ? incident.resolve_by_ms : null;
}

export function scope(incident) {
  const {service, account, region, cloud} = incident.scope ?? {};
  return [service || cloud, region, account].filter(Boolean).join(" · ");
}

const STATES = {open: "Open", acknowledged: "Acknowledged", resolved: "Resolved", closed: "Closed", merged: "Merged"};
export const state = (incident) => h("span", {class: `state ${incident.state}`}, STATES[incident.state] ?? incident.state);

export function flags(incident) {
  const by = incident.silenced_by?.length ? "Silenced" : incident.inhibited_by ? "Inhibited" : "";
  return [
    by && h("span", {class: "chip", title: `told to nobody: ${[...(incident.silenced_by ?? []), incident.inhibited_by].filter(Boolean).join(", ")}`}, icon("silences"), by),
    incident.flapping && h("span", {class: "chip"}, "Flapping"),
    incident.verdict && h("span", {class: "chip"}, incident.verdict === "real" ? "Real" : "False positive"),
  ];
}

/** The line; `lead` goes before it, as a place in the queue does. */
export function incidentRow(incident, {lead, why, when = "opened_ms"} = {}) {
  const until = due(incident);
  return h("a", {class: `incident ${incident.state}`, href: link("incidents", incident.id), "data-id": incident.id, "data-focus": `incident ${incident.id}`},
    lead !== undefined && h("span", {class: "lead faint"}, String(lead)),
    h("span", {class: "worst"}, severity(incident.severity)),
    h("span", {class: "what"}, h("span", {class: "title clip", title: incident.title}, incident.title),
      h("span", {class: "about clip"}, why ?? h("span", {}, scope(incident), scope(incident) && " · ", count(incident.member_count, "resource")))),
    h("span", {class: "marks"}, pending(incident), flags(incident)),
    h("span", {class: "who clip", title: incident.assignee}, incident.assignee),
    h("span", {class: "is"}, state(incident)),
    h("span", {class: "due num"}, until ? left(until) : ""),
    h("span", {class: "when num faint"}, time(incident[when] ?? incident.opened_ms, ago)));
}

export const head = (lead) => h("div", {class: `incident heads${lead ? " led" : ""}`, "aria-hidden": "true"},
  lead && h("span", {class: "lead"}, "#"), h("span", {class: "worst"}, "Severity"), h("span", {class: "what"}, "Incident"), h("span", {class: "marks"}),
  h("span", {class: "who"}, "Assignee"), h("span", {class: "is"}, "State"), h("span", {class: "due num"}, "Deadline"), h("span", {class: "when num"}, "Opened"));

export function failure(error, again) {
  return h("div", {class: "empty", role: "alert"}, h("strong", {}, error.status === 404 ? "It is not there" : "This cannot be shown"), h("span", {}, error.message),
    again && h("button", {type: "button", onclick: again}, "Try again"));
}
export const waiting = (what = "Loading") => h("div", {class: "empty"}, h("span", {}, `${what} …`));
