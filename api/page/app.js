// The shell: which screen is shown, who is signed in, whether what is seen is live.

import {get, health, Refused, token} from "./client.js";
import {fill, h, link} from "./dom.js";
import {helped, keys} from "./keys.js";
import {Live} from "./live.js";
import {asked} from "./asked.js";
import {say, side, standing} from "./shell.js";
import {clock} from "./words.js";
import {signIn} from "./screens/login.js";

const SCREENS = {
  "": () => import("./screens/overview.js"),
  incidents: () => import("./screens/incidents.js"),
  incident: () => import("./screens/incident.js"),
  queue: () => import("./screens/queue.js"),
  silences: () => import("./screens/silences.js"),
  models: () => import("./screens/models.js"),
  review: () => import("./screens/review.js"),
  notifications: () => import("./screens/notifications.js"),
};
const main = document.getElementById("main");
let live, screen, turn = 0;
const context = {me: null, go: (hash) => { location.hash = hash; }, again: () => show()};

/** `#/incidents?severity=HIGH` → {name, parts, query} */
function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name = "", ...parts] = path.split("/").map((part) => {
    try { return decodeURIComponent(part); } catch { return part; }
  });
  return {name: name === "incidents" && parts[0] ? "incident" : name, parts, query: new URLSearchParams(query)};
}

async function show() {
  if (location.hash === "#main") return; // the skip link
  const mine = ++turn;
  const at = place();
  if (screen && screen.name === at.name && screen.moved?.(at)) return;
  screen?.close?.();
  screen = null;
  standing.at(at.name);
  const load = SCREENS[at.name];
  if (!load) return fill(main, standing.banner, missing());
  try {
    const module = await load();
    const made = module.make(at, context);
    if (mine !== turn) return made.close?.();
    screen = Object.assign(made, {name: at.name});
    document.title = `${made.title} · Foreshock`;
    fill(main, standing.banner, made.node);
    keys.of(made.keys ?? {});
    scrollTo(0, 0);
    if (document.activeElement !== document.body && !main.contains(document.activeElement)) main.focus({preventScroll: true});
    say(made.title);
    await made.refresh();
  } catch (error) {
    if (error.status === 401) return leave();
    if (error.name !== "AbortError" && !error.status && error.status !== 0) throw error;
  }
}

function missing() {
  return h("div", {class: "empty"}, h("h1", {}, "There is no such screen"), h("a", {href: link("")}, "Go to the overview"));
}

/** Ask again for what is shown: something happened, or the server is back. */
let due = 0;
function refresh(soon_ms = 0) {
  clearTimeout(due);
  due = setTimeout(() => screen?.refresh().catch((error) => error.status === 401 && leave()), soon_ms);
}

function heard(kind, data) {
  if (kind === "away") return health.tell(new Refused(503, data.detail));
  if (kind === "back") return health.tell(null);
  if (kind === "reset") return refresh();
  if (kind === "transition") standing.changed();
  asked.heard(kind, data);
  screen?.heard?.(kind, data, refresh);
}

async function start() {
  fill(document.getElementById("side"), side(context));
  SCREENS[place().name]?.().catch(() => {}); // on its way while the server says who this is
  try {
    context.me = await get("me");
  } catch (error) {
    if (error.status === 401 || error.status === 403) return leave();
    fill(main, standing.banner, h("p", {class: "empty"}, "Waiting for the server …"));
    return setTimeout(start, 1500);
  }
  fill(document.getElementById("side"), side(context, () => { token.drop(); location.reload(); }));
  live?.close();
  live = new Live(heard, (state) => {
    const back = standing.signal(state);
    if (back) refresh();
    if (state === "refused") leave();
  });
  await show();
}

function leave() {
  live?.close();
  screen?.close?.();
  screen = null;
  turn += 1;
  standing.at(null);
  fill(main, standing.banner, signIn(() => start()));
  main.querySelector("input")?.focus();
}

health.tell = (refused) => { if (standing.health(refused)) refresh(); };
asked.changed = (id) => screen?.asked?.(id);
clock.changed = () => show();
keys.general({
  "?": () => helped(screen?.keys ?? {}), "/": () => document.querySelector("[data-find]")?.focus() ?? context.go("#/incidents"),
  "g o": () => context.go("#/"), "g i": () => context.go("#/incidents"), "g q": () => context.go("#/queue"),
  "g s": () => context.go("#/silences"), "g m": () => context.go("#/models"), "g v": () => context.go("#/review"),
  "g n": () => context.go("#/notifications"),
});
addEventListener("hashchange", show);
start();
