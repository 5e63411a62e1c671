"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const list = document.getElementById("list");
  const all = list ? [...list.querySelectorAll("details.inc")] : [];
  const every = () => [...document.querySelectorAll("details.inc")];  // of a second run too
  const pad = (n) => String(n).padStart(2, "0");

  // ---------------------------------------------------------------- numbers and times

  function number(v) {
    if (v === null) return "-";
    const size = Math.abs(v);
    for (const [name, from] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e4]])
      if (size >= from) return +(v / (name === "k" ? 1e3 : from)).toPrecision(3) + " " + name;
    return String(+v.toPrecision(4));
  }
  function time(ms, withDate) {
    const d = new Date(ms);
    const clock = pad(d.getUTCHours()) + ":" + pad(d.getUTCMinutes());
    return withDate ? pad(d.getUTCMonth() + 1) + "-" + pad(d.getUTCDate()) + " " + clock : clock;
  }
  function niceStep(span, about, steps) {
    return steps.find((s) => span / s <= about) || steps[steps.length - 1];
  }
  function ticks(lo, hi) {
    const scale = 10 ** Math.floor(Math.log10(hi - lo));
    const step = scale * [1, 0.5, 0.2, 0.1].find((m) => (hi - lo) / (m * scale) >= 2.5);
    const out = [];
    for (let n = Math.ceil(lo / step); n * step <= hi; n += 1) out.push(n * step);
    return out;
  }

  // ---------------------------------------------------------------- one plot

  function add(to, name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    to.append(node);
    return node;
  }
  function yRange(p) {
    let lo = Math.min(...p.value), hi = Math.max(...p.value);
    const room = (hi - lo) || Math.abs(hi) * 0.1 || 1;
    const known = (column) => column.filter((v) => v !== null);
    lo = Math.max(Math.min(lo, ...known(p.lower)), lo - room);
    hi = Math.min(Math.max(hi, ...known(p.upper)), hi + room);
    const edge = ((hi - lo) || 1) * 0.06;
    return [lo - edge, hi + edge];
  }
  function draw(figure, p, onsetMs) {
    const svg = figure.querySelector("svg"), said = figure.querySelector("output");
    const W = Math.max(240, svg.clientWidth || 480), H = 170;
    const left = 52, right = W - 10, top = 8, bottom = H - 20;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
    const first = Math.min(0, p.ts_s[0]), last = Math.max((p.until_ms - p.from_ms) / 1000, 1);
    const from = Math.max(first, p.ts_s[0] - (last - first) * 0.02);
    const until = Math.min(last, Math.max(p.ts_s[p.ts_s.length - 1], (p.alerts[0] || [0])[0]) + (last - first) * 0.02);
    const [lo, hi] = yRange(p);
    const x = (s) => left + (right - left) * (s - from) / ((until - from) || 1);
    const y = (v) => Math.max(top, Math.min(bottom, bottom - (bottom - top) * (v - lo) / (hi - lo)));
    for (const v of ticks(lo, hi)) {
      add(svg, "line", {class: "p-grid", x1: left, x2: right, y1: y(v), y2: y(v)});
      add(svg, "text", {x: left - 6, y: y(v) + 3.5, "text-anchor": "end"}, number(v));
    }
    const H1 = 3600, step = niceStep(until - from, W / 85,
      [60, 300, 600, 900, 1800, H1, 2 * H1, 3 * H1, 6 * H1, 12 * H1, 24 * H1, 48 * H1, 168 * H1, 672 * H1]);
    const zero = p.from_ms / 1000;
    for (let s = Math.ceil((from + zero) / step) * step - zero; s <= until; s += step) {
      const ms = p.from_ms + s * 1000;
      add(svg, "line", {class: "p-grid", x1: x(s), x2: x(s), y1: bottom, y2: bottom + 4});
      const dated = step >= 24 * H1 || new Date(ms).getUTCHours() + new Date(ms).getUTCMinutes() === 0;
      add(svg, "text", {x: x(s), y: H - 5, "text-anchor": x(s) > right - 30 ? "end" : x(s) < left + 30 ? "start" : "middle"},
        dated ? time(ms, true).slice(0, 5) : time(ms, false));
    }
    for (const [a, b] of p.alerts) {
      const x1 = Math.max(left, x(a)), x2 = Math.min(right, x(b));
      if (x2 > left && x1 < right)
        add(svg, "rect", {class: "p-alert", x: x1, width: Math.max(2, x2 - x1), y: top, height: bottom - top});
    }
    const gap = 4 * median(p.ts_s.slice(1).map((s, i) => s - p.ts_s[i]));
    const broken = (i) => i > 0 && p.ts_s[i] - p.ts_s[i - 1] > gap;
    let upper = "", lower = [];
    const close = () => {
      if (lower.length) add(svg, "path", {class: "p-band", d: upper + lower.reverse().join("") + "Z"});
      upper = ""; lower = [];
    };
    p.ts_s.forEach((s, i) => {
      if (p.lower[i] === null || p.upper[i] === null || broken(i)) close();
      if (p.lower[i] === null || p.upper[i] === null) return;
      upper += (upper ? "L" : "M") + x(s).toFixed(1) + " " + y(p.upper[i]).toFixed(1);
      lower.push("L" + x(s).toFixed(1) + " " + y(p.lower[i]).toFixed(1));
    });
    close();
    const line = (column) => {
      let d = "", pen = "M";
      p.ts_s.forEach((s, i) => {
        if (column[i] === null || broken(i)) pen = "M";
        if (column[i] === null) return;
        d += pen + x(s).toFixed(1) + " " + y(column[i]).toFixed(1);
        pen = "L";
      });
      return d;
    };
    add(svg, "path", {class: "p-middle", d: line(p.expected)});
    add(svg, "path", {class: "p-value", d: line(p.value)});
    for (const i of p.odd) add(svg, "circle", {class: "p-odd", cx: x(p.ts_s[i]), cy: y(p.value[i]), r: 2.4});
    const onset = (onsetMs - p.from_ms) / 1000;
    if (onset > from && onset < until)
      add(svg, "line", {class: "p-onset", x1: x(onset), x2: x(onset), y1: top, y2: bottom});
    const cross = add(svg, "line", {class: "p-cross", y1: top, y2: bottom, visibility: "hidden"});
    const at = add(svg, "circle", {class: "p-at", r: 3, visibility: "hidden"});
    const leave = () => {
      cross.setAttribute("visibility", "hidden"); at.setAttribute("visibility", "hidden");
      said.textContent = said.dataset.rest;
    };
    svg.onpointermove = (event) => {
      const box = svg.getBoundingClientRect();
      const s = from + (until - from) * ((event.clientX - box.left) * W / box.width - left) / (right - left);
      let i = p.ts_s.findIndex((t) => t >= s);
      if (i < 0) i = p.ts_s.length - 1;
      if (i > 0 && s - p.ts_s[i - 1] < p.ts_s[i] - s) i -= 1;
      for (const [key, value] of [["x1", x(p.ts_s[i])], ["x2", x(p.ts_s[i])], ["visibility", "visible"]])
        cross.setAttribute(key, value);
      for (const [key, value] of [["cx", x(p.ts_s[i])], ["cy", y(p.value[i])], ["visibility", "visible"]])
        at.setAttribute(key, value);
      const band = p.lower[i] === null ? "" : `, expected ${number(p.lower[i])} to ${number(p.upper[i])}`;
      said.textContent = `${time(p.from_ms + p.ts_s[i] * 1000, true)} UTC: ${number(p.value[i])} ${p.unit}${band}`;
    };
    svg.onpointerleave = leave;
    leave();
  }
  function median(numbers) {
    const sorted = numbers.filter((n) => n > 0).sort((a, b) => a - b);
    return sorted.length ? sorted[sorted.length >> 1] : Infinity;
  }
  function drawAll(details) {
    const mine = plots[details.id] || [];
    details.querySelectorAll("figure").forEach((figure, i) => {
      if (mine[i]) draw(figure, mine[i], Number(details.dataset.onset));
    });
  }

  // ---------------------------------------------------------------- the list of incidents

  const find = document.getElementById("find"), sort = document.getElementById("sort");
  const judged = document.getElementById("judged"), shown = document.getElementById("shown");
  const none = document.getElementById("none");
  const texts = new Map();
  const text = (details) => {
    if (!texts.has(details)) texts.set(details, details.textContent.toLowerCase());
    return texts.get(details);
  };
  const orders = {
    opened: (a, b) => a.dataset.opened - b.dataset.opened,
    newest: (a, b) => b.dataset.opened - a.dataset.opened,
    severity: (a, b) => b.dataset.severity - a.dataset.severity || b.dataset.score - a.dataset.score,
    lasted: (a, b) => b.dataset.lasted - a.dataset.lasted,
    score: (a, b) => b.dataset.score - a.dataset.score,
    members: (a, b) => b.dataset.members - a.dataset.members,
  };
  function filter() {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const severities = new Set([...document.querySelectorAll("input[name=severity]:checked")].map((i) => i.value));
    const judgement = judged ? judged.value : "";
    let count = 0;
    for (const details of all) {
      const fits = severities.has(details.dataset.severity)
        && (!judgement || details.dataset.judgement === judgement)
        && words.every((word) => text(details).includes(word));
      details.hidden = !fits;
      count += fits;
    }
    const incidents = all.length === 1 ? "incident" : "incidents";
    shown.textContent = count === all.length ? `${count} ${incidents}` : `${count} of ${all.length} ${incidents}`;
    none.hidden = count > 0;
  }
  function order() {
    list.append(...[...all].sort((a, b) => orders[sort.value](a, b) || orders.opened(a, b)));
  }
  function visible() {
    return every().filter((details) => !details.hidden);
  }
  // a link within the page takes the focus away, so it is no measure of where the reader is
  let current = null;
  function step(by) {
    const rows = visible();
    const at = rows.indexOf(current);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by))];
    if (next) { next.firstElementChild.focus(); next.scrollIntoView({block: "nearest"}); }
  }
  function openFromHash() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.matches("details.inc")) return;
    current = target;
    target.hidden = false;
    target.open = true;
    target.scrollIntoView({block: "start"});
    target.firstElementChild.focus({preventScroll: true});
  }

  for (const details of every())
    details.addEventListener("toggle", () => {
      if (!details.open) return;
      drawAll(details);
      history.replaceState(null, "", "#" + details.id);
    });
  document.addEventListener("focusin", (event) => {
    current = event.target.closest("details.inc") || current;
  });
  let pending = 0;
  window.addEventListener("resize", () => {
    clearTimeout(pending);
    pending = setTimeout(() => every().filter((d) => d.open).forEach(drawAll), 150);
  });
  window.addEventListener("hashchange", openFromHash);
  if (list) {
    find.addEventListener("input", filter);
    sort.addEventListener("change", order);
    if (judged) judged.addEventListener("change", filter);
    document.querySelectorAll("input[name=severity]").forEach((box) => box.addEventListener("change", filter));
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape" && document.activeElement === find) {
        find.value = ""; filter(); find.blur();
        return;
      }
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
      const act = {
        "j": () => step(1), "k": () => step(-1), "/": () => find.focus(),
        "o": () => { if (current) current.open = !current.open; },
      }[event.key];
      if (act) { event.preventDefault(); act(); }
    });
    filter();
  }
  openFromHash();
})();
