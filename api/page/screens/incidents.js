// The list of incidents: filtered by the server, a page at a time; only the rows in sight are in the page.

import {actKeys} from "../acts.js";
import {get} from "../client.js";
import {fill, h, icon} from "../dom.js";
import {step} from "../keys.js";
import {failure, head, incidentRow, waiting} from "../rows.js";
import {clock, count, SEVERITIES} from "../words.js";

const FIRST = 100, NEXT = 500, SPARE = 12;
const STATES = ["open", "acknowledged", "resolved", "closed", "merged"];
const SORTS = {"": "Newest first", "-severity": "Worst first", opened: "Oldest first"};

export function make(place, context) {
  let query = place.query, rows = [], next = null, loading = null, wrong = null, known = false, stop = null, top = 0;
  const list = h("ul", {class: "rows", "aria-label": "Incidents"});
  const foot = h("div", {"aria-live": "polite"});
  const total = h("span", {class: "faint", role: "status"});
  const more = h("div", {class: "filters-more"});
  const node = h("div", {}, h("div", {class: "head"}, h("h1", {}, "Incidents"), total), filters(), h("section", {class: "card listed"}, head(), list, foot));
  addEventListener("scroll", paint, {passive: true});
  addEventListener("resize", measure);

  function filters() {
    const find = h("input", {type: "search", name: "q", placeholder: "Title, resource, words", "aria-label": "Search", "data-find": "", value: query.get("q") ?? "", autocomplete: "off"});
    const field = (name, words) => h("input", {type: "text", name, placeholder: words, "aria-label": words, value: query.get(name) ?? "", autocomplete: "off"});
    const choice = (name, words, options) => h("select", {name, "aria-label": words}, options.map(([value, text]) => h("option", {value, selected: (query.get(name) ?? "") === value}, text)));
    const form = h("form", {class: "filters", role: "search", onsubmit: (event) => event.preventDefault()}, find,
      h("button", {type: "button", class: "only-narrow", "aria-expanded": "false", onclick: (event) => {
        event.currentTarget.setAttribute("aria-expanded", String(more.classList.toggle("open")));
      }}, icon("filter"), "Filter"),
      fill(more,
        choice("severity", "Least severity", [["", "Severity"], ...[...SEVERITIES].reverse().map((each) => [each, each === "CRITICAL" ? each : `${each} and up`])]),
        choice("state", "State", [["", "State"], ["going", "Going on"], ...STATES.map((each) => [each, each[0].toUpperCase() + each.slice(1)])]),
        choice("cloud", "Cloud", [["", "Cloud"], ["aws", "AWS"], ["azure", "Azure"], ["gcp", "GCP"]]),
        field("service", "Service"), field("assignee", "Assignee"),
        choice("sort", "Sort by", Object.entries(SORTS)),
        h("button", {type: "button", class: "bare", onclick: () => { location.hash = "#/incidents"; }}, "Clear")));
    let pausing = 0;
    const changed = () => {
      const wanted = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
      const hash = `#/incidents${wanted.size ? `?${wanted}` : ""}`;
      if (hash !== location.hash) history.replaceState(null, "", hash);
      query = wanted;
      reload();
    };
    form.addEventListener("input", (event) => {
      clearTimeout(pausing);
      pausing = setTimeout(changed, event.target.matches("select") ? 0 : 220);
    });
    return form;
  }

  const params = (cursor) => {
    const state = query.get("state");
    return {
      ...Object.fromEntries([...query].filter(([name]) => name !== "state")), limit: cursor ? NEXT : FIRST, cursor,
      state: state === "going" ? ["open", "acknowledged"] : state ? [state] : [],
    };
  };

  async function load(cursor) {
    const page = await get("incidents", params(cursor), stop?.signal);
    clock.shift_ms = Date.now() - page.now_ms;
    return page;
  }

  async function reload() {
    stop?.abort();
    stop = new AbortController();
    const mine = stop;
    loading = true;
    if (!known) fill(foot, waiting());
    try {
      const page = await load(null);
      if (mine !== stop) return;
      // what was loaded further down stays, so that nobody loses their place
      const same = new Set(page.incidents.map((each) => each.id));
      const kept = known === String(query) && next !== null ? rows.filter((each, i) => i >= page.incidents.length && !same.has(each.id)) : [];
      if (!kept.length) next = page.next;
      rows = [...page.incidents, ...kept];
      known = String(query);
      wrong = null;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status === 401) throw error;
      if (!known || error.status === 400 || error.status === 422) { wrong = error; rows = []; next = null; }
    } finally {
      if (mine === stop) loading = null;
    }
    measure();
  }

  async function further() {
    if (loading || next === null) return;
    loading = true;
    const mine = stop;
    try {
      const page = await load(next);
      if (mine !== stop) return;
      const held = new Set(rows.map((each) => each.id));
      rows = [...rows, ...page.incidents.filter((each) => !held.has(each.id))];
      next = page.next;
    } catch (error) {
      if (error.name === "AbortError") return;
      await new Promise((done) => setTimeout(done, 2000));
    } finally {
      if (mine === stop) loading = null;
    }
    paint();
  }

  let tall = 36;
  function measure() {
    tall = matchMedia("(max-width: 760px)").matches ? 73 : 37;
    top = -1;
    paint();
  }

  /** Put the rows in sight into the page, and room for the others. */
  function paint() {
    if (!node.isConnected) return;
    const above = list.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-above / tall) - SPARE);
    const last = Math.min(rows.length, Math.ceil((innerHeight - above) / tall) + SPARE);
    if (top === first && list.dataset.last === String(last) && list.dataset.rows === String(rows.length)) return near(last);
    top = first;
    Object.assign(list.dataset, {last, rows: rows.length});
    list.style.paddingTop = `${first * tall}px`;
    list.style.paddingBottom = `${Math.max(0, rows.length - last) * tall}px`;
    fill(list, rows.slice(first, last).map((each, i) =>
      h("li", {"aria-posinset": String(first + i + 1), "aria-setsize": String(next === null ? rows.length : -1)}, incidentRow(each))));
    total.textContent = known === false ? "" : `${count(rows.length, "incident")}${next === null ? "" : " and more"}`;
    fill(foot, wrong ? failure(wrong, () => reload()) : !rows.length && known !== false ? nothing() : next !== null && waiting("Loading more"));
    near(last);
  }
  const near = (last) => { if (last > rows.length - 40) further(); };

  function nothing() {
    return query.size
      ? h("div", {class: "empty"}, h("strong", {}, "No incident is like that"), h("span", {}, "Other words or fewer conditions may find some."), h("button", {type: "button", onclick: () => { location.hash = "#/incidents"; }}, "Clear the filter"))
      : h("div", {class: "empty"}, h("strong", {}, "No incidents"), h("span", {}, "When something is not normal, it is here."));
  }

  const shown = () => [...list.querySelectorAll("li")];
  const current = () => rows.find((each) => each.id === document.activeElement?.dataset?.id);
  return {
    title: "Incidents", node, refresh: reload,
    keys: {j: () => step(shown, 1), k: () => step(shown, -1), enter: () => document.activeElement?.click?.(), ...actKeys(current, context)},
    heard(kind, data, refresh) {
      if (kind !== "transition") return;
      const at = rows.findIndex((each) => each.id === data.incident.id);
      if (at >= 0) { rows[at] = data.incident; top = -1; paint(); }
      refresh(at >= 0 ? 1500 : 400);
    },
    asked() { top = -1; paint(); },
    close() {
      stop?.abort();
      removeEventListener("scroll", paint);
      removeEventListener("resize", measure);
    },
  };
}
