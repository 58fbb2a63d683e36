/**
 * The resident chat page: what a resident writes reaches the desk once, in order; what the desk and its people say
 * appears once, in order. It carries on by itself after a broken connection, a reload or a night's sleep.
 *
 * An invite code in its address is sent once, like a message. Where the conversation was erased, the page begins anew.
 *
 * It must never lose or double a message (the id is made here and sent again until the server has taken it), never
 * build markup out of text it was given, never keep photos or the conversation on the device, and never speak to any
 * other host. What it keeps is the visitor's token, the draft and messages not yet taken by the server.
 */

const page = document.body.dataset;
const words = JSON.parse(document.getElementById("texts").textContent);
const [log, welcome, typing, form, field, tray, notice, newer, viewer, connection] =
  ["log", "welcome", "typing", "composer", "field", "tray", "notice", "newer", "viewer", "connection"]
    .map((id) => document.getElementById(id));
const locale = page.language === "zh" ? "zh-CN" : "en-GB";
const embedded = "embedded" in page;
const hasPointer = matchMedia("(hover: hover) and (pointer: fine)").matches; // no on-screen keyboard pops up on focus

const LONGEST = 2000; // characters in a message
const COUNT_FROM = 1800; // the counter shows from here
const WAIT = 25; // seconds a poll may stay open
const BACKOFF = [1, 2, 4, 8, 15]; // seconds
const HOPELESS = [400, 413, 415, 422]; // answers that the same message would get again
const MOST_PHOTOS = 9; // at a time
const HEAVY = 1.5 * 1024 * 1024; // bytes; heavier photos are shrunk
const LONGEST_EDGE = 2048; // pixels of a shrunk photo

const say = (name, value) => (words[name] || "").replace(/\{(n|name)\}/, () => value);

/** An element with its properties ("class", "data-…", "aria-…" and the like as attributes) and children. */
function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

// ── The visitor ──────────────────────────────────────────────────────────────────────────────────────────────────

