// Order entry: which fields there are, what an order would cost, and shares of the balance. Sums are exact.
(function () {
  "use strict";
  const { node, say, units, decimal } = window.mockx;
  const none = window.dash_clientside.no_update;
  const RATE_PLACES = 6, MILLION = 1000000n;

  function hasLimit(type) {
    return type === "limit" || type.endsWith("_limit");
  }

  function fields(type, side, instrument, profit, stop) {
    const isOco = type === "oco", hasStop = !["limit", "market"].includes(type);
    const is = [isOco, isOco && profit !== "limit", hasLimit(isOco ? profit : type), isOco, hasStop,
      isOco && hasLimit(stop), type === "market", hasLimit(type), type === "limit"];
    const [base, quote] = instrument ? instrument.symbol.split("/") : ["", ""];
    const unit = [{ value: "base", label: base || "base" }, { value: "quote", label: quote || "quote" }];
    return [...is.map((isShown) => (isShown ? {} : { display: "none" })), isOco ? "prices two" : "prices", unit,
      (side === "buy" ? "Buy " : "Sell ") + base, side === "buy" ? "blue" : "orange"];
  }

  // The price at which an order is expected to trade; of two the one that takes the profit.
  function priceOf({ type, price, stop, profitKind, profitPrice }) {
    return type === "oco" ? (hasLimit(profitKind) ? price : profitPrice) : hasLimit(type) ? price : stop;
  }

  // --- what an order would cost ---

  function walk(levels, wanted, isQuote, scales) {
    const { price, quantity } = scales, one = 10n ** BigInt(quantity);
    let left = wanted, amount = 0n, cost = 0n;
    for (const [at, offered] of levels) {
      const [atUnits, offeredUnits] = [units(at, price), units(offered, quantity)];
      const most = isQuote ? (left * one) / atUnits : left;
      const taken = most < offeredUnits ? most : offeredUnits;
      amount += taken;
      cost += taken * atUnits;
      left -= isQuote ? (taken * atUnits) / one : taken;
      if (taken < offeredUnits) {
        left = 0n;
        break;
      }
    }
    return { amount, cost, isWhole: left <= 0n };
  }

  function estimate(terms, live, instrument) {
    const scales = { price: instrument.price_decimals, quantity: instrument.quantity_decimals };
    const levels = live && live.symbol === instrument.symbol ? (terms.side === "buy" ? live.asks : live.bids) : [];
    if (terms.type === "market") {
      const isQuote = terms.unit === "quote";
      const wanted = units(terms.amount, isQuote ? scales.price : scales.quantity);
      return wanted ? { ...walk(levels, wanted, isQuote, scales), isTaker: true } : null;
    }
    const amount = units(terms.amount, scales.quantity);
    const price = units(priceOf(terms), scales.price);
    if (!amount || !price) return null;
    const best = levels.length ? units(levels[0][0], scales.price) : null;
    const isCrossing = best !== null && (terms.side === "buy" ? price >= best : price <= best);
    return { amount, cost: amount * price, isWhole: true, isTaker: terms.type !== "limit" || isCrossing };
  }

  function facts(terms, live, account, instrument) {
    const [base, quote] = instrument.symbol.split("/"), isBuy = terms.side === "buy";
    const money = account && account.balances && account.balances[isBuy ? quote : base];
    const lines = [["Free", money ? money.free + " " + (isBuy ? quote : base) : "–"]];
    const guess = estimate(terms, live, instrument);
    if (!guess || !guess.amount) return lines;
    const scale = instrument.price_decimals + instrument.quantity_decimals;
    lines.push(["Average price", decimal(guess.cost / guess.amount, instrument.price_decimals) + " " + quote]);
    if (terms.unit === "quote" && terms.type === "market") {
      lines.push(["Amount", decimal(guess.amount, instrument.quantity_decimals) + " " + base]);
    }
    lines.push([isBuy ? "Cost" : "Proceeds", decimal(guess.cost, scale) + " " + quote]);
    const rate = units(guess.isTaker ? instrument.taker_rate : instrument.maker_rate, RATE_PLACES);
    const fee = isBuy ? decimal((guess.amount * rate) / MILLION, instrument.quantity_decimals)
      : decimal((guess.cost * rate) / MILLION, scale);
    lines.push(["Fee" + (guess.isTaker ? "" : " as maker"), fee + " " + (isBuy ? base : quote)]);
    if (!guess.isWhole) lines.push(["Only in the book", decimal(guess.amount, instrument.quantity_decimals) + " " + base]);
    return lines;
  }

  function preview(side, type, price, stop, profitKind, profitPrice, amount, unit, live, account, instrument, symbol) {
    const root = document.getElementById("preview");
    if (!root || !instrument || instrument.symbol !== symbol) return none;
    const lines = facts({ side, type, price, stop, profitKind, profitPrice, amount, unit }, live, account, instrument);
    root.rows = root.rows || Array.from({ length: 6 }, () => {
      const row = node("div", "fact", root);
      return [node("span", "", row), node("span", "number", row)];
    });
    root.rows.forEach((row, k) => row.forEach((cell, part) => say(cell, lines[k] ? lines[k][part] : "")));
    return none;
  }

  // --- shares of the balance ---

  function share(clicks, side, type, price, stop, profitKind, profitPrice, live, account, instrument) {
    const context = window.dash_clientside.callback_context, nothing = [none, none];
    if (!context.triggered.length || !clicks.some(Boolean) || !instrument || !account || !account.balances) return nothing;
    const part = BigInt(JSON.parse(context.triggered[0].prop_id.split(".")[0]).share);
    const [base, quote] = instrument.symbol.split("/"), { price_decimals, quantity_decimals } = instrument;
    const money = account.balances[side === "buy" ? quote : base];
    if (!money) return nothing;
    const places = side === "buy" ? instrument.quote_decimals : instrument.base_decimals;
    const spent = (units(money.free, places) * part) / 100n;
    const cut = (value, from, to) => (from > to ? value / 10n ** BigInt(from - to) : value * 10n ** BigInt(to - from));
    if (side === "sell") return [decimal(cut(spent, places, quantity_decimals), quantity_decimals), "base"];
    if (type === "market") return [decimal(cut(spent, places, price_decimals), price_decimals), "quote"];
    const best = live && live.symbol === instrument.symbol && live.asks[0] && live.asks[0][0];
    const at = units(priceOf({ type, price, stop, profitKind, profitPrice }) || best, price_decimals);
    if (!at) return nothing;
    const amount = (cut(spent, places, price_decimals) * 10n ** BigInt(quantity_decimals)) / at;
    return [decimal(amount, quantity_decimals), none];
  }

  // --- whether orders can be placed now ---

  function gate(links, symbols, who) {
    const reason = links && links.blocked ? links.blocked : who === null || who === undefined ? "Sign in to trade."
      : symbols && symbols.maintenance ? "The exchange is under maintenance: no new orders." : "";
    return [Boolean(reason), reason];
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName !== "INPUT" || event.target.readOnly) return;
    const entry = event.target.closest("#entry"), isAmend = event.target.id === "amend-amount";
    const button = document.getElementById(isAmend ? "amend-done" : entry ? "place" : "");
    if (!button || button.disabled || !["text", "search"].includes(event.target.type)) return;
    button.click();
  });

  Object.assign(window.dash_clientside.market, { fields, preview, share, gate });
})();
