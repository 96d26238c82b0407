"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)");
  const canvases = [...document.querySelectorAll(".canvas")];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // The colours of the page, so that figures follow its light and dark mode.
  function theme(layout) {
    const change = {
      "font.color": colour("--ink"),
      "hoverlabel.bgcolor": colour("--raised"),
      "hoverlabel.font.color": colour("--ink"),
      "hoverlabel.bordercolor": colour("--line"),
    };
    for (const axis of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
      change[`${axis}.gridcolor`] = colour("--line");
      change[`${axis}.linecolor`] = colour("--line");
    }
    return change;
  }

  let ready = null;
  function loadPlotly() {
    ready ??= (async () => {
      const packed = atob(document.getElementById("plotly-packed").textContent);
      const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const script = document.createElement("script");
      script.text = await new Response(stream).text();
      document.head.append(script);
    })();
    return ready;
  }

  async function draw(canvas) {
    if (canvas.dataset.state) return;
    canvas.dataset.state = "waiting";
    try {
      await loadPlotly();
      const data = document.querySelector(`script[data-figure="${canvas.id}"]`).textContent;
      const figure = JSON.parse(data);
      // On a touch screen a finger on a figure scrolls the page.
      if (touch.matches) figure.layout.dragmode = false;
      await Plotly.newPlot(canvas, figure.data, figure.layout, { responsive: true, displayModeBar: false });
      await Plotly.relayout(canvas, theme(figure.layout));
      canvas.dataset.state = "drawn";
    } catch (error) {
      canvas.dataset.state = "failed";
      canvas.textContent = "This browser cannot draw the figure; its numbers are in a table or a file.";
      throw error;
    }
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  canvases.forEach((canvas) => seen.observe(canvas));

  dark.addEventListener("change", () => {
    for (const canvas of canvases.filter((each) => each.dataset.state === "drawn")) {
      Plotly.relayout(canvas, theme(canvas.layout));
    }
  });
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
    canvases.forEach(draw);
  });
})();
