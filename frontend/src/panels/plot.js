/** One plot of lines against steps, on a canvas: drawn by uPlot, in the colours of the page. */

import uPlot from "../../vendor/uplot.js";

/**
 * @typedef {object} PlotLine
 * @property {string} label
 * @property {string} colour name of a custom property: `--series-1`
 * @property {boolean} before of the run before: dashed
 *
 * @typedef {object} Figure
 * @property {PlotLine[]} lines
 * @property {number[]} xs
 * @property {(number | null)[][]} ys
 * @property {boolean} log
 * @property {number} end the largest x, also before it is reached
 * @property {number} current x of the step that is shown
 * @property {{x: number, word: string} | null} odd from there on the first line has no numbers
 *
 * @typedef {object} Actions
 * @property {(x: number) => void} onChoose
 * @property {(x: number | null) => void} onHover
 */

const FACE = '"Inter", system-ui, sans-serif';
/** On a wide page, as a projector shows it, all is larger by this. */
const ENLARGED = 1.35;
const WIDE = matchMedia("(min-width: 2000px)");
const DASH = [5, 4];
/** Between two marks of a scale of powers, in pixels. */
const ROOM = 20;
/** Distances between the marks of the axis of steps. */
const WHOLE = [1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap((power) => [power, 2 * power, 5 * power]);

export class Plot {
  #host;
  #actions;
  /** @type {uPlot | null} */
  #plot = null;
  /** What cannot be changed in a plot that exists. */
  #shape = "";
  /** @type {Figure | null} */
  #figure = null;

  /**
   * @param {HTMLElement} host fills it
   * @param {Actions} actions
   */
  constructor(host, actions) {
    this.#host = host;
    this.#actions = actions;
    new ResizeObserver(() => {
      if (this.#plot) this.#plot.setSize(this.#size());
      else if (this.#figure) this.show(this.#figure);
    }).observe(host);
  }

  /** @param {Figure} figure */
  show(figure) {
    const before = this.#figure;
    this.#figure = figure;
    const { width, height } = this.#size();
    if (width < 40 || height < 30) return;
    const shape = JSON.stringify([figure.log, figure.lines]);
    if (!this.#plot || shape !== this.#shape) this.#make(figure, shape);
    else if (before?.xs !== figure.xs || before.end !== figure.end) this.#plot.setData(dataOf(figure));
    else this.#plot.redraw(false, false);
  }

  /** Draws again, in the colours of now. */
  redraw() {
    this.#shape = "";
    if (this.#figure) this.show(this.#figure);
  }

  /** @param {number | null} line its place: the others step back */
  emphasise(line) {
    this.#plot?.setSeries(line === null ? null : line + 1, { focus: true });
  }

  #size() {
    return { width: this.#host.clientWidth, height: this.#host.clientHeight };
  }

  /**
   * @param {Figure} figure
   * @param {string} shape
   */
  #make(figure, shape) {
    this.#plot?.destroy();
    this.#shape = shape;
    const plot = new uPlot(this.#options(figure), dataOf(figure), this.#host);
    this.#plot = plot;
    plot.over.addEventListener("click", ({ clientX }) => {
      const x = this.#figure?.xs[plot.posToIdx(clientX - plot.over.getBoundingClientRect().left)];
      if (x !== undefined) this.#actions.onChoose(x);
    });
  }

  /**
   * @param {Figure} figure
   * @returns {uPlot.Options}
   */
  #options({ lines, log }) {
    const [quiet, grid] = [colourOf("--quiet"), colourOf("--line")];
    const larger = WIDE.matches ? ENLARGED : 1;
    const axis = { stroke: quiet, font: `${11 * larger}px ${FACE}`, ticks: { stroke: grid, size: 4 }, grid: { stroke: grid, width: 1 } };
    const own = lines.filter(({ before }) => !before).length;
    return {
      ...this.#size(),
      padding: [10, 24, 0, 0],
      legend: { show: false },
      focus: { alpha: 0.25 },
      cursor: { y: false, drag: { x: false, y: false, click: () => {} }, points: { size: 7 } },
      scales: {
        x: { time: false, range: () => [1, Math.max(this.#figure?.end ?? 2, 2)] },
        y: log ? { distr: 3, log: 10 } : {},
      },
      axes: [
        { ...axis, size: 24 * larger, gap: 2, space: 44 * larger, incrs: WHOLE, grid: { show: false } },
        {
          ...axis, size: 48 * larger, gap: 3, space: 26 * larger, values: (_, splits) => splits.map(axisText),
          ...(log ? { splits: powers, filter: all } : {}),
        },
      ],
      series: [
        {},
        ...lines.map(({ label, colour, before }) => ({
          label, stroke: colourOf(colour), width: before ? 1.5 : 2, spanGaps: true, points: { show: false },
          ...(before ? { dash: DASH } : {}),
        })),
      ],
      hooks: {
        draw: [(plot) => this.#mark(plot, own)],
        setCursor: [({ cursor, data }) => this.#actions.onHover(typeof cursor.idx === "number" ? (data[0][cursor.idx] ?? null) : null)],
      },
    };
  }

  /**
   * The step that is shown, and where the numbers end.
   *
   * @param {uPlot} plot
   * @param {number} own lines of this run, which come first
   */
  #mark(plot, own) {
    if (!this.#figure) return;
    const { current, odd, xs } = this.#figure;
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    if (odd) markOdd(plot, odd);
    const x = plot.valToPos(current, "x", true);
    ctx.strokeStyle = ctx.fillStyle = colourOf("--backward-line");
    ctx.lineWidth = ratio;
    ctx.globalAlpha = 0.55;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    const place = xs.indexOf(current);
    for (let line = 1; place >= 0 && line <= own; line += 1) {
      const value = plot.data[line]?.[place];
      if (typeof value !== "number") continue;
      ctx.beginPath();
      ctx.arc(x, plot.valToPos(value, "y", true), 4 * ratio, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  }
}

/**
 * @param {uPlot} plot
 * @param {{x: number, word: string}} odd
 */
function markOdd({ ctx, bbox, valToPos }, { x, word }) {
  const ratio = devicePixelRatio;
  const left = Math.max(valToPos(x, "x", true), bbox.left);
  const right = bbox.left + bbox.width;
  ctx.fillStyle = colourOf("--error-soft");
  ctx.fillRect(left, bbox.top, Math.max(right - left, 2 * ratio), bbox.height);
  ctx.fillStyle = colourOf("--error");
  ctx.fillRect(left, bbox.top, 2 * ratio, bbox.height);
  ctx.font = `bold ${12 * (WIDE.matches ? ENLARGED : 1) * ratio}px ${FACE}`;
  const late = right - left < 60 * ratio;
  ctx.textAlign = late ? "right" : "left";
  ctx.textBaseline = "top";
  ctx.fillText(word, late ? left - 6 * ratio : left + 8 * ratio, bbox.top + 6 * ratio);
}

/**
 * The marks of a scale of powers: powers of ten, as many as there is room for.
 *
 * @param {uPlot} plot
 * @param {number} _axis
 * @param {number} low
 * @param {number} high
 */
function powers(plot, _axis, low, high) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const room = Math.max(plot.bbox.height / devicePixelRatio / ROOM, 1);
  const by = Math.max(Math.ceil((last - first) / room), 1);
  return Array.from({ length: Math.max(Math.floor((last - first) / by) + 1, 1) }, (_, i) => 10 ** (first + i * by));
}

/**
 * @param {uPlot} _plot
 * @param {number[]} splits
 */
function all(_plot, splits) {
  return splits;
}

/**
 * @param {Figure} figure
 * @returns {uPlot.AlignedData}
 */
function dataOf({ xs, ys }) {
  return [xs, ...ys];
}

/** @param {string} name */
function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** @param {number | null} value null for a line of a scale of powers that is not named */
function axisText(value) {
  if (value === null) return "";
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude >= 1e5 || magnitude < 1e-3)) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(6)));
}
