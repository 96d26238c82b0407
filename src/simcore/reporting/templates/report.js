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

  // Read and run only when the first figure comes near: the page itself appears at once.
  function loadPlotly() {
    if (window.Plotly) return;
    const script = document.createElement("script");
    script.text = JSON.parse(document.getElementById("plotly").textContent);
    document.head.append(script);
  }

  async function draw(canvas) {
    if (canvas.dataset.state) return;
    canvas.dataset.state = "waiting";
    try {
      loadPlotly();
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

  const margin = 600; // pixels below the window at which a figure is drawn ahead
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((each) => each.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: `${margin}px` });
  // The observer waits for a frame, which a browser without a window may never show.
  setTimeout(() => {
    for (const canvas of canvases) {
      if (canvas.getBoundingClientRect().top < innerHeight + margin) draw(canvas);
      else seen.observe(canvas);
    }
  });

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
