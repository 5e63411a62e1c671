// What people do to an incident. Every act goes to the running flow, by the API; see asked.js for what
// comes of it.

import {ask} from "./client.js";
import {asked, ACTIONS, words} from "./asked.js";
import {dialog} from "./dialog.js";
import {h} from "./dom.js";
import {toast} from "./shell.js";
import {silenceDialog} from "./silence.js";

const path = (incident, end) => `incidents/${encodeURIComponent(incident.id)}/${end}`;

async function act(incident, body) {
  const end = body.action === "false_positive" || body.action === "real" ? "feedback" : "actions";
  const {action, ...rest} = body;
  const request = await ask("POST", path(incident, end), end === "feedback" ? {verdict: action, ...rest} : body);
  asked.add({incident: incident.id, action, status: "requested", ...request});
  return request;
}

/** Do it at once, and say so; a refusal is said too. */
export async function now(incident, action) {
  try {
    await act(incident, {action});
    toast(`Requested: ${ACTIONS[action][0].toLowerCase()}`);
  } catch (error) {
    toast(`${ACTIONS[action][0]}: ${error.message}`, "bad");
  }
}

const NOTES = {
  resolve: "What was it, and what was done? (optional)", reopen: "Why is it not over? (optional)",
  false_positive: "Why is this normal? (optional)", real: "What was it? (optional)", note: "The note",
  assign: "A word to them (optional)", unack: "Why? (optional)", close: "Why? (optional)",
};

function withNote(incident, action, me) {
  const [title] = ACTIONS[action];
  const who = action === "assign" && h("label", {class: "field"}, h("span", {}, "To whom (empty: nobody)"),
    h("input", {name: "assignee", maxlength: "200", autocomplete: "off", value: incident.assignee || me?.name || ""}));
  const note = h("label", {class: "field"}, h("span", {}, NOTES[action]),
    h("textarea", {name: "note", rows: "3", maxlength: "2000", required: action === "note"}));
  const what = h("p", {class: "soft"}, incident.title);
  const learns = action === "false_positive" && h("p", {class: "note"}, "Detection learns from it: what is like this will count for less.");
  return dialog(title, [what, learns, who, note], {
    words: title,
    act: async (form) => act(incident, {
      action, ...(form.get("note") && {note: form.get("note")}), ...(action === "assign" && {assignee: form.get("assignee")}),
    }),
  });
}

/** Do one of `ACTIONS` to an incident. */
export async function perform(incident, action, context) {
  if (!may(context, action)) return toast(context.me.can_act ? `Your role, ${context.me.role}, may only look.` : "No running flow is known to the server, so nothing can be asked of it.", "bad");
  if (action === "ack") return now(incident, "ack");
  if (action === "silence") {
    const made = await silenceDialog(context, incident);
    return made && toast("Requested: silence");
  }
  const request = await withNote(incident, action, context.me);
  if (request) toast(`Requested: ${ACTIONS[action][0].toLowerCase()}`);
}

export const may = ({me}, _action) => Boolean(me?.can_act && me.role !== "viewer");

/** What is asked for and not yet answered, and what was just refused. */
export function pending(incident, requests = []) {
  const mine = new Map([...requests.filter((each) => each.status === "requested"), ...asked.of(incident.id)].map((each) => [each.id, each]));
  return [...mine.values()].map((request) => chip(request));
}
export function chip(request) {
  const status = request.status;
  const title = [request.what, request.actor && `by ${request.actor}`, request.answer].filter(Boolean).join(" · ");
  return h("span", {class: `chip ${status === "requested" ? "asked" : status === "refused" ? "refused" : "good"}`, title, "data-request": request.id},
    `${words(request)}: ${status}`);
}

/** The keys that act on an incident. */
export function actKeys(current, context) {
  const on = (action) => () => { const incident = current(); if (incident) perform(incident, action, context); };
  return {a: on("ack"), r: on("resolve"), s: on("silence"), f: on("false_positive"), n: on("note"), m: on("assign")};
}
