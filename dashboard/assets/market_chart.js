// The chart of the market page: candles with volume, averages and own fills, or the depth of the book.
(function () {
  "use strict";
  const FEWEST = 50, SHOWN = 120, AHEAD = 4, DEPTH_MS = 300;
  const none = window.dash_clientside.no_update;
  const drawn = { rows: [], key: "", depthAt: 0 };

  function look() {
    const dark = window.mockx.isDark();
    return {
      ink: dark ? "#c9ced6" : "#343a40", grid: dark ? "#262a32" : "#eceff2", buy: dark ? "#4dabf7" : "#0969c3",
      sell: dark ? "#ff922b" : "#c2410c", paper: dark ? "#16181d" : "#ffffff", averages: dark ? ["#b197fc", "#63e6be"] : ["#7048e8", "#099268"],
    };
  }

  function frame(colours, revision) {
    const axis = { gridcolor: colours.grid, zeroline: false, linecolor: colours.grid };
    return {
      margin: { l: 8, r: 66, t: 18, b: 36 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent", showlegend: false,
      font: { color: colours.ink, size: 11, family: getComputedStyle(document.body).fontFamily }, dragmode: "pan", uirevision: revision, hovermode: "x", bargap: 0.25,
      xaxis: { ...axis, anchor: "y2", rangeslider: { visible: false } },
      yaxis: { ...axis, side: "right", domain: [0.22, 1] },
      yaxis2: { ...axis, side: "right", domain: [0, 0.17], fixedrange: true, showticklabels: false, showgrid: false },
    };
  }

  function average(closes, length) {
    let sum = 0;
    return closes.map((close, k) => {
      sum += close - (k >= length ? closes[k - length] : 0);
      return k >= length - 1 ? sum / length : null;
    });
  }

  // What was told of a candle later replaces what was known of it; closed ones stay while the next one grows.
  function merge(history, live) {
    const key = history.symbol + " " + history.interval + " " + history.at;
    if (drawn.key !== key) Object.assign(drawn, { key, rows: history.candles.slice() });
    if (live && live.symbol === history.symbol && live.interval === history.interval) {
      for (const candle of live.candles) {
        const k = drawn.rows.findLastIndex((row) => row.open_time <= candle.open_time);
        const isKnown = k >= 0 && drawn.rows[k].open_time === candle.open_time;
        if (!isKnown) drawn.rows.splice(k + 1, 0, candle);
        else if (candle.trades >= drawn.rows[k].trades) drawn.rows[k] = candle;
      }
    }
    return drawn.rows;
  }

  function frameOn(rows, layout) {
    const last = rows[rows.length - 1], step = last.close_time + 1 - last.open_time;
    const from = last.open_time - Math.max(FEWEST, Math.min(SHOWN, rows.length)) * step;
    const seen = rows.filter((row) => row.open_time >= from);
    const low = Math.min(...seen.map((row) => Number(row.low))), high = Math.max(...seen.map((row) => Number(row.high)));
    const air = (high - low || high * 0.001) * 0.06;
    layout.xaxis.range = [new Date(from), new Date(last.open_time + AHEAD * step)];
    layout.yaxis.range = [low - air, high + air];
    layout.yaxis2.range = [0, Math.max(...seen.map((row) => Number(row.volume))) * 1.05 || 1];
  }

  function markers(fills, side, colours) {
    const mine = fills.filter((fill) => fill.side === side);
    return { type: "scatter", mode: "markers", name: "my " + side, x: mine.map((fill) => new Date(fill.time)),
      y: mine.map((fill) => Number(fill.price)), text: mine.map((fill) => side + " " + fill.amount + " @ " + fill.price),
      hoverinfo: "text", marker: { symbol: side === "buy" ? "triangle-up" : "triangle-down", size: 10,
        color: colours[side], line: { color: colours.paper, width: 1 } } };
  }

  // A line at the last price with the price at its end, and what the two averages are.
  function mark(last, layout, colours) {
    const name = (text, color, xshift) => ({ text, xref: "paper", yref: "paper", x: 0, y: 1, xanchor: "left", yanchor: "bottom",
      xshift, showarrow: false, font: { color, size: 11 } });
    layout.annotations = [name("average of 7", colours.averages[0], 0), name("of 25", colours.averages[1], 84)];
    const color = Number(last.close) >= Number(last.open) ? colours.buy : colours.sell, y = Number(last.close);
    layout.shapes = [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color, width: 1, dash: "dot" } }];
    layout.annotations.push({ text: last.close, xref: "paper", x: 1, y, xanchor: "left", showarrow: false, bgcolor: color,
      borderpad: 2, font: { color: colours.paper, size: 11 } });
  }

  function nothing(layout) {
    for (const axis of [layout.xaxis, layout.yaxis, layout.yaxis2]) Object.assign(axis, { visible: false, range: [0, 1] });
    layout.annotations = [{ text: "No trades yet.", xref: "paper", yref: "paper", x: 0.5, y: 0.6, showarrow: false }];
    return { data: [], layout };
  }

  function candles(history, live, own, instrument, colours) {
    const rows = merge(history, live);
    if (!rows.length) return nothing(frame(colours, "nothing"));
    const x = rows.map((row) => new Date(row.open_time)), pick = (name) => rows.map((row) => Number(row[name]));
    const closes = pick("close"), opens = pick("open");
    const layout = frame(colours, history.symbol + history.interval);
    if (instrument && instrument.symbol === history.symbol) layout.yaxis.tickformat = "." + instrument.price_decimals + "f";
    frameOn(rows, layout);
    mark(rows[rows.length - 1], layout, colours);
    const body = (colour) => ({ line: { color: colour, width: 1 }, fillcolor: colour });
    const traces = [
      { type: "candlestick", x, open: opens, high: pick("high"), low: pick("low"), close: closes, name: "",
        increasing: body(colours.buy), decreasing: body(colours.sell) },
      { type: "bar", x, y: pick("volume"), yaxis: "y2", name: "volume", hoverinfo: "y", marker: { opacity: 0.45,
        color: closes.map((close, k) => (close >= opens[k] ? colours.buy : colours.sell)) } },
    ];
    [7, 25].forEach((length, k) => traces.push({ type: "scatter", mode: "lines", x, y: average(closes, length),
      name: "average of " + length, hoverinfo: "skip", line: { color: colours.averages[k], width: 1 } }));
    const fills = ((own && own.fills) || []).filter((fill) => fill.symbol === history.symbol && x.length && fill.time >= +x[0]);
    return { data: traces.concat(["buy", "sell"].map((side) => markers(fills, side, colours))), layout };
  }

  function depth(live, colours) {
    const layout = frame(colours, "depth" + live.symbol);
    layout.yaxis.domain = [0, 1];
    layout.xaxis.anchor = "y";
    delete layout.yaxis2;
    const area = (levels, colour, name) => {
      let sum = 0;
      return { type: "scatter", mode: "lines", fill: "tozeroy", name, x: levels.map((level) => Number(level[0])),
        y: levels.map((level) => (sum += Number(level[1]))), line: { color: colour, shape: "hv", width: 1.5 } };
    };
    return { data: [area(live.bids, colours.buy, "bids"), area(live.asks, colours.sell, "asks")], layout };
  }

  function chart(history, candle, live, own, view, _scheme, symbol, interval, instrument) {
    const causes = window.dash_clientside.callback_context.triggered.map((cause) => cause.prop_id.split(".")[0]);
    const colours = look(), isOnly = (name) => causes.length > 0 && causes.every((cause) => cause === name);
    if (view === "depth") {
      if (!live || live.symbol !== symbol) return none;
      if (isOnly("live-book") && Date.now() - drawn.depthAt < DEPTH_MS) return none;
      drawn.depthAt = Date.now();
      return depth(live, colours);
    }
    if (isOnly("live-book") || !history || history.symbol !== symbol || history.interval !== interval) return none;
    return candles(history, candle, own, instrument, colours);
  }

  window.dash_clientside.market.chart = chart;
})();
