// Draws curves, asks for the page again when the server says that something was stored, and marks what this browser has
// not seen at its last visit. Nothing here makes HTML.
(() => {
  "use strict";
  const plots = new Map();

  const whole = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6];
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function draw(figure) {
    const given = figure.dataset.curve;
    const place = figure.querySelector(".plot");
    const width = place.clientWidth;
    const before = plots.get(figure);
    if (before && before.given === given && before.width === width) return;
    if (before) before.plot.destroy();
    const it = JSON.parse(given);
    if (!it.x.length || !width) return;
    const level = (value) => it.x.map(() => value);
    const axis = { stroke: ink("--soft"), grid: { stroke: ink("--line") }, ticks: { stroke: ink("--line") } };
    const exact = (_, value) => (value == null ? "" : String(value));
    const series = [{ label: "calls", value: exact }];
    series.push({
      label: it.label, stroke: ink("--good"), width: 2, value: exact,
      paths: uPlot.paths.stepped({ align: 1 }), points: { show: it.x.length < 60, size: 6 },
    });
    for (const [name] of it.levels) {
      series.push({ label: name, stroke: ink("--refused"), width: 1, dash: [6, 4], value: exact, points: { show: false } });
    }
    const data = [it.x, it.y, ...it.levels.map(([, value]) => level(value))];
    const options = { width, height: 230, series, axes: [{ ...axis, label: "model calls", labelSize: 20, incrs: whole }, axis], scales: { x: { time: false } } };
    plots.set(figure, { given, width, plot: new uPlot(options, data, place) });
  }

  function drawAll() {
    for (const [figure, { plot }] of plots) if (!figure.isConnected) { plot.destroy(); plots.delete(figure); }
    document.querySelectorAll("figure[data-curve]").forEach(draw);
  }

  // What was seen of this page lies in this browser alone: numbers, and which parts of a long page were looked at.
  // A visit lasts until the page is left or hidden.
  const ours = "gristmill seen ", most = 20000;
  const about = ours + location.pathname + " " + (new URLSearchParams(location.search).get("id") || "");
  const known = new Set(), parts = new Set();
  try {
    const kept = JSON.parse(localStorage.getItem(about));
    for (const each of kept.seen) known.add(each);
    for (const each of kept.parts) parts.add(each);
  } catch { /* never here, or the browser keeps nothing */ }

  function digest(text) {
    let sum = 0x811c9dc5;
    for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
    return sum >>> 0;
  }

  function mark() {
    const before = parts.has(location.search);
    for (const element of document.querySelectorAll("[data-mark]")) {
      const link = element.querySelector("a");
      if (!link) continue;
      const name = link.querySelector("b"), next = link.nextElementSibling;
      const there = name ? name.querySelector(".new") : next && next.matches(".new") ? next : null;
      const fresh = before && !known.has(digest(element.dataset.mark));
      if (there && !fresh) there.remove();
      if (there || !fresh) continue;
      const sign = document.createElement("span");
      sign.className = "tag new";
      sign.textContent = "new";
      if (name) name.append(" ", sign); else link.after(" ", sign);
    }
  }

  function leave() {
    for (const element of document.querySelectorAll("[data-mark]")) {
      const sum = digest(element.dataset.mark);
      known.delete(sum);
      known.add(sum);
    }
    parts.add(location.search);
    try {
      localStorage.setItem(about, JSON.stringify({ seen: [...known].slice(-most), parts: [...parts] }));
    } catch {
      // Full: what was seen of other pages is let go.
      try { for (const key of Object.keys(localStorage)) if (key.startsWith(ours)) localStorage.removeItem(key); } catch { /* it keeps nothing */ }
    }
  }

  let source = null, waiting = null, asked = 0, calm = 0;

  // Looking must not slow what is looked at: a page that is long in the making rests twenty times as long, so that a
  // tab takes at most a twentieth of the server, and of this browser.
  const rests = 20, longest = 30000;

  function refresh() {
    waiting = null;
    asked = performance.now();
    const main = document.getElementById("main");
    if (main) htmx.trigger(main, "stored");
  }

  function listen() {
    const main = document.getElementById("main");
    const where = main && main.dataset.live;
    if (!where || source) return;
    const status = document.getElementById("live");
    source = new EventSource(where);
    source.addEventListener("stored", (event) => {
      // The first one tells what was missed: while the page was made, after a break, or while the tab was hidden.
      status.textContent = "live";
      const shown = document.getElementById("main").dataset.upto;
      if (shown === event.data || waiting !== null) return;
      waiting = setTimeout(refresh, Math.max(150, calm - performance.now()));
    });
    source.onerror = () => { status.textContent = "not live: the server does not answer; it is asked again"; };
  }

  // A browser keeps six connections to a host: hidden tabs give theirs back.
  function visible() {
    if (document.hidden) { leave(); if (source) { source.close(); source = null; } } else { mark(); listen(); }
  }

  document.addEventListener("visibilitychange", visible);
  document.addEventListener("htmx:after:swap", () => {
    drawAll();
    mark();
    const now = performance.now();
    if (asked) calm = now + Math.min(rests * (now - asked), longest);
    asked = 0;
  });
  window.addEventListener("resize", drawAll);
  window.addEventListener("pagehide", () => { leave(); if (source) { source.close(); source = null; } });
  window.addEventListener("pageshow", (event) => { if (event.persisted) { visible(); refresh(); } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const { plot } of plots.values()) plot.destroy();
    plots.clear();
    drawAll();
  });
  drawAll();
  visible();
})();
