// What is told to nobody: in force, to come, and just over.

import {may} from "../acts.js";
import {ask, get} from "../client.js";
import {dialog} from "../dialog.js";
import {fill, h} from "../dom.js";
import {failure, waiting} from "../rows.js";
import {toast} from "../shell.js";
import {silenceDialog} from "../silence.js";
import {clock, left, time} from "../words.js";

const FOR_EVER_MS = 10 * 365 * 86_400_000;
const GROUPS = [["In force", ["active"]], ["To come", ["requested", "pending"]], ["Over", ["expired", "refused"]]];

export function make(_place, context) {
  let known = null, again = 0;
  const body = h("div", {class: "stack"}, waiting());
  const create = (purpose) => async () => {
    if (await silenceDialog(context, null, purpose)) { toast(`Requested: ${purpose}`); await refresh(); }
  };
  const node = h("div", {}, h("div", {class: "head"}, h("h1", {}, "Silences and maintenance"),
    h("div", {class: "row push"}, h("button", {type: "button", disabled: !may(context), onclick: create("maintenance")}, "Plan a maintenance"),
      h("button", {type: "button", class: "main", disabled: !may(context), "data-act": "create", onclick: create("silence")}, "New silence"))), body);

  async function refresh() {
    clearTimeout(again);
    try {
      const page = await get("silences");
      known = page.silences;
      clock.shift_ms = 0;
    } catch (error) {
      if (error.status === 401) throw error;
      if (!known) fill(body, failure(error, refresh));
      return;
    }
    paint();
    if (known.some((each) => each.state === "requested")) again = setTimeout(() => refresh().catch(() => {}), 5000);
  }

  function paint() {
    if (!known.length) return fill(body, h("section", {class: "card"}, h("div", {class: "empty"}, h("strong", {}, "Nothing is silenced"), h("span", {}, "Whatever opens is told to whom it concerns."))));
    fill(body, GROUPS.map(([title, states]) => {
      const mine = known.filter((each) => states.includes(each.state));
      return mine.length > 0 && h("section", {class: "card"}, h("header", {}, h("h2", {}, title), h("span", {class: "faint"}, String(mine.length))),
        h("div", {class: "table", tabindex: "0", role: "region", "aria-label": title, "data-scroll": title}, h("table", {class: "folds"},
          h("thead", {}, h("tr", {}, ["What", "Why", "Who", "From", "Until", ""].map((each) => h("th", {scope: "col"}, each || h("span", {class: "unseen"}, "Action"))))),
          h("tbody", {}, mine.map(line)))));
    }));
  }

  function line(each) {
    const always = each.ends_ms > Date.now() + FOR_EVER_MS;
    return h("tr", {"data-id": each.id},
      h("th", {scope: "row"}, h("div", {class: "row"}, each.matchers.length ? each.matchers.map((matcher) => h("code", {}, matcher)) : "everything"),
        h("span", {class: "faint block"}, each.purpose, each.recurs && ` · ${each.recurs}`, each.state === "requested" && " · ", each.state === "requested" && h("span", {class: "chip asked"}, "requested"),
          each.wrong && h("span", {class: "late"}, ` refused: ${each.wrong}`))),
      h("td", {"data-column": "Why", class: "words"}, each.reason), h("td", {"data-column": "Who"}, each.actor || each.origin, each.ended_by && h("span", {class: "faint block"}, `ended by ${each.ended_by}`)),
      h("td", {"data-column": "From", class: "nowrap"}, each.starts_ms > 0 ? time(each.starts_ms) : "always"),
      h("td", {"data-column": "Until", class: "nowrap"}, always ? "for good" : [time(each.ends_ms), each.state === "active" && h("span", {class: "faint block"}, left(each.change_ms))]),
      h("td", {class: "num"}, each.origin === "settings" ? h("span", {class: "faint"}, "in the settings") : ["active", "pending", "requested"].includes(each.state)
        && h("button", {type: "button", disabled: !may(context), "data-act": "expire", "data-focus": `expire ${each.id}`, "aria-label": `End ${each.id}`, onclick: () => end(each)}, "End")));
  }

  async function end(each) {
    const done = await dialog("End the silence", [h("p", {}, each.matchers.map((matcher) => [h("code", {}, matcher), " "])), h("p", {class: "soft"}, each.reason)], {
      words: "End it", act: () => ask("DELETE", `silences/${encodeURIComponent(each.id)}`).then((view) => view ?? true),
    });
    if (done) { toast("Requested: the end of the silence"); await refresh(); }
  }

  return {title: "Silences", node, refresh, keys: {s: () => may(context) && create("silence")()}, heard(kind, data, soon) { if (kind === "request" || data?.event === "silenced") soon(500); }, close: () => clearTimeout(again)};
}
