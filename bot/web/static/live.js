// Keeps an open desk page true: waits for a change, fetches the page again and puts in what differs. It must never
// throw away what somebody is writing, move the page under a finger, or be needed: without it a reload does the same.
(() => {
  "use strict";
  const bar = document.getElementById("live");
  if (!bar || document.body.dataset.version === undefined) return;
  const [words, login] = [bar.querySelector("span"), bar.querySelector("a")];
  const POLL = "/desk/changes?since=";
  const WAIT = 2000, LONGEST = 60000; // milliseconds between tries after an error, doubled up to the longest
  const QUIET = 3; // empty answers (25 s each) after which "20 minutes left" is worth reading again
  // A form that was refused is answered under its own address, which cannot be read again: the page names its own.
  const page = document.querySelector('link[rel="canonical"]')?.href || location.href;
  const url = new URL(location.href);
  if (url.searchParams.has("said")) { // said once, not again at a reload
    url.searchParams.delete("said");
    history.replaceState(null, "", url);
  }
  let version = document.body.dataset.version;
  let leaving = new AbortController();
  let hiding = 0;

  // What the server last sent for each live part, so that an opened <details> or a typed letter is not a difference.
  const sent = new Map();
  const parts = (root) => [...root.querySelectorAll("[data-live][id]")];
  const plain = (part) => part.outerHTML.replace(/(name="once" value=")[^"]*/g, "$1"); // new with every page, tells nothing
  for (const part of parts(document)) sent.set(part.id, plain(part));

  function tell(which, stay) {
    clearTimeout(hiding);
    words.textContent = bar.dataset[which];
    login.hidden = which !== "login";
    bar.classList.add("on");
    if (!stay) hiding = setTimeout(hush, 3000);
  }
  function hush() {
    bar.classList.remove("on");
    words.textContent = "";
  }

  function unsaved(part) {
    return [...part.querySelectorAll("input, textarea, select")].some((field) => {
      if (field.type === "hidden") return false;
      if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
      if (field.type === "file") return field.files.length > 0;
      if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
      const start = Math.max(0, [...field.options].findIndex((option) => option.defaultSelected));
      return field.selectedIndex !== start;
    });
  }

  function swap(old, fresh) {
    const open = new Set([...old.querySelectorAll("details[open]")].map((one) => one.id || one.className));
    for (const one of fresh.querySelectorAll("details")) if (open.has(one.id || one.className)) one.open = true;
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const mark = focused && [focused.id, focused.getAttribute("href"), focused.textContent].join("|");
    if (old.dataset.live === "log") merge(old, fresh);
    else old.replaceWith(fresh);
    if (!focused || focused.isConnected) return;
    const same = [...document.getElementById(old.id).querySelectorAll("a, button, summary, input, select, textarea")].find(
      (one) => [one.id, one.getAttribute("href"), one.textContent].join("|") === mark,
    );
    (same || document.getElementById("main")).focus({ preventScroll: true });
  }

  // A log is read out as it grows: only what is new or changed may be put in.
  function merge(old, fresh) {
    const keep = new Set([...fresh.children].map((line) => line.id));
    for (const line of [...old.children]) if (!keep.has(line.id) && !unsaved(line)) line.remove();
    [...fresh.children].forEach((line, index) => {
      const known = line.id && document.getElementById(line.id);
      if (known && (known.outerHTML === line.outerHTML || unsaved(known))) return;
      if (known) known.replaceWith(line.cloneNode(true));
      else old.insertBefore(line.cloneNode(true), old.children[index] || null);
    });
  }

  async function renew(silent) {
    const answer = await fetch(page, { redirect: "manual", cache: "no-store", signal: leaving.signal, headers: { Accept: "text/html" } });
    if (answer.type === "opaqueredirect" || answer.status === 401) throw new LoggedOut();
    if (!answer.ok) throw new Error(String(answer.status));
    const newer = new DOMParser().parseFromString(await answer.text(), "text/html");
    let changed = false, kept = false;
    for (const fresh of parts(newer)) {
      const old = document.getElementById(fresh.id);
      const html = plain(fresh);
      if (!old || sent.get(fresh.id) === html) continue;
      if (old.dataset.live !== "log" && unsaved(old)) { kept = true; continue; }
      swap(old, document.adoptNode(fresh));
      sent.set(fresh.id, html);
      changed = true;
    }
    document.title = newer.title;
    if (silent) return;
    if (kept) tell("kept");
    else if (changed) tell("updated");
  }

  class LoggedOut extends Error {}
  const pause = (time) => new Promise((go) => setTimeout(go, time));

  async function watch() {
    let wait = WAIT, quiet = 0, lost = false;
    const mine = leaving;
    while (!mine.signal.aborted) {
      try {
        const answer = await fetch(POLL + encodeURIComponent(version), { redirect: "manual", signal: mine.signal });
        if (answer.type === "opaqueredirect" || answer.status === 401) throw new LoggedOut();
        if (answer.status !== 200 && answer.status !== 204) throw new Error(String(answer.status));
        if (answer.status === 200) {
          const heard = (await answer.json()).v;
          await renew(false);
          version = heard; // the page was built after it: what came later is heard next time
          quiet = 0;
        } else if (++quiet >= QUIET || lost) {
          await renew(true);
          quiet = 0;
        }
        if (lost) hush();
        wait = WAIT;
        lost = false;
      } catch (error) {
        if (mine.signal.aborted) return;
        if (error instanceof LoggedOut) return tell("login", true);
        lost = true;
        tell("lost", true);
        await pause(wait * (0.75 + Math.random() / 2));
        wait = Math.min(wait * 2, LONGEST);
      }
    }
  }

  addEventListener("pagehide", () => leaving.abort());
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    leaving = new AbortController();
    watch();
  });
  // Ctrl+Enter (Cmd+Enter) sends what is being written.
  addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.tagName !== "TEXTAREA") return;
    event.target.form?.requestSubmit();
  });
  watch();
})();
