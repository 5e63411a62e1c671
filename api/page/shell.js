// What frames every screen: the side bar, the banner that says when something is away, short messages.

import {get} from "./client.js";
import {fill, h, icon, link, s} from "./dom.js";
import {clock, time, whole} from "./words.js";

const PLACES = [
  ["", "overview", "Overview"], ["incidents", "incidents", "Incidents"], ["queue", "queue", "Queue"],
  ["silences", "silences", "Silences"], ["models", "models", "Models"], ["review", "review", "Review"],
  ["notifications", "notifications", "Notifications"],
];
const THEMES = {"": "System", light: "Light", dark: "Dark"};
const banner = h("div", {class: "banner", role: "alert", hidden: true});
const announced = document.getElementById("said");
const toasts = h("div", {class: "toasts", role: "region", "aria-label": "Announcements"});
document.body.append(toasts);
setTheme(localStorage.getItem("foreshock.theme") ?? "");

/** To those who listen. */
export function say(words) {
  announced.textContent = words;
}

export function toast(words, more = "") {
  const node = h("div", {class: `toast ${more}`}, h("span", {}, words));
  toasts.append(node);
  say(words);
  setTimeout(() => node.remove(), more === "bad" ? 9000 : 4500);
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  localStorage.setItem("foreshock.theme", theme);
}

export function side(context, signOut) {
  const me = context.me;
  const theme = h("button", {type: "button", class: "bare", onclick: () => {
    const names = Object.keys(THEMES);
    const next = names[(names.indexOf(document.documentElement.dataset.theme ?? "") + 1) % names.length];
    setTheme(next);
    theme.replaceChildren(`Theme: ${THEMES[next]}`);
  }}, `Theme: ${THEMES[document.documentElement.dataset.theme ?? ""]}`);
  const zone = h("button", {type: "button", class: "bare", onclick: () => {
    clock.choose(!clock.utc);
    zone.replaceChildren(`Times: ${clock.utc ? "UTC" : "local"}`);
    clock.changed?.();
  }}, `Times: ${clock.utc ? "UTC" : "local"}`);
  return [
    h("a", {class: "mark", href: link("")},
      s("svg", {class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true"}, s("path", {d: "M1 9h2.5l1.5-4 3 9 2.5-11 1.5 6H15"})), "Foreshock"),
    h("nav", {"aria-label": "Screens"}, h("ul", {}, PLACES.map(([path, name, words]) =>
      h("li", {}, h("a", {href: link(path), "data-place": name, "data-focus": `nav ${name}`}, icon(name),
        h("span", {}, name === "notifications" ? [h("span", {class: "only-wide"}, words), h("span", {class: "only-narrow"}, "Notices")] : words),
        h("span", {class: "count", "data-count": name})))))),
    h("div", {class: "foot"}, signal, theme, zone,
      me && me.auth !== "off" && h("div", {class: "row"}, h("span", {class: "clip", title: me.name}, `${me.name} · ${me.role}`)),
      signOut && me && (me.auth === "token" || me.auth === "session") && h("button", {type: "button", class: "bare", onclick: signOut}, "Sign out")),
  ];
}

const signal = h("div", {class: "signal", "data-state": "waiting"}, h("i"), h("span", {}, "Connecting"));
let lost_ms = null, away = null, shown = 0, asking = 0;

function tell() {
  const wrong = lost_ms !== null || away;
  clearTimeout(shown);
  if (!wrong) {
    if (!banner.hidden) say("Live again");
    banner.hidden = true;
    return;
  }
  // a short break, as of a restart, is nobody's business
  shown = setTimeout(() => {
    const words = away && away.status !== 0 ? `The server cannot answer: ${away.message}.` : "The server cannot be reached.";
    fill(banner, h("strong", {}, words),
      h("span", {}, "What is shown is as of ", time(wrong_ms, (ms) => new Date(ms).toLocaleTimeString("en-GB", {timeZone: clock.utc ? "UTC" : undefined})), "; it is tried again until it is back."));
    banner.hidden = false;
  }, banner.hidden ? 700 : 0);
}
let wrong_ms = 0;

export const standing = {
  banner,
  /** Mark the screen in the side bar. */
  at(name) {
    for (const each of document.querySelectorAll("[data-place]")) {
      const is = name !== null && each.dataset.place === ({"": "overview", incident: "incidents"}[name] ?? name);
      if (is) each.setAttribute("aria-current", "page");
      else each.removeAttribute("aria-current");
    }
    document.getElementById("side").hidden = name === null;
    if (name !== null) this.changed();
  },
  /** Say how the event stream is; return whether it has come back. */
  signal(state) {
    if (state === "waiting" && lost_ms !== null) return false;
    signal.dataset.state = state;
    signal.lastChild.textContent = {live: "Live", lost: "Not connected", waiting: "Connecting", refused: "Signed out"}[state];
    const back = state === "live" && lost_ms !== null;
    if (state === "lost" && lost_ms === null) wrong_ms = lost_ms = Date.now();
    if (state === "live") lost_ms = null;
    if (back) away = null;
    tell();
    return back;
  },
  /** Take what a request came to; return whether it has come back. */
  health(refused) {
    const back = away !== null && refused === null;
    if (refused && !away) wrong_ms = lost_ms ?? Date.now();
    away = refused;
    if (refused) this.probe();
    tell();
    return back;
  },
  probe() {
    clearTimeout(this.probing);
    this.probing = setTimeout(() => get("queue", {limit: 1}).catch(() => {}), 2000);
  },
  /** Count anew what is to do; at most every second. */
  changed() {
    if (asking) return;
    asking = setTimeout(async () => {
      asking = 0;
      try {
        const {total} = await get("queue", {limit: 1});
        for (const name of ["queue"]) {
          const node = document.querySelector(`[data-count="${name}"]`);
          if (node) node.textContent = total ? whole(total) : "";
        }
      } catch { /* the banner says it */ }
    }, 300);
  },
};