const memory = new Map(); // stands in where storage is blocked
function kept(store, name) {
  try {
    return window[store].getItem(name);
  } catch {
    return memory.get(store + name) ?? null;
  }
}
function keep(store, name, value) {
  try {
    if (value === "") window[store].removeItem(name);
    else window[store].setItem(name, value);
    return true;
  } catch {
    memory.set(store + name, value);
    return false;
  }
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const newToken = () => hex(crypto.getRandomValues(new Uint8Array(32)));
const mark = `desk-chat-${page.code}`;
const ERASED = "#erased"; // in the address for one reload
const handed = () => /^#t=([A-Za-z0-9_-]{16,200})$/.exec(location.hash)?.[1];

/** The visitor's token and the store it lives in: handed over in the address (this tab only), kept, or new. */
function visitor() {
  const given = handed();
  if (given) {
    history.replaceState(null, "", location.pathname + location.search);
    const lasting = keep("sessionStorage", mark, given);
    return { token: given, store: "sessionStorage", lasting };
  }
  const ofThisTab = kept("sessionStorage", mark);
  if (ofThisTab) return { token: ofThisTab, store: "sessionStorage", lasting: true };
  const ofThisBrowser = kept("localStorage", mark);
  if (ofThisBrowser) return { token: ofThisBrowser, store: "localStorage", lasting: true };
  const fresh = newToken();
  return { token: fresh, store: "localStorage", lasting: keep("localStorage", mark, fresh) };
}

const me = visitor();
// What is kept belongs to this visitor, not to whoever uses the tab next.
const drawer = `${mark}-${me.token.slice(-8)}`;
// Another visitor's link opened in this very tab changes the fragment only: begin again as that visitor.
addEventListener("hashchange", () => handed() && location.reload());
// Where nothing can be stored the token would be lost with the page: the language link carries it along.
if (!me.lasting) document.getElementById("language").hash = `t=${me.token}`;

/** The code of a printed sheet, taken out of the address: a reload must not send it again, nor a neighbour read it there. */
function arrivedWith() {
  const address = new URL(location.href);
  const code = address.searchParams.get("start") || "";
  if (!address.searchParams.has("start")) return "";
  address.searchParams.delete("start");
  history.replaceState(null, "", address);
  return /^[A-Za-z0-9_-]{1,64}$/.test(code) ? code : "";
}

/** The conversation was erased: nothing of it stays here. The page begins again as somebody new, and says so. */
let erased = false;
function beginAnew() {
  erased = true;
  const unheard = unsent.filter((item) => item.state === "waiting" && !item.file).map(({ element, ...item }) => item);
  for (const store of ["localStorage", "sessionStorage"]) {
    for (const name of ["draft", "unsent"]) keep(store, `${drawer}-${name}`, "");
  }
  // Another tab of the same visitor may have been quicker: then its token is the one to go on with.
  if (kept(me.store, mark) === me.token) {
    const token = newToken();
    keep(me.store, mark, token);
    if (unheard.length) keep(me.store, `${mark}-${token.slice(-8)}-unsent`, JSON.stringify(unheard));
  }
  history.replaceState(null, "", `${location.pathname}${location.search}${ERASED}`);
  location.reload();
}

/** A message id. `randomUUID` exists on secure pages only, and an office may try the desk over plain http. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

// ── Speaking to the server ───────────────────────────────────────────────────────────────────────────────────────

const sleepers = new Set();
/** Wait some seconds, or until `wake` finds the connection worth another try; to the end when the server says so. */
function pause(seconds, { toTheEnd = false } = {}) {
  return new Promise((resume) => {
    const rise = () => { clearTimeout(timer); sleepers.delete(rise); resume(); };
    const timer = setTimeout(rise, seconds * 1000);
    if (!toTheEnd) sleepers.add(rise);
  });
}
const wake = () => [...sleepers].forEach((rise) => rise());
const backoff = (failures) => BACKOFF[Math.min(failures, BACKOFF.length) - 1];

/** One request. Returns status, content and "come back in" seconds; throws when no whole answer came. */
async function call(path, { method = "GET", body, type, seconds = 20, stop = new AbortController() } = {}) {
  const timer = setTimeout(() => stop.abort(), seconds * 1000);
  try {
    const headers = { Authorization: `Bearer ${me.token}`, "X-Desk-Language": page.language, ...(type && { "Content-Type": type }) };
    const reply = await fetch(page.base + path, {
      method, body, headers, signal: stop.signal, cache: "no-store", credentials: "omit",
    });
    const isJson = (reply.headers.get("Content-Type") || "").includes("json");
    const content = isJson ? await reply.json() : await reply.blob();
    return { status: reply.status, content, later: Number(reply.headers.get("Retry-After")) || 0 };
  } finally {
    clearTimeout(timer);
  }
}

// ── What is not taken yet ────────────────────────────────────────────────────────────────────────────────────────
// An item: {id, text?, button?, label?, photo?, file?, start?, state, error, again}. States: waiting → taken (202), or refused.
// A taken item stays until the transcript brings it back; a refused one until the resident sends or removes it.

const unsent = [];
const handled = new Set(); // ids this page has had; those of another tab of the same visitor are left alone

function keptUnsent() {
  try {
    return JSON.parse(kept(me.store, `${drawer}-unsent`) || "[]");
  } catch {
    return []; // cut short: nothing of it can be sent
  }
}

function keepUnsent() {
  const ours = unsent.filter((item) => item.state !== "taken" && !item.file).map(({ element, ...item }) => item);
  const list = [...keptUnsent().filter((item) => !handled.has(item.id)), ...ours];
  keep(me.store, `${drawer}-unsent`, list.length ? JSON.stringify(list) : "");
}

function adopt(item) {
  unsent.push(item);
  handled.add(item.id);
  appear(item);
}

function enqueue(item) {
  adopt({ id: newId(), state: "waiting", error: "", again: true, ...item });
  keepUnsent();
  toBottom();
  deliver();
}

function forget(item) {
  unsent.splice(unsent.indexOf(item), 1);
  keepUnsent();
}

/** What an answer means: taken, refused for good, or to be tried again later. */
function verdict(answer, failures) {
  if (!answer || answer.status === 408 || answer.status === 429) return "later";
  if (answer.status < 300) return "taken";
  if (answer.status < 500) return "refused";
  // A message the server stumbles over again and again must not block the next.
  return answer.status === 500 && failures >= 4 ? "refused" : "later";
}

let delivering = false;
/** Sends what waits, one after the other. What the server refuses is set aside; what did not arrive is tried again. */
async function deliver() {
  if (delivering) return;
  delivering = true;
  let failures = 0;
  for (let item; (item = unsent.find((one) => one.state === "waiting")); ) {
    const answer = await hand(item).catch(() => null);
    const found = verdict(answer, failures);
    const sentence = answer?.content?.error || "";
    failures = found === "later" ? failures + 1 : 0;
    if (found === "later") item.error = sentence || say("held");
    else if (found === "taken") item.state = "taken";
    else Object.assign(item, { state: "refused", error: sentence, again: !HOPELESS.includes(answer.status) });
    remark(item);
    keepUnsent();
    if (failures) await pause(answer?.later || backoff(failures), { toTheEnd: answer?.status === 429 });
  }
  delivering = false;
}

/** Hands one item to the server: first its photo, if that is not there yet, then the message itself. */
async function hand(item) {
  if (item.file) {
    const file = await shrink(item.file);
    const answer = await call("/photos", { method: "POST", body: file, type: file.type, seconds: 120 });
    if (answer.status !== 201) return answer;
    item.photo = answer.content.photo;
    delete item.file;
    keepUnsent();
  }
  const { id, text, button, photo, start } = item;
  const body = JSON.stringify({ id, text, button, photo, start, lang: page.language });
  return call("/messages", { method: "POST", type: "application/json", body });
}

addEventListener("beforeunload", (event) => {
  // Words survive a reload, photos not yet uploaded do not.
  if (erased) return;
  if (!tray.children.length && !unsent.some((item) => item.file)) return;
  event.preventDefault();
  event.returnValue = "";
});

// ── The conversation ─────────────────────────────────────────────────────────────────────────────────────────────

const shown = new Set(); // keys
const last = { day: "", from: "", name: "", minute: 0 }; // of the transcript, for headings
let offer = null; // the newest desk message's buttons

/** Puts one message of the transcript in its place. Returns its element, or null for one that was there already. */
function place(message) {
  if (shown.has(message.key)) return null;
  shown.add(message.key);
  const own = message.id ? unsent.find((item) => item.id === message.id) : undefined;
  if (own) {
    Object.assign(own, { state: "taken", settled: true }); // even if its 202 got lost on the way
    forget(own);
  }
  // What the server knows stands above what it does not know yet.
  const below = unsent.find((item) => item.element)?.element ?? typing;
  const article = own?.element ?? draw(message);
  const at = moment(message.at);
  // An element already in its place is not moved, or a screen reader would read it out again.
  const inPlace = own && article.nextElementSibling === below;
  if (at.day !== last.day) log.insertBefore(el("p", { class: "day" }, dayName(at.day)), inPlace ? article : below);
  if (!inPlace) log.insertBefore(article, below);
  if (message.from === "me") settleMark(article, at);
  else if (newHeading(message, at)) article.prepend(heading(message, at));
  Object.assign(last, { day: at.day, from: message.from, name: message.name, minute: at.minute });
  if (message.from === "desk") offerButtons(article, message.buttons || []);
  return article;
}

function placeSafely(message) {
  try {
    return place(message);
  } catch (mistake) {
    console.error(mistake);
    return null;
  }
}

/** Local day and time as the community's clock shows them: the offset in the message is the community's own. */
function moment(at) {
  const [day, time] = [at.slice(0, 10), at.slice(11, 16)];
  return { at, day, time, minute: Date.parse(at) / 60000 };
}

function dayName(day) {
  const now = new Date();
  const [year, month, date] = day.split("-").map(Number);
  if (year === now.getFullYear() && month === now.getMonth() + 1 && date === now.getDate()) return say("today");
  const shape = { month: "long", day: "numeric", weekday: "long", timeZone: "UTC" };
  if (year !== now.getFullYear()) shape.year = "numeric";
  return new Intl.DateTimeFormat(locale, shape).format(Date.UTC(year, month - 1, date));
}

const newHeading = (message, at) => message.urgent || message.from !== last.from || message.name !== last.name
  || at.day !== last.day || at.minute - last.minute > 5;

function speaker(message) {
  if (message.from === "me") return say("me");
  if (message.from === "desk") return say("desk");
  return message.name ? `${message.name} ${say("staff")}` : say("staff");
}

function heading(message, at) {
  return el("p", { class: "who" }, icon(message.from === "staff" ? "person" : "desk"),
    el("span", {}, speaker(message)), el("time", { datetime: at.at }, at.time));
}

function draw(message) {
  const bubble = el("div", { class: "bubble" });
  if (message.urgent) bubble.append(el("p", { class: "urgent-title" }, icon("alert"), say("urgent")));
  for (const reference of message.photos || []) bubble.append(photoOf(reference, message.from === "me"));
  if (message.text) {
    const text = message.from === "me" ? [message.text] : linked(message.text);
    bubble.append(el("p", { class: "words" }, el("span", { class: "away" }, `${speaker(message)}: `), ...text));
  }
  const kind = `message ${message.from}${message.urgent ? " urgent" : ""}`;
  return el("article", { class: kind, "data-key": message.key }, bubble);
}

const quoted = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const LINKS = new RegExp([...(page.dutyPhone ? [quoted(page.dutyPhone)] : []),
  "https://[^\\s<>\"'，。；！？、（）《》“”]+", "\\d[\\d-]*\\d"].join("|"), "g");
const SHORT_NUMBER = /^(110|119|120|122|12345|12356)$/;
const LONG_NUMBER = /^(1[3-9]\d{9}|0\d{2,3}-?\d{7,8}|[48]00-?\d{3,4}-?\d{3,4})$/;
// 110 before a unit is an amount or a place, and a part of a ticket number is no number at all.
const UNIT = /^(\w|[.,/]\d|\s*([元块号栋幢座室房楼层米平个户台件年月日天分秒度%℃]|yuan\b|RMB\b))/;
const JOINED = /[\w\-./#¥￥]$/;

const canBeCalled = (number, before, after) => number === page.dutyPhone
  || ((SHORT_NUMBER.test(number) || LONG_NUMBER.test(number)) && !JOINED.test(before) && !UNIT.test(after));

/** Text as a list of strings and links: addresses on https and numbers one can call. */
function linked(text) {
  const parts = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(LINKS)) {
    const web = found.startsWith("https:");
    const label = web ? found.replace(/[.,;:!?)\]}]+$/, "") : found;
    if (!web && !canBeCalled(found, text.slice(0, index), text.slice(index + found.length))) continue;
    const target = web
      ? { href: label, target: "_blank", rel: "noopener noreferrer" }
      : { href: `tel:${label.replace(/[^\d+*#-]/g, "")}` };
    parts.push(text.slice(from, index), el("a", target, label));
    from = index + label.length;
  }
  return [...parts, text.slice(from)];
}

