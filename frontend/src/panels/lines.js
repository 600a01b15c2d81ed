/** Which lines a chart shows, as numbers that a plot can draw, and what they say in words. Pure. */

/** @import {Curves, Series} from "../curves.js" */

import { numberText } from "../number.js";

/** @typedef {"loss" | "numbers" | "parameters" | "gradients"} Tab */

/** Lines of one chart; more cannot be told apart. */
export const LINES = 8;
/** Above this ratio of the largest to the smallest, a scale of powers shows more. */
const WIDE = 100;
/** One part in so many of a long run is enough to see where it goes. */
const IN_SIGHT = 20;

/** @type {[Tab, string][]} */
export const TABS = [
  ["loss", "Loss"],
  ["numbers", "Numbers"],
  ["parameters", "Parameters"],
  ["gradients", "Gradients"],
];

/**
 * @param {Curves} curves
 * @param {Tab} tab
 * @returns {Series[]} all that belong there
 */
export function seriesOf(curves, tab) {
  if (tab === "gradients") return curves.of("gradient");
  const { losses } = curves;
  if (tab === "loss") return losses.length > 0 ? losses : curves.of("loss");
  const parameters = curves.of("parameter");
  const scalars = curves.of("scalar");
  // a name tells every iteration, a step that is told in full only some
  const longer = (/** @type {Series} */ one) =>
    scalars.find(({ name, length }) => name === one.name && length > one.length) ?? one;
  if (tab === "parameters") return parameters.map(longer);
  const learns = new Set(parameters.map(({ name }) => name));
  const others = scalars.filter((one) => !learns.has(one.name) && !losses.includes(one));
  return others.filter((one) => moves(one) && !isLoss(one, curves.loss));
}

/**
 * @template T
 * @param {T[]} all
 * @returns {T[]} at most `LINES`, evenly over the whole depth, the first and the last among them
 */
export function sample(all) {
  if (all.length <= LINES) return all;
  const picked = Array.from({ length: LINES }, (_, i) => all[Math.round((i * (all.length - 1)) / (LINES - 1))]);
  return /** @type {T[]} */ (picked);
}

/** @param {Series} series */
function moves({ values }) {
  return values.some((value) => value !== values[0] && !(Number.isNaN(value) && Number.isNaN(values[0])));
}

/**
 * @param {Series} series
 * @param {Series | undefined} loss
 * @returns {boolean} it is the loss under the name that the snippet gave it
 */
function isLoss(series, loss) {
  if (!loss || series.length < 2) return false;
  return [0, series.length >> 1, series.length - 1].every((place) => {
    const step = series.steps[place] ?? -1;
    return Object.is(Math.fround(loss.at(step) ?? 0), Math.fround(series.at(step) ?? 1));
  });
}

/**
 * @param {readonly {steps: ArrayLike<number>, values: ArrayLike<number>}[]} lines
 * @param {boolean} log
 * @returns {{xs: number[], ys: (number | null)[][]}} over all iterations of any line, counted from 1; null where a line
 *   has no number that can be drawn
 */
export function align(lines, log) {
  /** @type {number[]} */
  const xs = [];
  /** @type {(number | null)[][]} */
  const ys = lines.map(() => []);
  const places = lines.map(() => 0);
  const next = () => Math.min(...lines.map(({ steps }, i) => steps[places[i] ?? 0] ?? Infinity));
  for (let step = next(); step < Infinity; step = next()) {
    xs.push(step + 1);
    lines.forEach(({ steps, values }, i) => {
      const place = places[i] ?? 0;
      const here = steps[place] === step;
      const value = here ? (values[place] ?? NaN) : NaN;
      ys[i]?.push(Number.isFinite(value) && (!log || value > 0) ? value : null);
      if (here) places[i] = place + 1;
    });
  }
  return { xs, ys };
}

/**
 * @param {number} reached iterations so far
 * @param {number} total how many there will be; 0 where that is not known
 * @returns {number} where an axis ends on which what was reached can be seen: at `total` as soon as that is in sight
 */
export function reach(reached, total) {
  if (total <= reached) return reached;
  if (reached * IN_SIGHT >= total) return total;
  const power = 10 ** Math.floor(Math.log10(Math.max(2 * reached, 10)));
  return Math.min([power, 2 * power, 5 * power, 10 * power].find((end) => end >= 2 * reached) ?? total, total);
}

/**
 * @param {readonly Series[]} lines
 * @returns {boolean} everything is positive, and over a range that a linear scale would flatten
 */
export function logHelps(lines) {
  let low = Infinity;
  let high = 0;
  for (const { values } of lines) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      if (value <= 0) return false;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  return high / low > WIDE;
}

/**
 * @param {Series | undefined} series
 * @returns {{step: number, word: string} | null} the first number that is none
 */
export function firstOdd(series) {
  const place = series?.values.findIndex((value) => !Number.isFinite(value)) ?? -1;
  if (!series || place < 0) return null;
  return { step: series.steps[place] ?? 0, word: numberText(series.values[place]) };
}

/**
 * @param {Series} series
 * @returns {string} `loss over 100 steps: from 6.3 to 0.012, lowest 0.011 at step 98`
 */
export function inWords(series) {
  const { steps, values, length } = series;
  let lowest = 0;
  let highest = 0;
  for (let i = 1; i < length; i += 1) {
    if (!(/** @type {number} */ (values[lowest]) <= /** @type {number} */ (values[i]))) lowest = i;
    if (!(/** @type {number} */ (values[highest]) >= /** @type {number} */ (values[i]))) highest = i;
  }
  const at = (/** @type {number} */ place) => `${numberText(values[place])} at step ${(steps[place] ?? 0) + 1}`;
  const odd = firstOdd(series);
  const name = series.isNorm ? `norm of ${series.name}` : series.name;
  const text = `${name} over ${length.toLocaleString("en-US")} points: from ${numberText(values[0])} to ${numberText(series.last)}`;
  return odd ? `${text}, ${odd.word} from step ${odd.step + 1} on` : `${text}, lowest ${at(lowest)}, highest ${at(highest)}`;
}
