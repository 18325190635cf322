// Draws what the server writes into the page's stores, in place: no element is made anew while prices stream,
// so nothing jumps, and every text goes in as text, so that no markup in a name can run.
(function () {
  "use strict";
  const LEVELS = 14, TAPE = 30;
  const none = window.dash_clientside ? window.dash_clientside.no_update : undefined;

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

  function decimals(text) {
    const point = text.indexOf(".");
    return point < 0 ? 0 : text.length - point - 1;
  }

  function short(text, places) {
    return text === null || text === undefined ? "–" : Number(text).toFixed(places);
  }

  function clock(ms) {
    return new Date(ms).toLocaleTimeString([], { hour12: false });
  }

  // --- the order book ---

  function makeLadder(root) {
    root.replaceChildren();
    const head = node("div", "level heading", root);
    for (const name of ["Price", "Amount", "Sum"]) node("span", "", head, name);
    const rows = { asks: [], bids: [] };
    for (const side of ["asks", "bids"]) {
      for (let k = 0; k < LEVELS; k++) {
        const row = node("button", "level " + side, root);
        row.type = "button";
        row.append(node("i", "bar"), node("span", "price"), node("span"), node("span"));
        row.addEventListener("click", () => {
          if (row.dataset.price) window.dash_clientside.set_props("price", { value: row.dataset.price });
        });
        rows[side].push(row);
      }
      if (side === "asks") root.middle = node("div", "middle", root);
    }
    root.rows = rows;
  }

  function drawSide(rows, levels, own, most) {
    let sum = 0;
    levels = levels.slice(0, LEVELS);
    const sums = levels.map(([, quantity]) => (sum += Number(quantity)));
    rows.forEach((row, k) => {
      const level = levels[k], [bar, price, quantity, total] = row.children;
      row.dataset.price = level ? level[0] : "";
      row.disabled = !level;
      row.classList.toggle("own", Boolean(level && own.has(level[0])));
      row.setAttribute("aria-label", level ? level[1] + " at " + level[0] : "");
      say(price, level ? level[0] : "");
      say(quantity, level ? level[1] : "");
      say(total, level ? sums[k].toFixed(decimals(level[1])) : "");
      bar.style.transform = "scaleX(" + (level && most ? Math.min(sums[k] / most, 1) : 0) + ")";
    });
  }

  function book(live, own, symbol) {
    const root = document.getElementById("ladder");
    if (!root || !live || live.symbol !== symbol) return none;
    if (!root.rows) makeLadder(root);
    const mine = { buy: new Set(), sell: new Set() };
    for (const order of (own && own.orders) || []) {
      if (order.symbol === symbol && order.limit_price) mine[order.side].add(order.limit_price);
    }
    const total = (levels) => levels.slice(0, LEVELS).reduce((sum, level) => sum + Number(level[1]), 0);
    const most = Math.max(total(live.bids), total(live.asks));
    drawSide(root.rows.asks.slice().reverse(), live.asks, mine.sell, most);
    drawSide(root.rows.bids, live.bids, mine.buy, most);
    const bid = live.bids[0], ask = live.asks[0];
    say(root.middle, bid && ask ? "spread " + (Number(ask[0]) - Number(bid[0])).toFixed(decimals(ask[0])) : "no spread");
    return none;
  }

  // --- the tape ---

  function tape(live, symbol) {
    const root = document.getElementById("tape");
    if (!root || !live || live.symbol !== symbol) return none;
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
      const trade = live.trades[k];
      row.className = "trade " + (trade ? trade.side : "");
      row.classList.toggle("account", Boolean(trade && !trade.outside));
      const texts = trade ? [trade.price, trade.quantity, clock(trade.time)] : ["", "", ""];
      texts.forEach((text, part) => say(row.children[part], text));
    });
    return none;
  }

  // --- the line of figures ---

  function head(live, symbol) {
    const root = document.getElementById("head");
    if (!root || !live || live.symbol !== symbol) return none;
    if (!root.figures) {
      root.figures = {};
      for (const name of ["Last", "24h change", "24h high", "24h low", "24h volume", "Market"]) {
        const pair = node("div", "figure", root);
        node("span", "quiet", pair, name);
        root.figures[name] = node("b", name === "Last" ? "last" : "", pair);
      }
    }
    const day = live.statistics || {}, ticker = live.ticker || {};
    const change = Number(day.change_percent || 0);
    const state = ticker.overridden ? "price set by hand" : ticker.stale ? "feed is silent" : "live";
    const figures = {
      "Last": ticker.last || ticker.bid || "–",
      "24h change": (change > 0 ? "+" : "") + change.toFixed(2) + " %",
      "24h high": day.high || "–",
      "24h low": day.low || "–",
      "24h volume": day.quote_volume ? Number(day.quote_volume).toLocaleString([], { maximumFractionDigits: 0 }) : "–",
      "Market": state,
    };
    for (const [name, text] of Object.entries(figures)) say(root.figures[name], text);
    root.figures["24h change"].className = change < 0 ? "sell" : "buy";
    root.figures["Market"].className = state === "live" ? "buy" : "sell";
    document.title = figures["Last"] + " " + symbol + " · MockExchange";
    return none;
  }

  // --- own orders ---

  function own(live) {
    const root = document.getElementById("open-orders");
    if (!root || !live) return none;
    if (!live.known) {
      root.replaceChildren(node("p", "quiet", null, live.text));
      return none;
    }
    const rows = live.orders.map((order) => {
      const row = node("div", "order " + order.side);
      row.dataset.order = order.id;
      const price = order.limit_price || "market";
      const what = [order.symbol, order.side, order.type.replaceAll("_", " "), price];
      if (order.stop_price) what.push("stop " + order.stop_price);
      what.push(order.actual_filled + " / " + (order.amount || order.quote_amount));
      what.forEach((text) => node("span", "", row, text));
      for (const action of ["amend", "cancel"]) {
        const button = node("button", "small", row, action === "amend" ? "Amend" : "Cancel");
        button.type = "button";
        button.setAttribute("aria-label", action + " order " + order.id);
        button.addEventListener("click", () => {
          const data = { action: action, id: order.id, amount: order.amount, at: Date.now() };
          window.dash_clientside.set_props("click", { data: data });
        });
      }
      return row;
    });
    root.replaceChildren(...(rows.length ? rows : [node("p", "quiet", null, "No open orders.")]));
    return none;
  }

  // --- order entry ---

  function preview(side, type, price, amount, stop, live, account, instrument) {
    const quantity = Number(amount), lines = [];
    if (!instrument) return "";
    const [base, quote] = instrument.symbol.split("/");
    const places = instrument.price_decimals;
    const money = account && account.balances && account.balances[side === "buy" ? quote : base];
    if (money) lines.push("Free: " + money.free + " " + (side === "buy" ? quote : base));
    if (quantity > 0) {
      let cost = null;
      if (type === "market" && live && live.symbol === instrument.symbol) {
        let left = quantity, sum = 0;
        for (const [at, offered] of side === "buy" ? live.asks : live.bids) {
          const taken = Math.min(left, Number(offered));
          sum += taken * Number(at);
          left -= taken;
          if (left <= 0) break;
        }
        if (left < quantity) lines.push("Average price: " + (sum / (quantity - left)).toFixed(places));
        if (left > 0) lines.push("The book shows only " + (quantity - left).toFixed(instrument.quantity_decimals));
        cost = sum;
      } else {
        cost = quantity * Number(price || stop || 0);
      }
      if (cost) {
        lines.push((side === "buy" ? "Cost: " : "Proceeds: ") + cost.toFixed(2) + " " + quote);
        const rate = instrument.taker_rate ? Number(instrument.taker_rate) : null;
        if (rate !== null) {
          const fee = side === "buy" ? quantity * rate : cost * rate;
          lines.push("Fee at most: " + fee.toFixed(side === "buy" ? 8 : 4) + " " + (side === "buy" ? base : quote));
        }
      }
    }
    return lines.join("\n");
  }

  function share(clicks, side, price, live, account, instrument) {
    const context = window.dash_clientside.callback_context;
    if (!context.triggered.length || !clicks.some(Boolean) || !instrument || !account || !account.balances) return none;
    const part = JSON.parse(context.triggered[0].prop_id.split(".")[0]).share / 100;
    const [base, quote] = instrument.symbol.split("/");
    const money = account.balances[side === "buy" ? quote : base];
    if (!money) return none;
    const places = instrument.quantity_decimals, factor = Math.pow(10, places);
    let amount = Number(money.free) * part;
    if (side === "buy") {
      const at = Number(price) || (live && live.asks[0] && Number(live.asks[0][0]));
      if (!at) return none;
      amount = amount / at;
    }
    return (Math.floor(amount * factor) / factor).toFixed(places);
  }

  function shown(type, side) {
    const hidden = { display: "none" }, visible = {};
    const limit = type === "limit" || type.endsWith("_limit");
    return [limit ? visible : hidden, type.startsWith("stop") || type.startsWith("take") ? visible : hidden,
      (side === "buy" ? "Buy" : "Sell"), side === "buy" ? "blue" : "orange"];
  }

  // --- charts ---

  function average(closes, length) {
    let sum = 0;
    return closes.map((close, k) => {
      sum += close - (k >= length ? closes[k - length] : 0);
      return k >= length - 1 ? sum / length : null;
    });
  }

  function look(scheme) {
    const dark = scheme === "dark";
    return {
      ink: dark ? "#c9ced6" : "#343a40", grid: dark ? "#2c3038" : "#e9ecef", buy: dark ? "#4dabf7" : "#0f7bd6",
      sell: dark ? "#ff922b" : "#e0601f", averages: dark ? ["#b197fc", "#63e6be"] : ["#7048e8", "#099268"],
    };
  }

  function frame(colours) {
    return {
      margin: { l: 8, r: 62, t: 6, b: 24 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent", showlegend: false,
      font: { color: colours.ink, size: 11 }, dragmode: "pan", uirevision: "kept", hovermode: "x",
      xaxis: { gridcolor: colours.grid, rangeslider: { visible: false } },
      yaxis: { gridcolor: colours.grid, side: "right", domain: [0.22, 1], fixedrange: false },
      yaxis2: { gridcolor: colours.grid, side: "right", domain: [0, 0.18], fixedrange: true, showticklabels: false },
    };
  }

  function chart(history, candle, live, own, view, scheme, symbol) {
    const colours = look(scheme);
    if (view === "depth") return depth(live, symbol, colours);
    if (!history || history.symbol !== symbol) return none;
    let rows = history.candles;
    const now = candle && candle.symbol === symbol && candle.candles[history.interval];
    if (now && rows.length) rows = rows.filter((row) => row.open_time < now.open_time).concat([now]);
    const x = rows.map((row) => new Date(row.open_time)), closes = rows.map((row) => Number(row.close));
    const rises = rows.map((row) => Number(row.close) >= Number(row.open));
    const layout = frame(colours);
    layout.uirevision = symbol + history.interval;
    const pick = (name) => rows.map((row) => Number(row[name]));
    const traces = [
      { type: "candlestick", x, open: pick("open"), high: pick("high"), low: pick("low"), close: closes, name: "",
        increasing: { line: { color: colours.buy, width: 1 }, fillcolor: colours.buy },
        decreasing: { line: { color: colours.sell, width: 1 }, fillcolor: colours.sell } },
      { type: "bar", x, y: pick("volume"), yaxis: "y2", name: "volume", hoverinfo: "y",
        marker: { color: rises.map((rise) => (rise ? colours.buy : colours.sell)), opacity: 0.45 } },
    ];
    [7, 25].forEach((length, k) => traces.push({ type: "scatter", mode: "lines", x, y: average(closes, length),
      name: "average of " + length, hoverinfo: "skip", line: { color: colours.averages[k], width: 1 } }));
    const fills = ((own && own.fills) || []).filter((fill) => fill.symbol === symbol && x.length && fill.time >= +x[0]);
    for (const side of ["buy", "sell"]) {
      const mine = fills.filter((fill) => fill.side === side);
      traces.push({ type: "scatter", mode: "markers", name: "my " + side, x: mine.map((fill) => new Date(fill.time)),
        y: mine.map((fill) => Number(fill.price)), text: mine.map((fill) => fill.amount + " @ " + fill.price),
        hoverinfo: "text", marker: { symbol: side === "buy" ? "triangle-up" : "triangle-down", size: 11,
          color: colours[side], line: { color: colours.ink, width: 1 } } });
    }
    return { data: traces, layout };
  }

  function depth(live, symbol, colours) {
    if (!live || live.symbol !== symbol) return none;
    const layout = frame(colours);
    layout.yaxis.domain = [0, 1];
    layout.uirevision = "depth" + symbol;
    const area = (levels, colour, name) => {
      let sum = 0;
      return { type: "scatter", mode: "lines", fill: "tozeroy", name, x: levels.map((level) => Number(level[0])),
        y: levels.map((level) => (sum += Number(level[1]))), line: { color: colour, shape: "hv", width: 1.5 } };
    };
    return { data: [area(live.bids, colours.buy, "bids"), area(live.asks, colours.sell, "asks")], layout };
  }

  // --- what is away ---

  function links(text) {
    const root = document.getElementById("links");
    if (!root) return none;
    say(root, text || "");
    root.classList.toggle("away", Boolean(text));
    return none;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    market: { book, tape, head, own, links, preview, share, shown, chart },
  });
})();
