// What was asked of the flow and is not answered yet. An action shows as requested at once, and then as
// applied or refused: the stream says which, and where it is silent the request itself is looked at.

import {get} from "./client.js";
import {say, toast} from "./shell.js";

const LOOK_MS = 1500, LONGEST_MS = 15_000, KEPT_MS = 12_000;
const all = new Map(); // request id -> {request, look}

export const ACTIONS = {
  ack: ["Acknowledge", "acknowledged"], unack: ["Take back", "taken back"], resolve: ["Resolve", "resolved"],
  reopen: ["Reopen", "reopened"], close: ["Close", "closed"], assign: ["Assign", "assigned"], note: ["Add a note", "noted"],
  false_positive: ["False positive", "marked as a false positive"], real: ["Real", "marked as real"],
  merge: ["Merge", "merged"], split: ["Split", "split"], silence: ["Silence", "silenced"], expire: ["End the silence", "ended"],
};
export const words = (request) => ACTIONS[request.action || request.kind]?.[0] ?? request.what ?? request.kind;

export const asked = {
  changed: () => {},
  /** Take a request that was just made, here or, as the stream says, by somebody else. */
  add(request, mine = true) {
    if (!request?.id || all.has(request.id)) return;
    all.set(request.id, {request, mine, wait_ms: LOOK_MS});
    later(request.id);
    asked.changed(request.incident);
  },
  of: (incident) => [...all.values()].map((each) => each.request).filter((request) => request.incident === incident),
  heard(kind, data) {
    if (kind === "request" && data.status === "requested") asked.add(data, false);
    else if (kind === "request") settle(data);
    else if (data.request && all.has(data.request))
      settle({...all.get(data.request).request, status: data.event === "refused" ? "refused" : "applied", answer: data.reason});
  },
};

function settle(request) {
  const held = all.get(request.id);
  if (!held || held.request.status !== "requested") return;
  held.request = {...held.request, ...request};
  if (request.status !== "requested") {
    if (!held.mine) say(`${words(held.request)}: ${request.status}`);
    else if (request.status === "refused") toast(`Refused: ${words(held.request)}: ${request.answer || "no reason given"}`, "bad");
    else toast(`Applied: ${words(held.request)}`);
    setTimeout(() => { all.delete(request.id); asked.changed(held.request.incident); }, KEPT_MS);
  }
  asked.changed(held.request.incident);
}

function later(id) {
  const held = all.get(id);
  setTimeout(async () => {
    if (all.get(id)?.request.status !== "requested") return;
    await get(`requests/${encodeURIComponent(id)}`).then(settle).catch(() => {});
    held.wait_ms = Math.min(held.wait_ms * 1.5, LONGEST_MS);
    later(id);
  }, held.wait_ms);
}