/** Buttons under the newest desk message; those under the one before become plain words. */
function offerButtons(article, buttons) {
  retireOffer();
  if (!buttons.length) return;
  const list = el("div", { class: "choices", role: "group", "aria-label": say("choices"), "aria-live": "off" });
  for (const { label, value } of buttons) {
    const press = () => {
      retireOffer();
      enqueue({ button: value, label });
    };
    list.append(el("button", { type: "button", onclick: press }, label));
  }
  article.append(list);
  offer = { list, labels: buttons.map(({ label }) => label) };
}

function retireOffer() {
  if (!offer) return;
  const hadFocus = offer.list.contains(document.activeElement);
  offer.list.removeAttribute("role");
  offer.list.removeAttribute("aria-label");
  offer.list.className = "choices-past";
  offer.list.replaceChildren(say("choices_past") + offer.labels.join(" · "));
  offer = null;
  if (hadFocus) returnFocus();
}

/** Where the reader goes on when what had the focus is gone. */
const returnFocus = () => (hasPointer ? field : log).focus({ preventScroll: true });

// ── Own messages before the transcript has them ──────────────────────────────────────────────────────────────────

function appear(item) {
  welcome.hidden = true;
  const bubble = el("div", { class: "bubble" });
  if (item.file) {
    const picture = el("img", { src: URL.createObjectURL(item.file), alt: say("photo_mine") });
    bubble.append(el("div", { class: "photo" }, enlargeable(picture)));
  } else if (item.photo) bubble.append(photoOf(item.photo, true));
  const text = item.label || item.text;
  if (text) bubble.append(el("p", { class: "words" }, el("span", { class: "away" }, `${say("me")}: `), text));
  item.element = el("article", { class: "message me" }, bubble, el("div", { class: "mark", "aria-live": "off" }));
  log.insertBefore(item.element, typing);
  remark(item);
}

