// Draws what the server writes into the market page's stores, in place: no element is made anew while prices stream,
// so nothing jumps. What is of another symbol than the chosen one is not drawn.
(function () {
  "use strict";
  const LEVELS = 25, TAPE = 40;
  const { node, say, set } = window.mockx;
  const none = window.dash_clientside.no_update;

  function decimals(text) {
    const point = text.indexOf(".");
    return point < 0 ? 0 : text.length - point - 1;
  }

  function clock(ms) {
    return new Date(ms).toLocaleTimeString([], { hour12: false });
  }

  // --- the chosen symbol ---

  function choose(symbols, chosen, wanted) {
    if (!symbols || !symbols.rows.length) return [none, none];
    const names = symbols.rows.map((row) => row.value);
    const asked = (wanted || "").toUpperCase().replace("-", "/");
    return [symbols.rows, names.includes(chosen) ? none : names.includes(asked) ? asked : names[0]];
  }

  function switched(symbol) {
    if (!symbol) return none;
    const address = "?symbol=" + encodeURIComponent(symbol.replace("/", "-"));
    if (window.location.search !== address) window.history.replaceState(window.history.state, "", address);
    for (const draw of [() => drawBook([], [], {}), () => drawTape([]), () => drawHead({}, {}, "", symbol)]) draw();
    return "Cancel " + symbol;
  }

  function option({ option }) {
    const make = window.React.createElement;
    const change = Number(option.change || 0);
    return make("div", { className: "option" },
      make("span", null, option.label),
      make("span", { className: "number" }, option.last || ""),
      make("span", { className: "number " + (change < 0 ? "sell" : "buy") },
        option.change ? (change > 0 ? "+" : "") + change.toFixed(2) + " %" : ""));
  }

  // --- the order book ---

  function makeLadder(root) {
    root.replaceChildren();
    const head = node("div", "level heading", root);
    for (const name of ["Price", "Amount", "Sum"]) node("span", "", head, name);
    const rows = { asks: [], bids: [] };
    for (const side of ["asks", "bids"]) {
      const part = node("div", "side " + side, root);
      for (let k = 0; k < LEVELS; k++) {
        const row = node("button", "level " + side, part);
        row.type = "button";
        row.tabIndex = -1;
        row.append(node("i", "bar"), node("span", "price"), node("span"), node("span"));
        row.addEventListener("click", () => {
          if (row.dataset.price) set("price", { value: row.dataset.price });
        });
        rows[side].push(row);
      }
      if (side === "asks") root.middle = node("div", "middle", root);
    }
    root.rows = rows;
  }

  function drawSide(rows, levels, own, most) {
    let sum = 0;
    const sums = levels.map(([, quantity]) => (sum += Number(quantity)));
    rows.forEach((row, k) => {
      const level = levels[k], [bar, price, quantity, total] = row.children;
      const mine = Boolean(level && own && own.has(level[0]));
      row.dataset.price = level ? level[0] : "";
      row.disabled = !level;
      row.classList.toggle("own", mine);
      row.title = mine ? "You have an order at this price" : "";
      row.setAttribute("aria-label", level ? level[1] + " at " + level[0] + (mine ? ", your order is here" : "") : "");
      say(price, level ? level[0] : "");
      say(quantity, level ? level[1] : "");
      say(total, level ? sums[k].toFixed(decimals(level[1])) : "");
      bar.style.transform = "scaleX(" + (level && most ? Math.min(sums[k] / most, 1) : 0) + ")";
    });
  }

  function drawBook(bids, asks, mine) {
    const root = document.getElementById("ladder");
    if (!root) return;
    if (!root.rows) makeLadder(root);
    const [nearBids, nearAsks] = [bids.slice(0, LEVELS), asks.slice(0, LEVELS)];
    const total = (levels) => levels.reduce((sum, level) => sum + Number(level[1]), 0);
    const most = Math.max(total(nearBids), total(nearAsks));
    drawSide(root.rows.asks, nearAsks, mine.sell, most);
    drawSide(root.rows.bids, nearBids, mine.buy, most);
    const [bid, ask] = [bids[0], asks[0]];
    const spread = bid && ask ? (Number(ask[0]) - Number(bid[0])).toFixed(decimals(ask[0])) : "–";
    say(root.middle, "spread " + spread);
  }

  function book(live, own, symbol) {
    if (!live || live.symbol !== symbol) return none;
    const mine = { buy: new Set(), sell: new Set() };
    for (const order of (own && own.orders) || []) {
      if (order.symbol === symbol && order.limit_price) mine[order.side].add(order.limit_price);
    }
    drawBook(live.bids, live.asks, mine);
    return none;
  }

  // --- the tape ---

  function drawTape(trades) {
    const root = document.getElementById("tape");
    if (!root) return;
    if (!root.rows) {
      const head = node("div", "trade heading", root);
      for (const name of ["Price", "Amount", "Time"]) node("span", "", head, name);
      root.rows = Array.from({ length: TAPE }, () => {
        const row = node("div", "trade", root);
        for (let k = 0; k < 3; k++) node("span", "", row);
        return row;
      });
    }
    root.rows.forEach((row, k) => {
      const trade = trades[k];
      row.className = "trade " + (trade ? trade.side : "") + (trade && !trade.outside ? " account" : "");
      const texts = trade ? [trade.price, trade.quantity, clock(trade.time)] : ["", "", ""];
      texts.forEach((text, part) => say(row.children[part], text));
    });
  }

  function tape(live, symbol) {
    if (live && live.symbol === symbol) drawTape(live.trades);
    return none;
  }

  // --- the line of figures ---

  function drawHead(ticker, day, state, symbol) {
    const root = document.getElementById("head");
    if (!root) return;
    if (!root.figures) {
      root.figures = {};
      for (const name of ["Last", "24h change", "24h high", "24h low", "24h volume", "Market"]) {
        const pair = node("div", "figure", root);
        node("span", "quiet", pair, name);
        root.figures[name] = node("b", name === "Last" ? "last" : "", pair);
      }
    }
    const change = day.change_percent ? Number(day.change_percent) : null;
    const volume = day.quote_volume ? Number(day.quote_volume).toLocaleString("en", { maximumFractionDigits: 0 }) : "–";
    const figures = {
      "Last": ticker.last || "–",
      "24h change": change === null ? "–" : (change > 0 ? "+" : "") + change.toFixed(2) + " %",
      "24h high": day.high || "–",
      "24h low": day.low || "–",
      "24h volume": volume + (day.quote_volume ? " " + symbol.split("/")[1] : ""),
      "Market": state || "–",
    };
    for (const [name, text] of Object.entries(figures)) say(root.figures[name], text);
    root.figures["24h change"].className = change === null ? "" : change < 0 ? "sell" : "buy";
    root.figures["Market"].className = state === "live" || state === "accounts only" ? "buy" : "sell";
    document.title = (ticker.last ? ticker.last + " " : "") + symbol + " · MockExchange";
  }

  function head(live, symbol, instrument, symbols) {
    if (!live || live.symbol !== symbol) return none;
    const ticker = live.ticker || {}, hasFeed = !instrument || instrument.symbol !== symbol || instrument.feed;
    const state = symbols && symbols.maintenance ? "under maintenance" : ticker.overridden ? "price set by hand"
      : !hasFeed ? "accounts only" : ticker.stale ? "feed is silent" : ticker.symbol ? "live" : "";
    drawHead(ticker, live.statistics || {}, state, symbol);
    return none;
  }

  // --- own orders ---

  function headOrders(root) {
    const heading = node("div", "order-heading", root);
    for (const [name, kind] of [["Symbol"], ["Side"], ["Type"], ["Price", "number"], ["Filled", "number"]]) {
      node("span", kind, heading, name);
    }
    return heading;
  }

  function makeOrder(order) {
    const row = node("div", "order");
    row.dataset.order = order.id;
    row.cells = ["symbol", "side", "type", "number", "number"].map((name) => node("span", name, row));
    row.buttons = ["Amend", "Cancel"].map((name) => {
      const button = node("button", "small", row, name);
      button.type = "button";
      button.setAttribute("aria-label", name + " order " + order.id);
      button.addEventListener("click", () => {
        const data = { action: name.toLowerCase(), id: row.order.id, amount: row.order.amount, at: Date.now() };
        set("click", { data });
      });
      return button;
    });
    return row;
  }

  function drawOrder(row, order) {
    row.order = order;
    row.className = "order " + order.side;
    const type = order.type.replaceAll("_", " ") + (order.list_id ? ", one cancels other" : "");
    const price = (order.limit_price || "market") + (order.stop_price ? " stop " + order.stop_price : "");
    const filled = order.actual_filled + " / " + (order.amount || order.quote_amount);
    [order.symbol, order.side, type, price, filled].forEach((text, k) => say(row.cells[k], text));
    row.buttons[0].disabled = !order.amount || Boolean(order.list_id);
  }

  function own(live) {
    const root = document.getElementById("open-orders");
    if (!root || !live) return none;
    if (live.over) {
      window.location.reload();
      return none;
    }
    root.rows = root.rows || new Map();
    const orders = live.known ? live.orders : [];
    const ids = new Set(orders.map((order) => order.id));
    for (const [id, row] of root.rows) {
      if (!ids.has(id)) {
        row.remove();
        root.rows.delete(id);
      }
    }
    root.heading = root.heading || headOrders(root);
    root.heading.hidden = !orders.length;
    root.note = root.note || node("p", "quiet", root);
    say(root.note, live.known ? (orders.length ? "" : "No open orders.") : live.text);
    let before = root.note;
    for (const order of orders) {
      if (!root.rows.has(order.id)) root.rows.set(order.id, makeOrder(order));
      const row = root.rows.get(order.id);
      drawOrder(row, order);
      if (before.nextSibling !== row) before.after(row);
      before = row;
    }
    return none;
  }

  window.dashMantineFunctions = Object.assign(window.dashMantineFunctions || {}, { symbolOption: option });
  Object.assign(window.dash_clientside, { market: { choose, switched, book, tape, head, own } });
})();
