// What the pages gain where there is JavaScript: keys, tabs, copying, and fragments that refresh themselves.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const tell = (words) => { const told = document.getElementById("told"); if (told) told.textContent = words; };
  const writes = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;

  // Sections become tabs; the arrow keys move between them, and a refresh keeps the one that is open.
  let tabsMade = 0;
  const makeTabs = (within) => all("[data-tabs]", within).forEach((box) => {
    if (box.querySelector(":scope > [role=tablist]")) return;
    const sections = all(":scope > [data-tab]", box);
    const list = document.createElement("div");
    list.className = "choices";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", box.dataset.tabs);
    const buttons = sections.map((section) => {
      const button = document.createElement("button");
      section.id = section.id || `tab-${++tabsMade}`;
      button.type = "button";
      button.id = `${section.id}-of`;
      button.textContent = section.dataset.tab;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", section.id);
      section.setAttribute("role", "tabpanel");
      section.setAttribute("aria-labelledby", button.id);
      list.append(button);
      return button;
    });
    const show = (index) => {
      sections.forEach((section, i) => { section.hidden = i !== index; });
      buttons.forEach((button, i) => {
        button.setAttribute("aria-selected", String(i === index));
        button.tabIndex = i === index ? 0 : -1;
      });
    };
    buttons.forEach((button, i) => {
      button.addEventListener("click", () => show(i));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const next = (i + step + buttons.length) % buttons.length;
        show(next);
        buttons[next].focus();
      });
    });
    box.prepend(list);
    show(0);
  });

  // <section data-refresh="/console/live/fragment?..." data-every="5">: fetched again while somebody looks.
  const refresh = (box) => {
    let pause = box.querySelector("[data-soon]") ? 700 : Number(box.dataset.every || 5) * 1000;
    let timer = null;
    const soon = () => { clearTimeout(timer); if (!document.hidden) timer = setTimeout(once, pause); };
    const once = async () => {
      try {
        const answer = await fetch(box.dataset.refresh, { headers: { "x-fragment": "1" }, signal: AbortSignal.timeout(15000) });
        if (answer.status === 401 || answer.redirected) { location.reload(); return; }
        if (!answer.ok) throw new Error(String(answer.status));
        const text = await answer.text();
        if (text !== box.said && !box.contains(document.getSelection().isCollapsed ? null : document.getSelection().anchorNode)) {
          put(box, text);
        }
        box.classList.remove("stale");
        pause = box.querySelector("[data-soon]") ? 700 : Number(box.dataset.every || 5) * 1000;
      } catch {
        box.classList.add("stale");
        pause = Math.min(pause * 2, 60000);
      }
      soon();
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : once()));
    soon();
  };
  const put = (box, text) => {
    const open = all("details[id][open]", box).map((one) => one.id);
    const focused = box.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = all(".scroll", box).map((one) => one.scrollLeft);
    box.said = text;
    box.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    open.forEach((id) => { const one = document.getElementById(id); if (one) one.open = true; });
    all(".scroll", box).forEach((one, i) => { one.scrollLeft = scrolled[i] || 0; });
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    dress(box);
  };

  // Moments say how far away they are.
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
  const sayAgo = () => all("time[data-ago]").forEach((one) => {
    const seconds = (new Date(one.dateTime) - Date.now()) / 1000;
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) || units[3];
    const said = words.format(Math.round(seconds / size), unit);
    if (one.textContent !== said) one.textContent = said;
  });

  // Rows: j and k move, Enter opens the first link.
  let at = null;
  const move = (step) => {
    const rows = all("[data-rows] tr");
    if (!rows.length) return;
    const from = rows.indexOf(at);
    at?.classList.remove("at");
    at = rows[Math.max(0, Math.min(rows.length - 1, from + step))];
    at.classList.add("at");
    at.scrollIntoView({ block: "nearest" });
    (at.querySelector("a") || at).focus({ preventScroll: true });
  };

  let goes = 0;
  const awaits = (on) => { clearTimeout(goes); root.classList.toggle("awaits", on); if (on) goes = setTimeout(() => awaits(false), 1500); };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const form = event.target.closest("form");
      if (form?.matches("[data-keys]")) { event.preventDefault(); form.requestSubmit(); }
      return;
    }
    if (event.key === "Escape") { awaits(false); if (writes(event.target)) event.target.blur(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || writes(event.target) || document.querySelector("dialog[open]")) return;
    if (root.classList.contains("awaits")) {
      awaits(false);
      const link = all("[data-go]").find((one) => one.dataset.go === event.key.toLowerCase());
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (event.key === "g") { awaits(true); return; }
    if (event.key === "j" || event.key === "k") { event.preventDefault(); move(event.key === "j" ? 1 : -1); return; }
    if (event.key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) { event.preventDefault(); search.focus(); search.select?.(); }
      return;
    }
    if (event.key === "?") { event.preventDefault(); document.getElementById("help")?.showModal(); }
  });

  document.addEventListener("click", async (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
    if (event.target instanceof HTMLDialogElement) event.target.close();
    const copier = event.target.closest("[data-copy]");
    if (copier) {
      try {
        await navigator.clipboard.writeText(copier.parentElement.querySelector("pre, code, input").textContent);
        tell("Copied.");
        copier.classList.add("done");
      } catch { tell("The browser did not let it be copied."); }
    }
  });
  // A form goes off once.
  document.addEventListener("submit", (event) => {
    if (event.target.method === "dialog") return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "1";
    all("button:not([type=button])", event.target).forEach((one) => one.setAttribute("aria-busy", "true"));
  });
  addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));

  const dress = (within) => { makeTabs(within); sayAgo(); };
  dress(document);
  setInterval(() => { if (!document.hidden) sayAgo(); }, 10000);
  all("[data-refresh]").forEach(refresh);
})();