/** Says under an own message how it stands, with "send again" and "remove" where there is something to decide. */
function remark(item) {
  const line = item.element.querySelector(".mark");
  if (item.settled) return;
  if (item.state === "taken") return settleMark(item.element);
  const refused = item.state === "refused";
  const state = `${item.state} ${item.error}`;
  if (line.dataset.state === state) return; // nothing new: not said again, and the focus stays on the button
  line.dataset.state = state;
  const troubled = refused || Boolean(item.error);
  item.element.classList.toggle("troubled", troubled);
  line.setAttribute("aria-live", troubled ? "polite" : "off");
  if (!troubled) return line.replaceChildren(icon("clock"), el("span", {}, say("sending")));
  const again = () => {
    Object.assign(item, { state: "waiting", error: "" });
    remark(item);
    returnFocus();
    wake();
    deliver();
  };
  const remove = () => {
    item.element.remove();
    forget(item);
    returnFocus();
  };
  const colon = page.language === "zh" ? "：" : ": ";
  const sentence = refused ? [say("refused"), item.error].filter(Boolean).join(colon) : item.error;
  line.replaceChildren(icon("alert"), el("span", {}, sentence));
  if (item.again) line.append(el("button", { type: "button", onclick: again }, say("retry")));
  if (refused) line.append(el("button", { type: "button", onclick: remove }, say("remove")));
}

