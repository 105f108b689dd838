// The figures of a page: drawn one after the other once plotly is there, in the page's colours.
"use strict";

(() => {
  const DARK = {
    "#334155": "#cbd5e1",
    "#e2e8f0": "#39445a",
    "#000000": "#f1f5f9",
    black: "#f1f5f9",
    "#0072B2": "#3f9fdc",
  };
  const CONFIG = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]] };

  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = {};

  const spec = (plot) => figures[plot.dataset.figure][chosen[plot.dataset.figure] || 0];

  // Places are kept before anything is drawn, so that nothing moves under the reader.
  function reserve(plot) {
    const { layout } = spec(plot);
    plot.style.minHeight = `${layout.height}px`;
    plot.style.minWidth = `${layout.meta.min_width}px`;
  }

  function themed(content) {
    const style = getComputedStyle(document.documentElement);
    let text = JSON.stringify(content);
    if (scheme.matches) {
      for (const [light, dark] of Object.entries(DARK)) text = text.replaceAll(`"${light}"`, `"${dark}"`);
    }
    const { data, layout } = JSON.parse(text);
    const paper = style.getPropertyValue("--paper").trim();
    const line = style.getPropertyValue("--line").trim();
    for (const [name, axis] of Object.entries(layout)) {
      if (/^[xy]axis\d*$/.test(name)) Object.assign(axis, { zerolinecolor: line, automargin: true });
    }
    Object.assign(layout, { paper_bgcolor: paper, plot_bgcolor: paper, autosize: true });
    return [data, layout];
  }

  function draw(plot) {
    reserve(plot);
    return Plotly.react(plot, ...themed(spec(plot)), CONFIG).then(() => {
      plot.dataset.drawn = String(chosen[plot.dataset.figure] || 0);
    });
  }

  // Those in view first; the others when the browser has nothing else to do.
  async function drawAll(some) {
    const waiting = new Set(some);
    const near = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (entry.isIntersecting && waiting.delete(entry.target)) draw(entry.target);
        }
      },
      { rootMargin: "400px" }
    );
    some.forEach((plot) => near.observe(plot));
    while (waiting.size) {
      await new Promise((resume) => requestIdleCallback(resume, { timeout: 2000 }));
      const [next] = waiting;
      if (next && waiting.delete(next)) await draw(next);
    }
    near.disconnect();
  }

  plots.forEach(reserve);
  const source = document.currentScript.dataset.plotly;
  if (source) {
    // Plotly is large: it is read only when the table has been painted.
    const script = document.createElement("script");
    script.src = source;
    script.addEventListener("load", () => drawAll(plots));
    requestAnimationFrame(() => setTimeout(() => document.head.append(script)));
  } else {
    drawAll(plots);
  }
  scheme.addEventListener("change", () => window.Plotly && drawAll(plots));
  for (const select of document.querySelectorAll("select[data-figure]")) {
    const name = select.dataset.figure;
    select.addEventListener("change", () => {
      chosen[name] = Number(select.value);
      draw(plots.find((plot) => plot.dataset.figure === name));
    });
  }
})();
