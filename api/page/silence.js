// Ask for a silence or a maintenance window: by matchers, for a time, once or every week.

import {ask} from "./client.js";
import {asked} from "./asked.js";
import {dialog} from "./dialog.js";
import {h, icon} from "./dom.js";

const LABELS = ["service", "resource", "cloud", "account", "region", "metric", "kind", "severity", "team", "tier"];
const FOR_MINUTES = [[30, "30 minutes"], [60, "1 hour"], [120, "2 hours"], [240, "4 hours"], [480, "8 hours"], [1440, "1 day"], [4320, "3 days"], [10_080, "1 week"], [43_200, "30 days"]];
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

function matcher(label = "service", op = "=", value = "") {
  const row = h("div", {class: "matcher", role: "group", "aria-label": "Condition"},
    h("input", {name: "label", "aria-label": "Label", value: label, list: "silence-labels", autocomplete: "off", maxlength: "100"}),
    h("select", {name: "op", "aria-label": "How"}, ["=", "!=", "=~", "!~"].map((each) => h("option", {selected: each === op}, each))),
    h("input", {name: "value", "aria-label": "Value", value, autocomplete: "off", maxlength: "500"}),
    h("button", {type: "button", class: "bare", "aria-label": "Remove the condition", onclick: () => row.parentElement.children.length > 1 && row.remove()}, icon("cross")));
  return row;
}

/** What an incident's members share makes its first matchers. */
function guess(incident) {
  if (!incident) return [["service", "=", ""]];
  const members = incident.members ?? [];
  const names = [...new Set(members.map((each) => each.resource.name))];
  if (names.length === 1 && incident.member_count === 1) return [["resource", "=", names[0]], ["service", "=", members[0].resource.service]];
  const shared = Object.entries(incident.scope ?? {}).filter(([name, value]) => ["service", "account", "region", "cloud"].includes(name) && value);
  const narrow = shared.filter(([name]) => name !== "cloud" || shared.length === 1);
  return narrow.length ? narrow.map(([name, value]) => [name, "=", value]) : [["service", "=", ""]];
}

function local(ms) {
  const d = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return d.toISOString().slice(0, 16);
}

export function silenceDialog(context, incident, purpose = "silence") {
  const rows = h("div", {}, guess(incident).map((each) => matcher(...each)));
  const weekly = h("fieldset", {hidden: true}, h("legend", {}, "Every week, in your time zone"),
    h("div", {class: "row"}, DAYS.map((day) => h("label", {class: "check"}, h("input", {type: "checkbox", name: "day", value: day.toLowerCase(), checked: true}), day))),
    h("div", {class: "fields"},
      h("label", {class: "field"}, h("span", {}, "From"), h("input", {type: "time", name: "from", value: "02:00"})),
      h("label", {class: "field"}, h("span", {}, "Until"), h("input", {type: "time", name: "until", value: "04:00"}))));
  const starts = h("label", {class: "field", hidden: true}, h("span", {}, "Starts"), h("input", {type: "datetime-local", name: "starts", value: local(Date.now())}));
  const recurs = h("input", {type: "checkbox", name: "recurs", onchange: () => { weekly.hidden = !recurs.checked; }});
  const later = h("input", {type: "checkbox", name: "later", onchange: () => { starts.hidden = !later.checked; }});
  const content = [
    incident && h("p", {class: "soft"}, incident.title),
    h("p", {class: "note"}, "What matches all conditions is told to nobody meanwhile, but stays to be seen."),
    h("fieldset", {class: "row"}, h("legend", {class: "unseen"}, "Purpose"),
      ["silence", "maintenance"].map((each) => h("label", {class: "check"}, h("input", {type: "radio", name: "purpose", value: each, checked: each === purpose}), each === "silence" ? "Silence" : "Maintenance"))),
    h("fieldset", {}, h("legend", {}, "Conditions: label, how, value"), rows,
      h("button", {type: "button", class: "bare", onclick: () => { rows.append(matcher("")); rows.lastChild.querySelector("input").focus(); }}, "+ Condition")),
    h("datalist", {id: "silence-labels"}, LABELS.map((each) => h("option", {value: each}))),
    h("div", {class: "fields"}, starts,
      h("label", {class: "field"}, h("span", {}, "For"), h("select", {name: "for"}, FOR_MINUTES.map(([minutes, name]) => h("option", {value: String(minutes), selected: minutes === 120}, name))))),
    h("div", {class: "row"}, h("label", {class: "check"}, later, "Starts later"), h("label", {class: "check"}, recurs, "Recurs")),
    weekly,
    h("label", {class: "field"}, h("span", {}, "Why"), h("input", {name: "reason", required: true, maxlength: "500", autocomplete: "off"})),
  ];
  return dialog(purpose === "maintenance" ? "Plan a maintenance" : "Silence", content, {
    words: "Create",
    act: async (form) => {
      const request = await ask("POST", "silences", body(form));
      asked.add({kind: "silence", incident: incident?.id ?? "", status: "requested", ...request});
      return request;
    },
  }, "wide");
}

function body(form) {
  const ops = form.getAll("op"), values = form.getAll("value");
  const matchers = form.getAll("label").map((label, i) => [label.trim(), ops[i], JSON.stringify(values[i])])
    .filter(([label]) => label).map((each) => each.join(""));
  const from_ms = form.get("later") ? new Date(form.get("starts")).getTime() : null;
  return {
    purpose: form.get("purpose"), matchers, reason: form.get("reason"), for_s: 60 * Number(form.get("for")),
    ...(from_ms !== null && {starts_ms: from_ms}),
    ...(form.get("recurs") && {
      every: form.getAll("day").join(","), from: form.get("from"), to: form.get("until"),
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC",
    }),
  };
}