function settleMark(article, at) {
  article.classList.remove("troubled");
  let line = article.querySelector(".mark");
  if (!line) article.append((line = el("div", { class: "mark" })));
  line.setAttribute("aria-live", "off");
  const time = at ? el("time", { datetime: at.at }, at.time) : null;
  line.replaceChildren(...[time, icon("tick"), el("span", { class: "away" }, say("sent"))].filter(Boolean));
}

// ── Photos ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** A heavy photo as a JPEG of at most LONGEST_EDGE pixels; as it is when light, or when the browser cannot read it. */
async function shrink(file) {
  if (file.size <= HEAVY) return file;
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST_EDGE / Math.max(picture.width, picture.height));
    const canvas = el("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    const paper = canvas.getContext("2d");
    paper.fillStyle = "#fff"; // JPEG has no transparency
    paper.fillRect(0, 0, canvas.width, canvas.height);
    paper.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    const light = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    return light && light.size < file.size ? light : file;
  } catch {
    return file; // the server has the last word on what a picture is
  }
}

/** A photo of the conversation: it needs the visitor's token, so it is fetched and shown from memory. */
function photoOf(reference, mine) {
  const alt = say(mine ? "photo_mine" : "photo_theirs");
  const box = el("div", { class: "photo" });
  const load = async () => {
    box.replaceChildren(el("span", { class: "photo-wait" }, say("photo_loading")));
    try {
      const { status, content } = await call(`/photos/${encodeURIComponent(reference)}`, { seconds: 60 });
      if (status !== 200) throw new Error(String(status));
      const picture = el("img", { src: URL.createObjectURL(content), alt });
      await picture.decode();
      box.replaceChildren(enlargeable(picture));
    } catch {
      box.replaceChildren(el("button", { type: "button", class: "photo-wait", onclick: load }, say("photo_failed")));
    }
  };
  load();
  return box;
}

