// Draws the blotter in place: rows are made once and only their texts change, and every text goes in as text.
(function () {
  "use strict";
  const PAGE = 50;
  const { node, say, set } = window.mockx;
  const none = window.dash_clientside.no_update;
  const NAMES = {
    new: "New", partially_filled: "Filled in part", filled: "Filled", canceled: "Canceled",
    partially_canceled: "Part, canceled", rejected: "Rejected", limit: "Limit", market: "Market", stop_loss: "Stop",
    stop_loss_limit: "Stop limit", take_profit: "Take profit", take_profit_limit: "Take profit limit",
    buy: "Buy", sell: "Sell",
  };
  const COLUMNS = ["Time", "Symbol", "Side", "Type", "Price", "Average", "Amount", "Filled", "Notional", "Fee", "Status"];

  function when(ms) {
    const at = new Date(ms), two = (number) => String(number).padStart(2, "0");
    return at.getFullYear() + "-" + two(at.getMonth() + 1) + "-" + two(at.getDate()) + " " + two(at.getHours()) + ":" +
      two(at.getMinutes()) + ":" + two(at.getSeconds()) + "." + String(at.getMilliseconds()).padStart(3, "0");
  }

  // --- what is asked for ---

  function time(text) {
    return text ? new Date(text.replace(" ", "T")).getTime() : 0;
  }

  function ask(status, side, kind, market, from, to, account, older, newer, newest, asked, live) {
    const button = window.dash_clientside.callback_context.triggered_id;
    const query = { status, side, kind, market, account, start: time(from), end: time(to) };
    const before = asked ? asked.cursors : [0];
    let cursors = [0];
    if (button === "older" && live && live.cursor) cursors = before.concat([live.cursor]);
    else if (button === "older") return none;
    else if (button === "newer") cursors = before.length > 1 ? before.slice(0, -1) : before;
    return Object.assign(query, { cursors, cursor: cursors[cursors.length - 1], number: (asked ? asked.number : 0) + 1 });
  }

  // --- the list ---

  // Asked for again, an order is shown again, too.
  function show(row) {
    set("detail-asked", { data: { id: row.dataset.id, at: Date.now() } });
  }

  function makeBlotter(root) {
    root.replaceChildren();
    const table = node("table", "", root), head = node("tr", "", node("thead", "", table));
    for (const name of COLUMNS) node("th", "", head, name).scope = "col";
    const body = node("tbody", "", table);
    root.nothing = node("p", "quiet nothing", root);
    root.rows = Array.from({ length: PAGE }, () => {
      const row = node("tr", "", body);
      row.tabIndex = 0;
      row.hidden = true;
      COLUMNS.forEach(() => node("td", "", row));
      row.date = node("span", "date", row.children[0]);
      row.clock = node("span", "", row.children[0]);
      row.part = node("span", "date", row.children[0]);
      row.bar = node("i", "bar", row.children[7]);
      row.filled = node("span", "", row.children[7]);
      row.addEventListener("click", () => show(row));
      row.addEventListener("keydown", (event) => onKey(event, row));
      return row;
    });
  }

  function onKey(event, row) {
    const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
    if (event.key === "Enter" || event.key === " ") show(row);
    else if (next && !next.hidden) next.focus();
    else return;
    event.preventDefault();
  }

  function drawRow(row, order) {
    row.hidden = !order;
    if (!order) return;
    row.dataset.id = order.id;
    row.className = "is-" + order.side + " is-" + order.status;
    row.setAttribute("aria-label", "Order " + order.id + ", " + NAMES[order.side] + " " + order.symbol + ", " + NAMES[order.status]);
    const price = order.stop_price ? "at " + order.stop_price : order.limit_price || "market";
    const amount = order.amount || (order.quote_amount ? order.quote_amount + " " + order.notion_currency : "–");
    const texts = [null, order.symbol, NAMES[order.side], NAMES[order.type], price, order.average || "–",
      amount, null, order.actual_notion, Number(order.actual_fee) ? order.actual_fee + " " + order.fee_currency : "–",
      NAMES[order.status]];
    texts.forEach((text, k) => { if (text !== null) say(row.children[k], text); });
    const [date, clock] = when(order.ts_create).split(" ");
    say(row.date, date + " ");
    say(row.clock, clock.slice(0, 8));
    say(row.part, clock.slice(8));
    say(row.filled, order.actual_filled);
    const part = Number(order.amount) ? Number(order.actual_filled) / Number(order.amount) : order.status === "filled" ? 1 : 0;
    row.bar.style.transform = "scaleX(" + Math.min(part, 1) + ")";
    row.children[10].title = order.comment || "";
  }

  function blotter(live) {
    const root = document.getElementById("blotter");
    if (!root || !live) return none;
    if (!root.rows) makeBlotter(root);
    root.rows.forEach((row, k) => drawRow(row, live.rows[k]));
    const cursors = live.asked ? live.asked.cursors : [0], first = cursors.length === 1;
    root.nothing.hidden = live.rows.length > 0;
    say(root.nothing, live.said || (live.cursor ? "None here so far: search further back." : "No orders."));
    set("newest", { disabled: first, children: live.newer ? "Newest (" + live.newer + " new)" : "Newest" });
    set("newer", { disabled: first });
    set("older", { disabled: !live.cursor, children: live.rows.length < PAGE && live.cursor ? "Search further" : "Older" });
    const place = document.getElementById("page-number");
    if (place) say(place, live.said && live.rows.length ? live.said : "Page " + cursors.length + (first ? ", live" : ""));
    root.dataset.number = live.asked ? live.asked.number : 0;
    return none;
  }

  // --- what all orders come to ---

  const FIGURES = [["notional", "Notional"], ["count", "Orders that traded"], ["average", "Average size"], ["fees", "Fees paid"],
    ["capital churn", "Capital churn", "× / day"], ["equity churn", "Equity churn", "× / day"], ["order churn", "Order churn", "/ h"],
    ["fee burn", "Fee burn", "% / day"]];
  const MEANINGS = {
    "capital churn": "Notional traded by capital paid in, a day", "equity churn": "Notional traded by equity, a day",
    "order churn": "Orders that traded, an hour, since the first", "fee burn": "Fees by equity, a day",
  };

  function makeFigures(root) {
    const table = node("table", "", root), head = node("tr", "", node("thead", "", table));
    node("th", "", head);
    root.names = [0, 1, 2].map(() => Object.assign(node("th", "", head), { scope: "col" }));
    const body = node("tbody", "", table);
    root.units = [];
    root.cells = FIGURES.map(([key, name, unit]) => {
      const row = node("tr", "", body), title = node("th", "", row, name + " ");
      root.units.push(node("span", "unit", title, unit || ""));
      title.scope = "row";
      title.title = MEANINGS[key] || "";
      return [0, 1, 2].map(() => node("td", "", row));
    });
    root.note = node("p", "quiet", root);
  }

  function figures(live) {
    const root = document.getElementById("figures");
    if (!root || !live) return none;
    if (!root.cells) makeFigures(root);
    if (root.account !== live.account) root.cells.flat().forEach((cell) => say(cell, ""));
    root.account = live.account;
    if (live.columns) live.columns.forEach((column, k) => {
      say(root.names[k], column.name);
      FIGURES.forEach(([key], row) => {
        if (key === "notional" || key === "average" || key === "fees") say(root.units[row], live.cash);
        say(root.cells[row][k], column[key]);
      });
    });
    const since = live.first ? " since " + when(live.first).slice(0, 16) : "";
    const unpriced = live.unpriced && live.unpriced.length ? " Not counted, for want of a price: " + live.unpriced.join(", ") + "." : "";
    say(root.note, live.said || live.count.toLocaleString("en") + " orders in all" + since + "." + unpriced);
    return none;
  }

  // --- one order ---

  function open(asked) {
    return Boolean(asked && asked.id);
  }

  const FACTS = [["status", "Status"], ["type", "Type"], ["limit_price", "Limit price"], ["stop_price", "Stop price"],
    ["average", "Average price"], ["amount", "Amount"], ["actual_filled", "Filled"], ["remaining", "Remaining"],
    ["actual_notion", "Notional", "notion_currency"], ["actual_fee", "Fee", "fee_currency"],
    ["hold_left", "Still held", "hold_currency"], ["time_in_force", "Time in force"], ["client_order_id", "Client order id"],
    ["list_id", "List"], ["replaces", "Replaces"]];

  function story(live, opened, asked) {
    const root = document.getElementById("story"), cancel = document.getElementById("cancel-row");
    if (!root || !cancel) return none;
    if (!live || !asked || live.id !== asked.id) {
      root.replaceChildren();
      cancel.style.display = "none";
      return none;
    }
    cancel.style.display = live.is_open ? "" : "none";
    root.replaceChildren();
    if (live.said) {
      node("p", "", root, live.said);
      return none;
    }
    const order = live.order;
    node("h2", order.side, root, NAMES[order.side] + " " + order.symbol);
    node("p", "quiet", root, "Order " + order.id + ", " + when(order.ts_create));
    const facts = node("dl", "facts", root);
    for (const [key, name, unit] of FACTS) {
      if (order[key] === null || order[key] === undefined) continue;
      node("dt", "", facts, name);
      node("dd", "", facts, (NAMES[order[key]] || order[key]) + (unit ? " " + order[unit] : ""));
    }
    node("h3", "", root, "What happened");
    const list = node("ol", "story", root);
    for (const step of live.steps) {
      const item = node("li", "", list), line = node("div", "line", item);
      node("strong", "", line, step.name);
      node("span", "took", line, step.took);
      node("time", "quiet", item, when(step.time));
      for (const text of step.details) node("div", "", item, text);
    }
    if (live.whole) node("p", "quiet", root, (live.is_open ? "So far: " : "From start to end: ") + live.whole);
    return none;
  }

  Object.assign(window.dash_clientside, { orders: { ask, blotter, figures, open, story } });
})();
