// What all pages share: drawing in place by text alone, so that no markup in a name can run, exact decimals, and
// whether the dashboard itself can be reached.
(function () {
  "use strict";
  const RETRY_MS = 2000;

  function node(tag, className, parent, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    if (parent) parent.appendChild(made);
    return made;
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function set(id, props) {
    if (document.getElementById(id) || props.data !== undefined) window.dash_clientside.set_props(id, props);
  }

  // --- decimals as whole numbers of units: 1.25 with 3 places is 1250n ---

  function units(text, places) {
    const cleaned = String(text || "").trim().replace(",", ".");
    if (!/^\d*\.?\d*$/.test(cleaned) || !/\d/.test(cleaned)) return null;
    const [whole, part = ""] = cleaned.split(".");
    return BigInt((whole || "0") + (part + "0".repeat(places)).slice(0, places));
  }

  function decimal(value, places) {
    const digits = String(value < 0n ? -value : value).padStart(places + 1, "0");
    const text = places ? digits.slice(0, -places) + "." + digits.slice(-places) : digits;
    return (value < 0n ? "-" : "") + text;
  }

  // Fields tell a moment later what was typed; whoever types fast and presses Enter means what is seen.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.inputMode !== "decimal") return;
    for (const field of document.querySelectorAll("input[inputmode=decimal]")) set(field.id, { value: field.value });
  }, true);

  function isDark() {
    return document.documentElement.getAttribute("data-mantine-color-scheme") === "dark";
  }

  // --- the dashboard itself ---

  const connection = { isLost: false, text: "" };

  function drawLinks() {
    const root = document.getElementById("links");
    if (!root) return;
    const text = connection.isLost ? "The dashboard does not answer: what you see is old. This page goes on by itself."
      : connection.text;
    say(root, text);
    root.classList.toggle("away", Boolean(text));
    document.body.classList.toggle("is-away", Boolean(text));
  }

  function links(text) {
    connection.text = text || "";
    drawLinks();
    return window.dash_clientside.no_update;
  }

  async function reloadWhenBack() {
    try {
      if ((await fetch("/sign-in", { cache: "no-store" })).ok) return window.location.reload();
    } catch (_away) { /* It is tried again. */ }
    setTimeout(reloadWhenBack, RETRY_MS);
  }

  function heard(message) {
    if (!message || !message.type) return;
    if (message.type === "disconnected") {
      connection.isLost = true;
    } else if (message.type === "connected") {
      if (connection.isLost) set("connection", { data: Date.now() });
      connection.isLost = false;
    } else if (message.type === "error" && connection.isLost) {
      reloadWhenBack();
    } else {
      return;
    }
    drawLinks();
  }

  // Pages share a worker and its WebSocket by name. A WebSocket keeps the cookie it was opened with, so each page has
  // one of its own: nobody who signs in hears what was told to whoever was signed in before.
  const Shared = window.SharedWorker;
  window.SharedWorker = class extends Shared {
    constructor(url, options) {
      super(url, { ...options, name: "page " + crypto.getRandomValues(new Uint32Array(4)).join("-") });
      this.port.addEventListener("message", (event) => heard(event.data));
    }
  };

  window.mockx = { node, say, set, units, decimal, isDark };
  // The first callback would define what says that nothing changes; scripts of pages name it before.
  const words = { no_update: { description: "no update" }, PreventUpdate: { description: "prevent update" } };
  window.dash_clientside = Object.assign(words, window.dash_clientside, { base: { links } });
})();