const enlargeable = (picture) =>
  el("button", { type: "button", "aria-haspopup": "dialog", onclick: () => enlarge(picture) }, picture);

function enlarge(picture) {
  if (!viewer.showModal) return window.open(picture.src);
  const large = document.getElementById("viewer-photo");
  large.src = picture.src;
  large.alt = picture.alt;
  viewer.setAttribute("aria-label", picture.alt);
  viewer.showModal();
}
viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());

const chosen = []; // photos in the tray: {file, address}
function choose(files) {
  const photos = [...files].filter((file) => file.type.startsWith("image/"));
  const room = MOST_PHOTOS - chosen.length;
  const tooMany = photos.length > room ? say("photo_limit", MOST_PHOTOS) : "";
  notice.textContent = photos.length < files.length ? say("photo_only") : tooMany;
  for (const file of photos.slice(0, room)) chosen.push({ file, address: URL.createObjectURL(file) });
  layTray();
}

function layTray() {
  tray.hidden = chosen.length === 0;
  tray.replaceChildren(...chosen.map((photo, index) => {
    const remove = () => {
      chosen.splice(index, 1);
      URL.revokeObjectURL(photo.address);
      layTray();
      (tray.querySelector("button") ?? field).focus();
    };
    return el("li", {}, el("img", { src: photo.address, alt: "" }),
      el("button", { type: "button", "aria-label": say("photo_remove", index + 1), onclick: remove }, icon("close")));
  }));
}

// ── The composer ─────────────────────────────────────────────────────────────────────────────────────────────────

const count = (text) => [...text].length; // as the server counts: an emoji is one

function measure() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  const spare = LONGEST - count(field.value.trim());
  const counter = document.getElementById("left");
  counter.hidden = spare > LONGEST - COUNT_FROM;
  counter.textContent = spare < 0 ? say("over", -spare) : say("left", spare);
  counter.classList.toggle("over", spare < 0);
  counter.setAttribute("aria-live", spare < 0 ? "polite" : "off"); // counting down aloud would be a nuisance
  field.setAttribute("aria-invalid", String(spare < 0));
  keep("sessionStorage", `${drawer}-draft`, field.value); // a reload or a change of language keeps it
}

function submit() {
  const text = field.value.trim();
  if (count(text) > LONGEST) return field.focus(); // the counter says why
  const photos = chosen.splice(0);
  layTray();
  notice.textContent = "";
  // The words go with the first photo, so that the desk hears both as one thing said.
  photos.forEach((photo, index) => enqueue({ file: photo.file, text: (index === 0 && text) || undefined }));
  if (text && !photos.length) enqueue({ text });
  field.value = "";
  measure();
  field.focus();
}

