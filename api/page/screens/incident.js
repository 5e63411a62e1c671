// One incident: what broke, how bad, where from, who is hit, by when, and what was done so far.

import {actKeys, may, pending, perform} from "../acts.js";
import {ACTIONS} from "../asked.js";
import {get} from "../client.js";
import {fill, h, link} from "../dom.js";
import {graph} from "../graph.js";
import {plot} from "../plot.js";
import {due, failure, flags, scope, state, waiting} from "../rows.js";
import {audit, members, suspects, told} from "./incident_parts.js";
import {ago, clock, coded, left, severity, time, whole} from "../words.js";

const MAIN = ["ack", "resolve", "reopen"], OTHER = ["assign", "note", "unack", "close"];

export function make(place, context) {
  const id = place.parts[0];
  let detail = null, seen = {};
  const parts = Object.fromEntries(["head", "acts", "why", "plots", "suspects", "members", "facts", "told", "audit"].map((name) => [name, h("div")]));
  const card = (title, name, more = "") => h("section", {class: `card ${more}`, hidden: true, "data-part": name}, h("header", {}, h("h2", {}, title)), parts[name]);
  const cards = [card("Evidence", "plots"), card("Suspects", "suspects"), card("Members", "members"), card("Facts", "facts"), card("Timeline", "audit"), card("Who was told", "told")];
  const [plots, suspected, memberCard, facts, timeline, toldCard] = cards;
  const node = h("article", {class: "incident-page"}, h("div", {}, parts.head, parts.acts, parts.why, waiting()));

  function shown() {
    if (node.contains(plots)) return;
    fill(node, parts.head, parts.acts, parts.why, h("div", {class: "two"}, h("div", {class: "stack"}, plots, suspected, memberCard), h("div", {class: "stack"}, facts, timeline, toldCard)));
  }

  /** Draw a part anew if what it shows has changed: a plot that is looked at keeps its zoom. */
  function draw(name, given, how) {
    const key = JSON.stringify([given, clock.utc]);
    if (seen[name] === key) return;
    seen[name] = key;
    const made = how();
    const frame = cards.find((each) => each.dataset.part === name);
    if (frame) frame.hidden = !made;
    fill(parts[name], made || []);
  }

  function paint() {
    const {incident} = detail;
    clock.shift_ms = Date.now() - detail.now_ms;
    shown();
    draw("head", incident, () => head(incident));
    acts();
    draw("why", [incident.hint, incident.reasons, incident.merged_into], () => why(incident));
    const drawn = detail.plots ?? detail.evidence?.plots ?? [];
    draw("plots", drawn, () => drawn.length > 0 && evidence(drawn, incident));
    const around = detail.surroundings ?? detail.topology;
    draw("suspects", [incident.suspects, around], () => (incident.suspects?.length || around?.nodes?.length) && [suspects(incident), topology(around, incident)]);
    draw("members", [incident.members, incident.member_count], () => members(incident));
    draw("facts", [incident, detail.points_why, detail.silences], () => factsOf(incident));
    draw("audit", detail.audit, () => audit(detail.audit));
    draw("told", detail.told, () => told(detail.told, incident));
  }

  function head(incident) {
    document.title = `${incident.title} · Foreshock`;
    return [
      h("nav", {class: "crumbs", "aria-label": "Where this is"}, h("a", {href: "#/incidents", "data-focus": "back"}, "Incidents"), h("span", {class: "faint"}, " / "), h("code", {}, incident.id)),
      h("div", {class: "headline"}, h("h1", {}, incident.title)),
      h("div", {class: "row under"}, severity(incident.severity), state(incident), flags(incident), h("span", {class: "soft"}, scope(incident)),
        h("span", {class: "faint"}, "opened ", time(incident.opened_ms, ago)), incident.assignee && h("span", {class: "soft"}, `assigned to ${incident.assignee}`)),
    ];
  }

  function acts() {
    const {incident} = detail, allowed = may(context), legal = new Set(detail.actions);
    const button = (action, main) => h("button", {type: "button", class: main ? "main" : "", disabled: !allowed || (action in ACTIONS && !["silence", "false_positive", "real"].includes(action) && !legal.has(action)),
      "data-act": action, "data-focus": `act ${action}`, onclick: () => perform(incident, action, context)}, ACTIONS[action][0]);
    const first = MAIN.filter((action) => legal.has(action));
    fill(parts.acts, h("div", {class: "actions", role: "group", "aria-label": "Actions"},
      first.map((action, i) => button(action, i === 0)), OTHER.filter((action) => legal.has(action)).map((action) => button(action)),
      button("silence"), incident.verdict !== "false_positive" && button("false_positive"), incident.verdict !== "real" && button("real"),
      h("span", {class: "asked-now", role: "status"}, pending(incident, detail.requests))),
    !allowed && h("p", {class: "faint"}, context.me.can_act ? `You are a ${context.me.role}: you may look.` : "The server knows no running flow, so nothing can be asked of it."));
  }

  function why(incident) {
    return [incident.merged_into && h("p", {class: "note"}, "This is part of ", h("a", {href: link("incidents", incident.merged_into)}, incident.merged_into), "."),
      incident.hint && h("p", {class: "hint"}, coded(incident.hint))];
  }

  function evidence(drawn, incident) {
    const names = new Map(incident.members.map((each) => [each.resource.key, each.resource.name]));
    const shared = {range: null, plots: [], zoom(range) {
      shared.range = range;
      all.disabled = !range;
      for (const again of shared.plots) again();
    }};
    const all = h("button", {type: "button", class: "bare", disabled: true, onclick: () => shared.zoom(null)}, "Show all");
    return h("div", {class: "pad"},
      h("div", {class: "plots"}, drawn.map((each) => plot(each, each.name ?? names.get(each.resource) ?? each.resource, shared))),
      h("div", {class: "legend"},
        [["k-value", "value"], ["k-band", "expected band"], ["k-middle", "expected"], ["k-odd", "anomalous"], ["k-onset", "onset"]].map(([name, words]) => h("span", {}, h("i", {class: name}), words)),
        h("span", {class: "faint only-wide"}, "drag to zoom"), all),
      drawn[0].detectors?.length > 0 && h("div", {class: "row share"}, h("h3", {}, "Found by"), drawn[0].detectors.map(([name, share]) => h("span", {class: "chip"}, `${name.replaceAll("_", " ")} ${Math.round(100 * share)} %`))));
  }

  function topology(around, incident) {
    if (!around?.nodes?.length) return h("p", {class: "pad faint"}, "No map of who needs whom is known.");
    const roles = new Map(around.nodes.filter((each) => each.role && each.role !== "neighbour").map((each) => [each.name, each.role]));
    for (const each of incident.members) roles.set(each.resource.name, "member");
    for (const each of incident.suspects) roles.set(each.resource.name, "suspect");
    return [graph(around.nodes, around.edges, roles), h("div", {class: "legend pad"}, h("span", {}, h("i", {class: "k-suspect"}), "suspect"), h("span", {}, h("i", {class: "k-member"}), "member"), h("span", {}, "an arrow leads to what is needed"),
      around.more > 0 && h("span", {class: "faint"}, `${whole(around.more)} more nodes are left out`))];
  }

  function factsOf(incident) {
    const until = due(incident), impact = incident.impact ?? {};
    const line = (name, ...value) => value.flat().some((each) => each || each === 0) && [h("dt", {}, name), h("dd", {}, value)];
    const list = (names, more = 0) => [names.slice(0, 6).join(", "), names.length > 6 || more > 6 ? ` and ${whole(Math.max(names.length, more) - Math.min(6, names.length))} more` : ""];
    return h("div", {class: "pad stack"}, h("dl", {class: "facts"},
      line("Deadline", until && h("strong", {}, left(until)), until && h("span", {class: "faint"}, incident.state === "open" ? " to acknowledge" : " to resolve")),
      line("", incident.breach_ms && until && h("span", {class: "soon"}, "it looks as if that is too little")),
      line("Resolve by", incident.resolve_by_ms && incident.state === "open" && time(incident.resolve_by_ms)),
      line("Assignee", incident.assignee || h("span", {class: "faint"}, "nobody")),
      line("Onset", time(incident.onset_ms), h("span", {class: "faint"}, " · opened "), time(incident.opened_ms)),
      line("Over since", incident.resolved_ms && time(incident.resolved_ms)),
      line("Severity", incident.reasons?.join("; ")),
      line("Queue", detail.points_why?.join("; ")),
      line("Pattern", incident.pattern?.replaceAll("_", " ")),
      line("Confidence", `${Math.round(100 * incident.confidence)} %`),
      line("Impact", impact.dependants ? `${whole(impact.dependants)} dependants` : h("span", {class: "faint"}, "no dependants known"), impact.users ? `, ${whole(impact.users)} users` : ""),
      line("Hit", impact.names?.length > 0 && list(impact.names, impact.dependants)),
      line("Suffering", impact.suffering?.length > 0 && list(impact.suffering)),
      line("Tiers", impact.tiers?.join(", ")),
      line("Parts", incident.merged?.map((each) => [h("a", {href: link("incidents", each)}, each), " "])),
      line("Hidden by", incident.inhibited_by && (incident.inhibited_by.startsWith("inc-") ? h("a", {href: link("incidents", incident.inhibited_by)}, incident.inhibited_by) : incident.inhibited_by)),
      line("Silenced by", incident.silenced_by?.length > 0 && h("a", {href: link("silences")}, incident.silenced_by.join(", "))),
      line("Silences", detail.silences?.filter((each) => each.matches).map((each) => h("div", {}, `${each.purpose} until `, time(each.until_ms), `: ${each.reason || each.id}`)))));
  }

  async function refresh() {
    try {
      detail = await get(`incidents/${encodeURIComponent(id)}`);
    } catch (error) {
      if (error.status === 401) throw error;
      if (!detail) fill(node, h("h1", {class: "pad"}, "Incident"), failure(error, () => refresh()));
      return;
    }
    paint();
  }

  return {
    title: "Incident", node, refresh, keys: {...actKeys(() => detail?.incident, context), u: () => history.length > 1 ? history.back() : context.go("#/incidents")},
    heard(kind, data, again) {
      if (kind === "transition" && data.incident.id === id) again();
      if (kind === "request" && data.incident === id) again();
    },
    asked(incident) {
      if (detail && incident === id) acts();
    },
  };
}

