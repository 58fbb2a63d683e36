/**
 * Puts the resident chat of a management office on the office's own site: a round button at the bottom right that opens
 * the chat page in a frame. One line, on any page:
 *
 *   <script src="https://desk.example/chat/embed.js" data-community="YH" data-lang="zh" async></script>
 *
 * data-community  the community's code; required        data-lang  zh or en; left out, the language of the page
 *
 * If the site has a Content-Security-Policy it must allow the desk's address in script-src and in frame-src; nothing
 * more, for there is no style sheet: styles are set property by property, in a shadow root that the site's own style
 * sheets do not reach. It must never read the site's page or tell the site what is said in the frame.
 */
(() => {
  "use strict";
  const script = document.currentScript;
  const community = script?.dataset.community;
  if (!community) {
    console.warn("The chat button needs data-community, the community's code.");
    return;
  }
  const asked = script.dataset.lang || document.documentElement.lang;
  const language = /^zh/i.test(asked || "zh") ? "zh" : "en";
  // The only words outside the chat page; this script stands on sites that know nothing of the desk's texts.
  const words = {
    zh: { title: "在线客服", open: "打开在线客服", close: "关闭在线客服", news: "打开在线客服，有新消息" },
    en: {
      title: "Service chat", open: "Open the service chat", close: "Close the service chat",
      news: "Open the service chat: new messages",
    },
  }[language];
  const address = new URL(`/chat/${encodeURIComponent(community)}?embed=1&lang=${language}`, script.src);
  const FRONT = "2147483000"; // above whatever the site puts in front

  const style = (element, rules) => {
    for (const [name, value] of Object.entries(rules)) element.style.setProperty(name, value, "important");
  };
  const drawing = (path) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    svg.append(line);
    style(svg, {
      width: "28px", height: "28px", fill: "none", stroke: "#fff", "stroke-width": "1.8",
      "stroke-linecap": "round", "stroke-linejoin": "round",
    });
    return svg;
  };

  const host = document.createElement("div");
  style(host, {
    all: "initial", position: "fixed", right: "0", bottom: "0", width: "0", height: "0", "z-index": FRONT,
  });
  const root = host.attachShadow({ mode: "closed" });
  const panel = document.createElement("div");
  const button = document.createElement("button");
  const dot = document.createElement("span");
  const speech = drawing("M4.5 5.5h15a1 1 0 0 1 1 1v9.5a1 1 0 0 1-1 1H12l-4.5 3.5V17h-3a1 1 0 0 1-1-1V6.5a1 1 0 0 1 1-1zM8 10h8M8 13h5");
  const cross = drawing("m6 6 12 12M18 6 6 18");
  let frame = null;
  let open = false;
  let news = false;

  button.type = "button";
  button.append(speech, cross, dot);
  style(button, {
    all: "initial", position: "fixed", right: "20px", bottom: "20px", width: "60px", height: "60px",
    display: "grid", "place-items": "center", "box-sizing": "border-box", border: "2px solid #fff",
    "border-radius": "50%", background: "#0b5d57", cursor: "pointer", "box-shadow": "0 2px 12px rgb(0 0 0 / 30%)",
  });
  style(dot, {
    position: "absolute", top: "-2px", right: "-2px", width: "16px", height: "16px", "box-sizing": "border-box",
    "border-radius": "50%", border: "2px solid #fff", background: "#b3261e",
  });
  button.addEventListener("focus", () => {
    style(button, { outline: button.matches(":focus-visible") ? "3px solid #0b5d57" : "none", "outline-offset": "3px" });
  });
  button.addEventListener("blur", () => style(button, { outline: "none" }));

  const tellFrame = (what) => frame?.contentWindow?.postMessage({ desk: what }, address.origin);

  function show() {
    const small = innerWidth < 520 || innerHeight < 480;
    style(panel, small
      ? { all: "initial", position: "fixed", inset: "0", width: "auto", height: "auto" }
      : {
        all: "initial", position: "fixed", inset: "auto 20px 92px auto", width: "400px",
        height: "min(680px, calc(100vh - 112px))", overflow: "hidden",
        "border-radius": "16px", border: "1px solid #778784", "box-shadow": "0 8px 32px rgb(0 0 0 / 25%)",
      });
    style(panel, { display: open ? "block" : "none" });
    // On a phone the frame fills the screen and brings its own way to close it.
    style(button, { display: open && small ? "none" : "grid" });
    style(speech, { display: open ? "none" : "block" });
    style(cross, { display: open ? "block" : "none" });
    style(dot, { display: news && !open ? "block" : "none" });
    button.setAttribute("aria-expanded", String(open));
    button.setAttribute("aria-label", open ? words.close : news ? words.news : words.open);
    button.title = words.title;
  }

  function turn(toOpen) {
    open = toOpen;
    if (open) news = false;
    if (open && !frame) {
      frame = document.createElement("iframe");
      frame.title = words.title;
      frame.src = address.href;
      style(frame, { all: "initial", display: "block", width: "100%", height: "100%", border: "0" });
      // Also after a change of language inside the frame.
      frame.addEventListener("load", () => { tellFrame("framed"); if (open) tellFrame("opened"); });
      panel.append(frame);
    }
    show();
    if (open) { frame.focus(); tellFrame("opened"); } else button.focus();
  }

  button.addEventListener("click", () => turn(!open));
  addEventListener("resize", show);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && open) turn(false); });
  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== address.origin) return;
    if (event.data?.desk === "close" && open) turn(false);
    if (event.data?.desk === "news" && !open) { news = true; show(); }
  });

  show();
  // The button stands before the frame for readers who go through the page by keyboard.
  root.append(button, panel);
  const stand = () => document.body.append(host);
  if (document.body) stand(); else addEventListener("DOMContentLoaded", stand);
})();