form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
field.addEventListener("input", () => { notice.textContent = ""; measure(); });
field.addEventListener("keydown", (event) => {
  // While an input method is composing, Enter picks a candidate (some browsers tell so only by 229).
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  submit();
});
field.addEventListener("paste", (event) => {
  if (!event.clipboardData?.files.length || event.clipboardData.getData("text/plain")) return;
  event.preventDefault();
  choose(event.clipboardData.files);
});
const picker = document.getElementById("photos");
document.getElementById("add-photo").addEventListener("click", () => picker.click());
picker.addEventListener("change", () => { choose(picker.files); picker.value = ""; field.focus(); });
document.getElementById("starters").addEventListener("click", (event) => {
  if (!event.target.matches("button")) return;
  enqueue({ text: event.target.textContent });
  returnFocus();
});

// ── Scrolling: the reader's place is the reader's ────────────────────────────────────────────────────────────────

let following = true;
let unseen = 0;
const depth = () => log.scrollHeight - log.clientHeight;
const toBottom = () => { following = true; log.scrollTop = depth(); };

log.addEventListener("scroll", () => {
  following = depth() - log.scrollTop < 48;
  if (following) countUnseen(0);
}, { passive: true });
// A photo that arrives, a growing composer or an on-screen keyboard must not push the newest message out of view.
const steady = new ResizeObserver(() => following && toBottom());
[log, form].forEach((part) => steady.observe(part));
new MutationObserver(() => following && toBottom())
  .observe(log, { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden"] });

function countUnseen(number) {
  unseen = number;
  newer.hidden = !unseen;
  if (unseen) newer.lastElementChild.textContent = say("new_messages", unseen);
}
newer.addEventListener("click", () => { log.focus({ preventScroll: true }); toBottom(); countUnseen(0); });

/** After live messages: stay at the bottom, but never scroll past the beginning of what is new. */
function bringIntoView(articles) {
  if (!articles.length) return;
  if (!following) return countUnseen(unseen + articles.filter((one) => !one.classList.contains("me")).length);
  const start = articles[0].offsetTop - 12;
  toBottom();
  if (start >= depth()) return;
  following = false;
  log.scrollTop = start;
}

// ── Keeping the connection ───────────────────────────────────────────────────────────────────────────────────────

let cursor = "";
let isTyping = false;
let poll = new AbortController();
let leaving = false;
let hurry = false; // the network is back: do not wait
let person = ""; // who has the conversation, once that person has spoken
let quiet; // timer that takes the "connected again" line away

function tellConnection(name, sentence = name && say(name)) {
  if (connection.dataset.state === (name || "") && connection.textContent === sentence) return;
  clearTimeout(quiet);
  connection.dataset.state = name || "";
  connection.firstElementChild.textContent = sentence;
  if (name === "connected") quiet = setTimeout(() => tellConnection(""), 2500);
}

function tellPerson(present) {
  const line = document.getElementById("with-person");
  if (!present) person = "";
  const sentence = !present ? "" : person ? say("human_named", person) : say("human");
  line.hidden = !present;
  if (line.lastElementChild.textContent !== sentence) line.lastElementChild.textContent = sentence;
}

function take({ messages, cursor: next, typing: nowTyping, mode }) {
  const first = log.getAttribute("aria-busy") === "true";
  // A danger interrupts a screen reader; everything else waits for its turn; the history is not read out at all.
  if (!first) log.setAttribute("aria-live", messages.some((one) => one.urgent) ? "assertive" : "polite");
  const articles = messages.map(placeSafely).filter(Boolean);
  cursor = next;
  isTyping = nowTyping;
  typing.hidden = !isTyping;
  for (const { from, name } of messages) {
    if (from === "staff") person = name;
    else if (from === "desk" && first) person = ""; // in the history: that person had gone again
  }
  tellPerson(mode === "human");
  if (first) {
    document.getElementById("loading").hidden = true;
    welcome.hidden = shown.size + unsent.length > 0;
    log.setAttribute("aria-busy", "false");
    log.setAttribute("aria-live", "polite");
    toBottom();
    if (!welcome.hidden) { following = false; log.scrollTop = 0; }
    else bringIntoView(articles.slice(-1));
  } else bringIntoView(articles);
  const theirs = articles.filter((one) => !one.classList.contains("me")).length;
  if (!first && theirs) tellOutside(theirs);
  return articles.length > 0;
}

/** Hears the desk for as long as the page is open. A message that cannot be shown must not end that. */
async function listen() {
  let failures = 0;
  let wait = 0;
  for (;;) {
    const began = Date.now();
    hurry = false;
    poll = new AbortController();
    const asked = { after: cursor, wait, typing: Number(isTyping), lang: page.language };
    const path = `/messages?${new URLSearchParams(asked)}`;
    const answer = await call(path, { seconds: wait + 10, stop: poll }).catch(() => null); // broken, torn or given up
    if (answer?.status === 200) {
      if (answer.content.forgotten) return beginAnew();
      const typed = isTyping;
      const news = take(answer.content);
      if (["reconnecting", "offline"].includes(connection.dataset.state)) { tellConnection("connected"); wake(); }
      failures = 0;
      wait = WAIT;
      // An answer at once with nothing in it must not become a storm of questions.
      if (!news && typed === isTyping && asked.wait && Date.now() - began < 500) await pause(1);
      continue;
    }
    const refused = answer && answer.status < 500 ? answer.content?.error : undefined;
    if (answer?.status === 400) cursor = ""; // a cursor of before a restore: read again, doubles drop out
    wait = 0; // after trouble first hear quickly whether all is well
    if (hurry) continue;
    failures += 1;
    if (!leaving) tellConnection(navigator.onLine ? "reconnecting" : "offline", refused);
    await pause(answer?.later || backoff(failures), { toTheEnd: answer?.status === 429 });
  }
}

function startAfresh() { // a poll opened on the old network may hang: give it up
  hurry = true;
  poll.abort();
  wake();
}
addEventListener("online", startAfresh);
addEventListener("offline", () => tellConnection("offline"));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  document.title = document.title.replace(/^\(\d+\) /, "");
  wake();
});
addEventListener("pagehide", () => { leaving = true; });
addEventListener("pageshow", (event) => { leaving = false; if (event.persisted) startAfresh(); });

