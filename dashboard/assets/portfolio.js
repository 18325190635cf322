// Draws the portfolio in place: rows are made once and then only said anew, so nothing jumps while prices move.
(function () {
  "use strict";
  const { node, say, set, isDark } = window.mockx;
  const none = window.dash_clientside.no_update;
  const STEP_MS = 10000;

  function tone(element, className) {
    if (element.className !== className) element.className = className;
  }

  // --- numbers: grouped digits, the sign written out, a dash where there is none ---

  function grouped(text) {
    if (text === null || text === undefined) return "–";
    const negative = text.startsWith("-"), [whole, part] = text.replace("-", "").split(".");
    const digits = whole.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
    return (negative ? "\u2212" : "") + digits + (part === undefined ? "" : "." + part);
  }

  function signed(text) {
    if (text === null || text === undefined) return "–";
    return (Number(text) > 0 ? "+" : "") + grouped(text);
  }

  function percent(text, places) {
    if (text === null || text === undefined) return "–";
    return grouped((Number(text) * 100).toFixed(places === undefined ? 2 : places)) + " %";
  }

  function gain(text) {
    if (text === null || text === undefined) return "–";
    return (Number(text) > 0 ? "+" : "") + percent(text);
  }

  function times(text) {
    return text === null || text === undefined ? "–" : Number(text).toFixed(2) + "×";
  }

  function sense(text) {
    const value = Number(text || 0);
    return value > 0 ? "buy" : value < 0 ? "sell" : "";
  }

  function trimmed(text) {
    return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
  }

  // --- figures and tables that are kept ---

  function figures(root, rows) {
    const names = rows.map((row) => row[0]).join();
    if (root.names !== names) {
      root.replaceChildren();
      root.names = names;
      root.figures = rows.map(([name]) => {
        const pair = node("div", "figure", root);
        node("span", "quiet", pair, name);
        return node("b", "", pair);
      });
    }
    rows.forEach(([, text, className], k) => {
      say(root.figures[k], text);
      tone(root.figures[k], className || "");
    });
  }

  function table(root, heads, rows, choose) {
    const names = heads.map((head) => head[0]).join();
    if (root.names !== names) {
      root.replaceChildren();
      root.names = names;
      const made = node("table", "", root), line = node("tr", "", node("thead", "", made));
      for (const [name, className] of heads) node("th", className, line, name).scope = "col";
      root.body = node("tbody", "", made);
      root.lines = new Map();
    }
    const kept = new Set(rows.map((row) => row.key));
    for (const [key, line] of root.lines) {
      if (!kept.has(key)) {
        line.remove();
        root.lines.delete(key);
      }
    }
    rows.forEach((row, place) => {
      let line = root.lines.get(row.key);
      if (!line) {
        line = node("tr", "");
        heads.forEach(([, className]) => node("td", className, line));
        root.lines.set(row.key, line);
        if (choose) {
          line.tabIndex = 0;
          line.addEventListener("click", () => choose(row.key));
          line.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(row.key); });
        }
      }
      if (root.body.children[place] !== line) root.body.insertBefore(line, root.body.children[place] || null);
      line.dataset.key = row.key;
      tone(line, row.className || "");
      row.cells.forEach(([text, className], k) => {
        const cell = line.children[k];
        say(cell, text);
        tone(cell, [heads[k][1], className].filter(Boolean).join(" "));
      });
    });
  }

  const HOLDINGS = [["Asset", "name"], ["Value"], ["Share"], ["Total"], ["Free"], ["In orders"], ["Price"],
    ["Average cost"], ["Unrealized"], ["Realized"]];

  function draw(live) {
    const root = document.getElementById("folio-table");
    if (!root || !live) return none;
    const folio = document.getElementById("folio");
    folio.classList.toggle("waiting", Boolean(live.said));
    const head = document.getElementById("folio-head");
    if (live.said) {
      figures(head, [["Equity", live.said]]);
      root.names = undefined;
      root.replaceChildren();
      for (const id of ["folio-capital", "folio-frozen"]) {
        const element = document.getElementById(id);
        element.names = undefined;
        element.parts = undefined;
        element.replaceChildren();
      }
      return none;
    }
    const money = live.money, capital = live.capital;
    figures(head, [
      ["Equity, " + live.cash, grouped(money.equity), "last"], ["Profit", signed(capital.net), sense(capital.net)],
      ["Return", gain(capital.roi_net), sense(capital.roi_net)], ["Cash", grouped(money.cash)],
      ["Free", grouped(money.free)], ["Frozen", grouped(money.frozen)],
    ]);
    const rows = live.rows.map((row) => ({ key: row.asset, cells: [
      [row.asset], [row.value === null ? "no price" : grouped(row.value)], [percent(row.share)],
      [grouped(row.total)], [grouped(row.free)], [grouped(row.used)], [grouped(row.price)], [grouped(row.average_cost)], [signed(row.unrealized), sense(row.unrealized)],
      [signed(row.realized), sense(row.realized)],
    ] }));
    table(root, HOLDINGS, rows);
    figures(document.getElementById("folio-capital"), [
      ["Deposits", grouped(capital.deposits)], ["Withdrawals", grouped(capital.withdrawals)],
      [Number(capital.invested) >= 0 ? "Net investment" : "Free carry surplus", grouped(capital.invested.replace("-", ""))],
      ["P&L gross", signed(capital.gross), sense(capital.gross)], ["Fees", grouped(capital.fees)],
      ["P&L net", signed(capital.net), sense(capital.net)],
      ["Realized", signed(capital.realized), sense(capital.realized)],
      ["Unrealized", signed(capital.unrealized), sense(capital.unrealized)],
      ["ROI gross", gain(capital.roi_gross), sense(capital.roi_gross)],
      ["ROI net", gain(capital.roi_net), sense(capital.roi_net)],
      ["RVPI", times(capital.rvpi)], ["DPI", times(capital.dpi)], ["TVPI", times(capital.tvpi)],
    ]);
    say(document.getElementById("folio-basis"), "ROI on " + capital.basis);
    frozen(document.getElementById("folio-frozen"), money);
    return none;
  }

  function frozen(root, money) {
    const parts = [["Free cash", "free_cash"], ["Frozen cash", "frozen_cash"], ["Free assets", "free_assets"],
      ["Frozen assets", "frozen_assets"]];
    if (!root.parts) {
      root.replaceChildren();
      const bar = node("div", "split", root), legend = node("div", "legend", root);
      root.parts = parts.map(([name, key]) => {
        const stripe = node("i", key, bar), entry = node("div", "", legend);
        node("i", key, entry);
        node("span", "quiet", entry, name);
        return [stripe, node("b", "", entry)];
      });
    }
    const sum = parts.reduce((total, [, key]) => total + Number(money[key]), 0);
    parts.forEach(([, key], k) => {
      root.parts[k][0].style.flexGrow = sum > 0 ? String(Number(money[key]) / sum) : "0";
      say(root.parts[k][1], grouped(money[key]));
    });
  }

  const EVERYONE = [["Account", "name"], ["Equity"], ["Cash"], ["Net investment"], ["P&L gross"], ["Fees"], ["P&L net"],
    ["Realized"], ["Unrealized"], ["ROI"], ["RVPI"], ["DPI"], ["TVPI"]];

  function everyone(all, chosen) {
    const root = document.getElementById("folio-table-all");
    if (!root || !all) return none;
    const rows = all.rows.map((row) => ({
      key: String(row.account), className: String(row.account) === chosen ? "chosen" : "",
      cells: [
        [row.name + " · " + row.account], [money(row.equity)], [money(row.cash)], [money(row.invested)],
        [signed(cents(row.profit_gross)), sense(row.profit_gross)], [money(row.fees)],
        [signed(cents(row.profit_net)), sense(row.profit_net)], [signed(cents(row.realized)), sense(row.realized)],
        [signed(cents(row.unrealized)), sense(row.unrealized)], [gain(row.roi_net), sense(row.roi_net)],
        [times(row.rvpi)], [times(row.dpi)], [times(row.tvpi)],
      ],
    }));
    table(root, EVERYONE, rows, (key) => set("folio-account", { value: key }));
    return none;
  }

  function cents(text) {
    return text === null ? null : Number(text).toFixed(2);
  }

  function money(text) {
    return grouped(cents(text));
  }

  // --- charts ---

  function look() {
    const dark = isDark();
    return {
      ink: dark ? "#c9ced6" : "#343a40", grid: dark ? "#2c3038" : "#e9ecef", panel: dark ? "#16181d" : "#ffffff",
      buy: dark ? "#4dabf7" : "#0969c3", sell: dark ? "#ff922b" : "#c2410c", quiet: dark ? "#9aa1ab" : "#5c636a",
      shares: ["#0f7bd6", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8ad16", "#7f7f9f", "#8c6d31"],
      fill: dark ? "rgba(77, 171, 247, .14)" : "rgba(15, 123, 214, .1)",
    };
  }

  function frame(colours, margin) {
    return {
      margin, paper_bgcolor: "transparent", plot_bgcolor: "transparent", showlegend: false, separators: ".\u202f",
      font: { color: colours.ink, size: 11, family: getComputedStyle(document.body).fontFamily }, hoverlabel: { font: { size: 11 } },
      xaxis: { gridcolor: colours.grid, zeroline: false, fixedrange: true },
      yaxis: { gridcolor: colours.grid, zeroline: false, fixedrange: true, side: "right", automargin: true },
    };
  }

  const drawn = {};

  function once(name, key, make) {
    const text = JSON.stringify([isDark(), key]), element = document.getElementById("folio-" + name);
    if (drawn[name] && drawn[name].text === text && drawn[name].element === element) return none;
    drawn[name] = { text, element };
    return make();
  }

  function empty(name) {
    return once(name, [], () => {
      const colours = look(), layout = frame(colours, { l: 0, r: 0, t: 0, b: 0 });
      layout.xaxis.visible = layout.yaxis.visible = false;
      return { data: [], layout };
    });
  }

  const since = { account: null, history: null, points: [] };

  function equity(history, live) {
    if (!document.getElementById("folio-equity")) return none;
    if (!live || live.said || !history || history.account !== live.account) return empty("equity");
    if (since.history !== history) {
      since.history = history;
      since.points = [];
    }
    const now = { time: live.now, equity: live.money.equity, invested: live.capital.invested };
    const last = since.points[since.points.length - 1];
    if (last && Math.floor(last.time / STEP_MS) === Math.floor(now.time / STEP_MS)) since.points.pop();
    since.points.push(now);
    if (since.points.length > 5000) since.points = since.points.filter((_, k) => k % 2 === 0);
    const points = history.points.filter((point) => point.time <= since.points[0].time).concat(since.points);
    const from = history.start === null ? 0 : history.start + (now.time - since.points[0].time);
    const start = Math.max(from, points[0].time);
    return once("equity", [Math.floor(now.time / 1000), now.equity, history.start], () => {
      const colours = look(), layout = frame(colours, { l: 8, r: 8, t: 8, b: 36 });
      const x = points.map((point) => new Date(Math.max(point.time, start)));
      const values = points.map((point) => Number(point.equity));
      const least = Math.min(...values), most = Math.max(...values), room = (most - least) * 0.08 || most * 0.001 || 1;
      layout.yaxis.range = [least - room, most + room];
      layout.yaxis.tickformat = ",." + (most - least < 10 ? 2 : 0) + "f";
      layout.xaxis.range = [new Date(start), new Date(Math.max(now.time, start + 60000))];
      layout.hovermode = "x";
      layout.shapes = [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: Number(now.invested), y1: Number(now.invested),
        line: { color: colours.quiet, width: 1, dash: "dot" } }];
      return { data: [
        { type: "scatter", mode: "lines", x, y: values.map(() => least - room), hoverinfo: "skip", line: { width: 0 } },
        { type: "scatter", mode: "lines", x, y: values, fill: "tonexty", fillcolor: colours.fill, name: "",
          line: { color: colours.buy, width: 2, shape: "hv" }, hovertemplate: "%{y:,.2f} " + live.cash + "<extra></extra>" },
      ], layout };
    });
  }

  function shares(live) {
    if (!document.getElementById("folio-shares")) return none;
    if (!live || live.said || !live.rows.some((row) => Number(row.value) > 0)) return empty("shares");
    const rows = live.rows.filter((row) => Number(row.value) > 0);
    const big = rows.filter((row) => Number(row.share) >= 0.01).slice(0, 8);
    const rest = rows.filter((row) => !big.includes(row)).reduce((sum, row) => sum + Number(row.value), 0);
    const labels = big.map((row) => row.asset).concat(rest > 0 ? ["Other"] : []);
    const values = big.map((row) => Number(row.value)).concat(rest > 0 ? [rest] : []);
    const sum = values.reduce((total, value) => total + value, 0);
    return once("shares", [labels, values.map((value) => Math.round(value / sum * 2000))], () => {
      const colours = look(), layout = frame(colours, { l: 8, r: 8, t: 8, b: 8 });
      return { data: [{ type: "pie", hole: 0.62, labels, values, sort: false, direction: "clockwise",
        textinfo: "label+percent", textposition: "outside", automargin: true,
        hovertemplate: "%{label} %{value:,.2f} " + live.cash + " · %{percent}<extra></extra>",
        marker: { colors: colours.shares, line: { color: colours.panel, width: 2 } } }], layout };
    });
  }

  // Losses are orange and gains blue, the deeper the more.
  const BANDS = [[0, 0.5, "#b23a00"], [0.5, 0.8, "#e8702a"], [0.8, 1, "#ffc078"], [1, 1.25, "#a5d8ff"],
    [1.25, 2, "#4dabf7"], [2, 5, "#1c7ed6"], [5, 10, "#1256a0"], [10, Infinity, "#0b3468"]];

  function gauge(live) {
    if (!document.getElementById("folio-gauge")) return none;
    if (!live || live.said || live.capital.tvpi === null) return empty("gauge");
    const capital = live.capital, value = Number(capital.tvpi), dpi = Number(capital.dpi);
    const top = [2, 5, 10, 20, 50, 100].find((most) => value < most) || Math.ceil(value / 100) * 100;
    return once("gauge", [capital.tvpi, capital.dpi], () => {
      const colours = look(), layout = frame(colours, { l: 44, r: 20, t: 26, b: 22 });
      const steps = BANDS.filter(([from]) => from < top)
        .map(([from, to, color]) => ({ range: [from, Math.min(to, top)], color }));
      layout.title = { text: "TVPI " + value.toFixed(2) + "×, of it paid out " + dpi.toFixed(2) + "×",
        font: { size: 12 }, x: 0.02, y: 0.97, yanchor: "top" };
      return { data: [{ type: "indicator", mode: "gauge", value, gauge: { shape: "bullet",
        axis: { range: [0, top], tickcolor: colours.ink, ticksuffix: "×" }, steps, borderwidth: 0,
        bar: { color: colours.ink, thickness: 0.24 },
        threshold: { value: 1, thickness: 0.9, line: { color: colours.ink, width: 2 } } } }], layout };
    });
  }

  function waterfall(live) {
    if (!document.getElementById("folio-waterfall")) return none;
    if (!live || live.said) return empty("waterfall");
    const capital = live.capital, amount = (name) => Number(capital[name]);
    const values = [amount("invested"), amount("gross"), -amount("fees"), amount("equity"), -amount("volatile"),
      amount("cash")];
    return once("waterfall", [values.map((value) => Math.round(value))], () => {
      const colours = look(), layout = frame(colours, { l: 8, r: 8, t: 22, b: 40 });
      layout.title = { text: "From investment to cash, " + live.cash, font: { size: 12 }, x: 0.02, y: 0.97, yanchor: "top" };
      layout.yaxis.tickformat = "~s";
      layout.xaxis.tickangle = 0;
      const shown = [values[0], values[1], values[2], values[3], amount("volatile"), values[5]];
      return { data: [{ type: "waterfall", x: ["Net<br>investment", "Gross<br>P&L", "Fees", "Equity", "Volatile<br>assets", "Cash"],
        measure: ["absolute", "relative", "relative", "total", "relative", "total"], y: values,
        text: shown.map((value) => grouped(String(Math.round(value) + 0))), textposition: "outside", cliponaxis: false,
        hovertemplate: "%{text} " + live.cash + "<extra></extra>",
        connector: { line: { color: colours.grid, width: 1 } }, increasing: { marker: { color: colours.buy } },
        decreasing: { marker: { color: colours.sell } }, totals: { marker: { color: colours.quiet } } }], layout };
    });
  }

  // --- money in and out ---

  function transfer(kind, asset, live) {
    const row = live && live.rows && live.rows.find((each) => each.asset === asset);
    const free = asset ? "Free: " + (row ? grouped(trimmed(row.free)) : "0") + " " + asset : "";
    return [kind === "deposit" ? "Deposit" : "Withdraw", free];
  }

  Object.assign(window.dash_clientside, {
    portfolio: { draw, everyone, equity, shares, gauge, waterfall, transfer },
  });
})();
