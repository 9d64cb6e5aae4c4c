// charts.js - Chart.js, in our colours. A chart is made once and then told new figures, so that it does not flicker.
import { h } from "./dom.js";
import { language } from "./text.js";

const { Chart } = window;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function axes({ stacked, whole, format }) {
  const grid = { color: colour("line"), drawTicks: false, borderColor: colour("line") };
  const ticks = { color: colour("quiet"), font: { size: 11 }, maxRotation: 0, padding: 6 };
  return {
    x: { stacked, grid: { ...grid, display: false }, ticks: { ...ticks, autoSkipPadding: 16 } },
    y: { stacked, beginAtZero: true, grid, ticks: { ...ticks, maxTicksLimit: 5, precision: whole ? 0 : undefined, callback: (value) => format(value) } },
  };
}

function options({ stacked, whole, format }) {
  return {
    locale: language,
    animation: false,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    scales: axes({ stacked, whole, format }),
    plugins: {
      legend: { position: "bottom", labels: { color: colour("ink"), boxWidth: 12, boxHeight: 12, font: { size: 12 } } },
      tooltip: { callbacks: { label: (item) => ` ${item.dataset.label}: ${format(item.parsed.y)}` } },
    },
  };
}

function dataset({ label, tone, line, values }, type) {
  const hue = colour(tone);
  return line || type === "line"
    ? { type: "line", label, data: values, borderColor: hue, backgroundColor: hue, borderWidth: 2, pointRadius: 0, pointHitRadius: 8, spanGaps: true, stack: label }
    : { type: "bar", label, data: values, backgroundColor: hue, stack: "all", categoryPercentage: 1, barPercentage: 0.9 };
}

/*
 * A chart that is drawn again by its draw({labels, series, says}). series: [{label, tone, values, line}]; says: the same in words, for
 * whoever cannot see it.
 */
export function chart(id, type, { stacked = false, whole = false, format }) {
  const canvas = h("canvas", { id, role: "img" });
  const node = h("div", { class: "chart", "data-kept": true, "data-key": id }, canvas);
  let made = null;
  let last = null;

  function draw(figures) {
    last = figures;
    const data = { labels: figures.labels, datasets: figures.series.map((one) => dataset(one, type)) };
    canvas.setAttribute("aria-label", figures.says);
    if (made) {
      made.data = data;
      made.options = options({ stacked, whole, format });
      made.update();
    } else if (canvas.isConnected) {
      made = new Chart(canvas, { type, data, options: options({ stacked, whole, format }) });
    }
  }

  return {
    node,
    draw,
    recolour: () => last && draw(last),
    destroy: () => made?.destroy(),
  };
}
