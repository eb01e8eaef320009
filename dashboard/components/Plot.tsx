import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";

export interface Series {
  readonly label: string;
  /** A CSS variable: `--driver`. */
  readonly colour: string;
  /** Colours alone do not tell lines apart: lengths of dashes and gaps; empty: a line without gaps. */
  readonly dash: readonly number[];
  readonly points: boolean;
}

const HEIGHT = 150;

/** A plot over time in seconds. The library is fetched when the first plot is drawn. */
export function Plot(
  props: {
    label: string;
    format: (value: number) => string;
    series: readonly Series[];
    data: readonly (readonly (number | null)[])[];
  },
) {
  const { label, format, series, data } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const latest = useRef(data);
  latest.current = data;
  const shape = series.map((s) => s.label).join();
  useEffect(() => {
    const el = box.current!;
    let over = false;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    let draw = () => {};
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: el.clientWidth, height: HEIGHT }));
    void import("uplot").then(({ default: UPlot }) => {
      if (over) return;
      draw = () => {
        plot.current?.destroy();
        const style = getComputedStyle(el);
        const colour = (name: string) => style.getPropertyValue(name).trim();
        const axis = {
          stroke: colour("--faint"),
          grid: { stroke: colour("--line"), width: 1 },
          ticks: { stroke: colour("--line") },
        };
        plot.current = new UPlot(
          {
            width: el.clientWidth,
            height: HEIGHT,
            scales: { x: { time: false } },
            axes: [
              { ...axis, values: (_u, at) => at.map((v) => `${Number(v.toPrecision(6))} s`) },
              { ...axis, size: 76, values: (_u, at) => at.map(format) },
            ],
            series: [
              { label: "time", value: (_u, v) => v === null ? "–" : `${v.toFixed(6)} s` },
              ...series.map((s) => ({
                label: s.label,
                stroke: colour(s.colour),
                width: 2,
                dash: [...s.dash],
                points: { show: s.points, ...(s.points ? { size: 7, fill: colour(s.colour) } : {}) },
                ...(s.points ? { paths: () => null } : {}),
                value: (_u: uPlot, v: number | null) => v === null ? "–" : format(v),
              })),
            ],
          },
          latest.current as uPlot.AlignedData,
          el,
        );
      };
      draw();
      resize.observe(el);
    });
    const redraw = () => draw();
    dark.addEventListener("change", redraw);
    return () => {
      over = true;
      dark.removeEventListener("change", redraw);
      resize.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data as uPlot.AlignedData), [data]);
  return <div ref={box} class="plot" role="img" aria-label={label} />;
}
