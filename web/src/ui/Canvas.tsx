// The chart library, apart from everything else: it is a bundle of its own.
import { BarController, BarElement, CategoryScale, Chart, Filler, Legend, LinearScale, LineController, LineElement, PointElement, Tooltip } from "chart.js";
import { useEffect, useRef, useSyncExternalStore } from "react";

import { onTheme, themeNumber } from "../shell/theme";
import type { ChartProps } from "./Chart";
import { count } from "./format";

Chart.register(BarController, BarElement, CategoryScale, Filler, Legend, LinearScale, LineController, LineElement, PointElement, Tooltip);

export default function Canvas({ labels, series, kind = "line", stacked = false, format = count }: ChartProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useSyncExternalStore(onTheme, themeNumber);
  const data = JSON.stringify([labels, series, kind, stacked]);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    // Colours that depend on the theme are computed ones: a probe says what they are now.
    const color = (name: string) => {
      const probe = document.createElement("i");
      probe.style.color = `var(${name})`;
      element.parentElement?.append(probe);
      const found = getComputedStyle(probe).color;
      probe.remove();
      return found;
    };
    const text = color("--text-2");
    const lines = color("--line");
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const chart = new Chart(element, {
      type: kind,
      data: {
        labels,
        datasets: series.map((one, index) => {
          const shade = color(`--chart-${one.color ?? (index % 6) + 1}`);
          return {
            label: one.name,
            data: one.values,
            borderColor: shade,
            backgroundColor: kind === "bar" ? shade : shade.replace("rgb(", "rgba(").replace(")", ", 0.12)"),
            fill: kind === "line",
            tension: 0.25,
            pointRadius: labels.length > 40 ? 0 : 2,
            borderWidth: 2,
          };
        }),
      },
      options: {
        animation: still ? false : { duration: 200 },
        maintainAspectRatio: false,
        interaction: { mode: "index", intersect: false },
        plugins: {
          legend: { display: series.length > 1, labels: { color: text, boxWidth: 12 } },
          tooltip: { callbacks: { label: (item) => ` ${item.dataset.label}: ${format(Number(item.raw))}` } },
        },
        scales: {
          x: { stacked, ticks: { color: text, maxRotation: 0, autoSkipPadding: 16 }, grid: { display: false } },
          y: { stacked, beginAtZero: true, ticks: { color: text, precision: 0, callback: (value) => format(Number(value)) }, grid: { color: lines } },
        },
      },
    });
    return () => chart.destroy();
    // `data` is all of what is drawn; a page gives new arrays with the same values each time it renders.
    // `format` is a function of the page, the same for its life.
  }, [data, theme]);
  return <canvas ref={canvas} />;
}
