// Draws what the parts of the exchange say of themselves, in place; rows are added only as parts are.
(function () {
  "use strict";
  const { node, say } = window.mockx;
  const none = window.dash_clientside.no_update;

  function bytes(count) {
    if (count === null || count === undefined) return "–";
    const units = ["B", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (count >= 1000 && unit < units.length - 1) { count /= 1000; unit++; }
    return count.toFixed(unit ? 1 : 0) + " " + units[unit];
  }

  function speed(number) {
    return number >= 100 ? Math.round(number).toLocaleString("en") : number.toFixed(1);
  }

  function whole(number) {
    return number === null || number === undefined ? "–" : number.toLocaleString("en");
  }

  function age(since) {
    if (!since) return "–";
    const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
    if (seconds < 60) return seconds + " s";
    if (seconds < 3600) return Math.floor(seconds / 60) + " min";
    return Math.floor(seconds / 3600) + " h " + Math.floor((seconds % 3600) / 60) + " min";
  }

  function clock(ms) {
    return new Date(ms).toLocaleString("sv");
  }

  // Fills a table of these columns with rows of texts; the first text names a row.
  function fill(id, columns, rows, empty) {
    const root = document.getElementById(id);
    if (!root) return;
    if (!root.body) {
      const table = node("table", "", root), head = node("tr", "", node("thead", "", table));
      for (const name of columns) node("th", "", head, name).scope = "col";
      root.body = node("tbody", "", table);
      root.nothing = node("p", "quiet nothing", root, empty || "");
    }
    root.nothing.hidden = rows.length > 0 || !empty;
    while (root.body.children.length > rows.length) root.body.lastChild.remove();
    rows.forEach((texts, k) => {
      const row = root.body.children[k] || node("tr", "", root.body);
      texts.forEach((text, place) => say(row.children[place] || node("td", "", row), text));
      row.dataset.name = texts[0];
      row.dataset.state = texts[1];
    });
  }

  function health(live) {
    const root = document.getElementById("health");
    if (!root || !live) return none;
    root.parentElement.classList.toggle("ailing", live.ailing.length > 0);
    say(root, live.ailing.length ? "Not all is well: " + live.ailing.join("; ") + "." : "All is well.");
    return none;
  }

  const SPEEDS = [["orders", "orders/s"], ["commands", "commands/s"], ["ticks", "ticks/s"], ["records", "journal records/s"]];

  function speeds(live) {
    const root = document.getElementById("speeds");
    if (!root.figures) {
      root.figures = SPEEDS.map(([, name]) => {
        const panel = node("div", "panel speed", root), figure = node("strong", "", panel, "0");
        node("span", "quiet", panel, name);
        return figure;
      });
    }
    SPEEDS.forEach(([key], k) => say(root.figures[k], speed(live.speeds[key])));
  }

  function draw(live) {
    const root = document.getElementById("whole");
    if (!root || !live) return none;
    root.hidden = false;
    speeds(live);
    fill("books", ["Symbol", "State", "Restarts", "Up", "Open", "Orders/s", "Ticks/s", "Feed", "Memory", "Process"],
      live.books.map((book) => [book.symbol, book.state, whole(book.restarts), age(book.since), whole(book["open orders"]),
        speed(book.orders), speed(book.ticks), book.feed || "–", bytes(book.memory), String(book.pid || "–")]));
    fill("parts", ["Part", "State", "Restarts", "Up", "Lag", "Memory", "Process"],
      live.parts.map((part) => [part.name, part.detail ? part.state + ": " + part.detail : part.state, whole(part.restarts),
        age(part.since), part.lag === null || part.lag === undefined ? "–" : whole(part.lag), bytes(part.memory), String(part.pid || "–")]));
    fill("routes", ["Route", "Requests/s", "p50 ms", "p90 ms", "p99 ms"],
      live.routes.map(([route, rate, ...times]) => [route, speed(rate), ...times.map((time) => time.toFixed(1))]), "No requests.");
    const journal = live.servers.journal || {}, valkey = live.servers.valkey || {};
    fill("servers", ["Server", "State", "Holds", "Size", ""], [
      ["Journal (NATS)", journal.state || "not asked yet", whole(journal.records) + " records", bytes(journal.bytes),
        journal.max_bytes ? "of " + bytes(journal.max_bytes) : "no limit"],
      ["Read model (Valkey)", valkey.state || "not asked yet", whole(valkey.keys) + " keys", bytes(valkey.memory),
        whole(valkey.clients) + " clients, " + whole(valkey.commands_per_second) + " commands/s"],
    ]);
    fill("refusals", ["Time", "Why", "Symbol", "Account", "By", ""],
      live.refusals.map((row) => [clock(row.time), row.reason, row.symbol || "–", row.account ? String(row.account) : "–", row.by,
        row.detail || ""]), "Nothing was refused lately.");
    return none;
  }

  Object.assign(window.dash_clientside, { system: { health, whole: draw } });
})();
