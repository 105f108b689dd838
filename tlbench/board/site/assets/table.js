// The table of a suite: filters, sorting and pages, all of them kept in the address.
"use strict";

(() => {
  const PAGE = 100;
  const DRAWN = Math.log(2.5); // The drawing of a ratio reaches from 1/2.5 to 2.5.
  const TEXTS = [
    "metric", "tested", "backbone", "strategy", "pair", "submission", "trust", "state",
    "structure", "tuned",
  ];
  const NUMBERS = ["size", "at", "updates"];
  const WORSE = ["", "△", "▲"];
  const WORSE_TEXT = [
    "",
    "worse than training from scratch, which may be chance",
    "worse than training from scratch with 95 % confidence",
  ];

  const table = document.getElementById("rows");
  const body = table.tBodies[0];
  const form = document.getElementById("filters");
  const status = document.getElementById("status");
  const pager = document.getElementById("pager");
  const headers = [...table.tHead.querySelectorAll("th")];
  const sortable = headers.filter((header) => header.dataset.column);
  const shown = headers.map((header) => header.dataset.column || "drawing");

  const rows = { count: 0, total: 0, words: {}, columns: {} };
  let order = [];
  let state = {};

  // Rows arrive in files; each calls this.
  window.tlbenchRows = (file) => {
    rows.total = file.total;
    if (file.words) rows.words = file.words;
    for (const [name, packed] of Object.entries(file.columns)) {
      rows.columns[name] = (rows.columns[name] || []).concat(unpacked(packed));
    }
    rows.count += file.count;
    read();
    const next = ++loaded;
    if (next < Number(table.dataset.files)) load(next + 1);
  };
  let loaded = 0;

  function unpacked(packed) {
    if (Array.isArray(packed)) return packed;
    const values = [];
    for (let n = 0; n < packed.runs.length; n += 2) {
      for (let k = packed.runs[n + 1]; k > 0; k--) values.push(packed.runs[n]);
    }
    return values;
  }

  function load(number) {
    const script = document.createElement("script");
    script.src = `rows-${number}.js`;
    document.head.append(script);
  }

  // The address is the state; without a value a filter lets everything pass.
  function read() {
    const given = new URLSearchParams(
      location.hash.includes("=") ? location.hash.slice(1) : ""
    );
    state = { sort: given.get("sort") || "", desc: given.get("desc") === "1" };
    if (!sortable.some((header) => header.dataset.column === state.sort)) state.sort = "";
    for (const select of form.querySelectorAll("select")) {
      const wanted = given.get(select.name);
      const known = [...select.options].some((option) => option.value === wanted);
      select.value = known ? wanted : select.options[0].value;
      state[select.name] = select.value;
    }
    state.page = Math.max(1, Number.parseInt(given.get("page") || "1", 10) || 1);
    show();
  }

  function write() {
    const parts = new URLSearchParams();
    for (const select of form.querySelectorAll("select")) {
      if (select.selectedIndex > 0) parts.set(select.name, state[select.name]);
    }
    if (state.sort) parts.set("sort", state.sort);
    if (state.sort && state.desc) parts.set("desc", "1");
    if (state.page > 1) parts.set("page", String(state.page));
    const text = parts.toString();
    history.replaceState(null, "", text ? `#${text}` : "#table");
  }

  // A metric is not known for all test structures: rates are those of simulations.
  function offer() {
    const { metric, tested } = rows.columns;
    const wanted = rows.words.metric.indexOf(state.metric);
    const known = new Set();
    for (let n = 0; n < rows.count; n++) if (metric[n] === wanted) known.add(tested[n]);
    const options = [...form.elements.tested.options];
    options.forEach((option, n) => { option.hidden = option.disabled = !known.has(n); });
    if (form.elements.tested.selectedOptions[0].disabled) {
      form.elements.tested.value = options.find((option) => !option.disabled).value;
    }
    state.tested = form.elements.tested.value;
  }

  function show() {
    offer();
    order = sorted(filtered());
    const pages = Math.max(1, Math.ceil(order.length / PAGE));
    state.page = Math.min(state.page, pages);
    // Only rates and times of simulations have a structure beside them.
    const simulated = order.some((n) => rows.words.structure[rows.columns.structure[n]]);
    for (const header of sortable) {
      header.hidden = header.dataset.column === "structure" && !simulated;
    }
    const first = (state.page - 1) * PAGE;
    const some = order.slice(first, first + PAGE);
    body.replaceChildren(...some.map(line));
    for (const header of sortable) {
      const mine = header.dataset.column === state.sort;
      header.setAttribute("aria-sort", mine ? (state.desc ? "descending" : "ascending") : "none");
    }
    const range = order.length > PAGE ? `${first + 1}–${first + some.length} of ` : "";
    const rest = rows.count < rows.total ? "; more are being read" : "";
    status.textContent =
      `${range}${order.length.toLocaleString("en")} row${order.length === 1 ? "" : "s"} shown; ` +
      `${rows.total.toLocaleString("en")} in all, over all metrics and test sets${rest}.`;
    pager.hidden = pages === 1;
    pager.querySelector("span").textContent = `Page ${state.page} of ${pages}`;
    pager.querySelector('[data-step="-1"]').disabled = state.page === 1;
    pager.querySelector('[data-step="1"]').disabled = state.page === pages;
    table.dataset.shown = String(order.length);
  }

  function filtered() {
    const wanted = [];
    for (const name of TEXTS) {
      if (state[name]) wanted.push([rows.columns[name], rows.words[name].indexOf(state[name])]);
    }
    for (const name of NUMBERS) {
      if (state[name]) wanted.push([rows.columns[name], Number(state[name])]);
    }
    const found = [];
    for (let n = 0; n < rows.count; n++) {
      if (wanted.every(([column, value]) => column[n] === value)) found.push(n);
    }
    return found;
  }

  function sorted(found) {
    if (!state.sort) return found;
    let keys = rows.columns[state.sort];
    if (TEXTS.includes(state.sort)) {
      const words = rows.words[state.sort];
      const places = words.map((_, n) => n).sort((a, b) => words[a].localeCompare(words[b], "en"));
      const place = [];
      places.forEach((word, n) => { place[word] = n; });
      keys = keys.map((word) => place[word]);
    }
    const sign = state.desc ? -1 : 1;
    // What has no number comes last either way; equal rows keep their order.
    return found.sort((a, b) => {
      const [x, y] = [keys[a], keys[b]];
      if (x === null || y === null) return (x === null) - (y === null) || a - b;
      return sign * (x - y) || a - b;
    });
  }

  function line(n) {
    const row = document.createElement("tr");
    shown.forEach((name, k) => {
      const made = CELLS[name] ? CELLS[name](n) : cell(text(name, n));
      made.hidden = headers[k].hidden;
      row.append(made);
    });
    return row;
  }

  function text(name, n) {
    const value = rows.columns[name][n];
    if (value === null) return "–";
    if (TEXTS.includes(name)) return rows.words[name][value];
    return name === "updates" ? value.toLocaleString("en") : String(value);
  }

  function cell(content, kind = "td") {
    const made = document.createElement(kind);
    if (content !== undefined) made.append(content);
    return made;
  }

  // Names are those of submissions: their direction should not turn what stands beside them.
  function named(name, n) {
    const made = document.createElement("bdi");
    made.textContent = text(name, n);
    return made;
  }

  function word(name) {
    return (n) => {
      const made = cell(named(name, n));
      made.className = "word";
      return made;
    };
  }

  function soft(content) {
    const made = document.createElement("span");
    made.className = "soft";
    made.append(content);
    return made;
  }

  function interval(value, low, high, digits) {
    const made = cell(digits(value));
    if (low !== null) made.append(soft(` [${digits(low)}, ${digits(high)}]`));
    return made;
  }

  const error = (value) =>
    value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : String(Number(value.toPrecision(3)));
  const ratio = (value) => value.toFixed(2);

  function drawing(n) {
    const made = cell();
    made.className = "drawing";
    const [value, low, high] = ["ratio", "ratioLow", "ratioHigh"].map((c) => rows.columns[c][n]);
    if (value === null) return made;
    const box = document.createElement("span");
    box.className = value < 1 ? "whisker gain" : "whisker loss";
    box.setAttribute("aria-hidden", "true");
    const place = (x) =>
      50 + 50 * Math.max(-1, Math.min(1, Math.log(x) / DRAWN));
    if (low !== null) {
      const bar = document.createElement("i");
      bar.style.left = `${place(low)}%`;
      bar.style.width = `${place(high) - place(low)}%`;
      box.append(bar);
    }
    const dot = document.createElement("b");
    // What lies outside the drawing is a triangle at its edge.
    if (Math.abs(Math.log(value)) > DRAWN) dot.className = value < 1 ? "below" : "above";
    dot.style.left = `${place(value)}%`;
    box.append(dot);
    made.append(box);
    return made;
  }

  const CELLS = {
    drawing,
    pair: word("pair"),
    structure: word("structure"),
    group(n) {
      const made = cell(text("group", n));
      made.className = "group";
      return made;
    },
    strategy(n) {
      const made = word("strategy")(n);
      if (rows.columns.untrained[n]) made.append(soft(" (no data)"));
      return made;
    },
    backbone(n) {
      const made = cell(named("backbone", n), "th");
      made.scope = "row";
      return made;
    },
    value(n) {
      const made = interval(rows.columns.value[n], rows.columns.low[n], rows.columns.high[n], error);
      if (rows.columns.unfitted[n]) {
        made.append(soft(" †"));
        made.title = "not compared: no reference energies were fitted to the target";
      }
      return made;
    },
    ratio(n) {
      const value = rows.columns.ratio[n];
      if (value === null) return cell("–");
      const made = interval(value, rows.columns.ratioLow[n], rows.columns.ratioHigh[n], ratio);
      const of = rows.columns.ratioOf[n];
      if (of !== null) {
        made.append(soft(` (${of} of ${rows.columns.expected[n]} pairs)`));
        made.title = "some pairs lack a model, here or from scratch";
      }
      const worse = rows.columns.worse[n];
      if (worse) {
        const sign = document.createElement("abbr");
        sign.title = WORSE_TEXT[worse];
        sign.textContent = ` ${WORSE[worse]}`;
        sign.setAttribute("aria-hidden", "true");
        const said = document.createElement("span");
        said.className = "hidden";
        said.textContent = `, ${WORSE_TEXT[worse]}`;
        made.append(sign, said);
      }
      return made;
    },
    pairs(n) {
      const [found, expected] = [rows.columns.pairs[n], rows.columns.expected[n]];
      const made = cell(String(found));
      if (found < expected) {
        made.append(` of ${expected}`);
        made.className = "incomplete";
        made.title = "incomplete, and so not ranked";
      }
      return made;
    },
    submission(n) {
      const name = text("submission", n);
      const link = document.createElement("a");
      link.href = `${table.dataset.submissions}${encodeURIComponent(name)}/index.html`;
      link.append(named("submission", n));
      const made = cell(link);
      made.className = "word";
      return made;
    },
    trust(n) {
      const made = word("trust")(n);
      made.classList.add("trust");
      made.classList.toggle("failed", rows.columns.differing[n] > 0);
      return made;
    },
  };

  // On a phone the rules would stand between the table and the figures.
  if (window.matchMedia("(max-width: 40rem)").matches) {
    document.querySelector("details.rules").removeAttribute("open");
  }
  form.addEventListener("change", (event) => {
    state[event.target.name] = event.target.value;
    state.page = 1;
    show();
    write();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    history.replaceState(null, "", "#table");
    // After the browser has reset the fields.
    setTimeout(read);
  });
  for (const header of sortable) {
    header.querySelector("button").addEventListener("click", () => {
      const name = header.dataset.column;
      // Up, down, and back to the order of the data.
      if (state.sort !== name) Object.assign(state, { sort: name, desc: false });
      else if (!state.desc) state.desc = true;
      else Object.assign(state, { sort: "", desc: false });
      state.page = 1;
      show();
      write();
    });
  }
  pager.addEventListener("click", (event) => {
    const step = Number(event.target.dataset.step);
    if (!step) return;
    state.page += step;
    show();
    write();
    table.parentElement.scrollTop = 0;
  });
  window.addEventListener("hashchange", () => {
    // Other addresses without a value are anchors of sections.
    if (location.hash.includes("=") || location.hash === "#table") read();
  });
  if (location.hash.includes("=")) document.getElementById("table").scrollIntoView();
})();