/** Tells of news where the page itself is not seen: in its title, and to the site that frames it. */
function tellOutside(number) {
  if (document.hidden) {
    const before = Number(/^\((\d+)\) /.exec(document.title)?.[1] || 0);
    document.title = `(${before + number}) ${document.title.replace(/^\(\d+\) /, "")}`;
  }
  if (embedded) parent.postMessage({ desk: "news" }, "*"); // says nothing but that there is something
}

// ── Inside another site (embed.js) ───────────────────────────────────────────────────────────────────────────────

if (embedded && parent !== window) {
  const button = document.getElementById("close-frame");
  const close = () => parent.postMessage({ desk: "close" }, "*");
  button.addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && !viewer.open) close();
  });
  addEventListener("message", (event) => {
    if (event.source !== parent) return;
    if (event.data?.desk === "framed") button.hidden = false;
    if (event.data?.desk === "opened") (hasPointer ? field : log).focus();
  });
}

// ── Begin ────────────────────────────────────────────────────────────────────────────────────────────────────────

// iOS lays its keyboard over the page instead of making the page smaller; others do not need this.
visualViewport?.addEventListener("resize", () => {
  if (visualViewport.scale === 1) document.documentElement.style.setProperty("--seen", `${visualViewport.height}px`);
});

document.getElementById("loading").hidden = false;
const danger = document.getElementById("welcome-danger");
danger.replaceChildren(...linked(danger.textContent));
field.value = kept("sessionStorage", `${drawer}-draft`) || "";
measure();
keptUnsent().forEach(adopt);
if (location.hash === ERASED) {
  history.replaceState(null, "", location.pathname + location.search);
  log.prepend(el("p", { class: "quiet", id: "erased", role: "status" }, say("forgotten")));
}
const code = arrivedWith();
if (code) enqueue({ start: code, label: say("arrived") });
if (hasPointer && !embedded) field.focus();
listen();
deliver();
