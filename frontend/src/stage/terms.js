/** Gradients of tensors that meet at a node, below its words: a row of small heat maps that adds up cell by cell. */

/** @import {GraphModel, Heat, Size, StepModel, Tensor, Terms} from "../model.d.ts" */

import { cellsTogether, isOfScalars, meetingsAt } from "../meeting.js";
import { numberText } from "../number.js";
import { heatOf, heatSize } from "../tensor.js";
import { CELL_TYPE, drawHeat } from "./heat.js";
import { svg, text } from "./svg.js";
import { textWidth } from "./text.js";

/** So many terms are drawn; more are hinted at. */
const MOST = 3;
/** Of a heat map without numbers, in pixels. */
const THUMB = { width: 46, height: 40 };
/** With numbers in the cells, if the row takes no more of the stage's width, and is no higher in pixels. */
const SHARE = 0.6;
const HIGHEST = 90;
/** Of a cell with a number, in pixels; whatever the numbers are where other steps will stand in the same place. */
const CELL = { steady: 58, least: 36, margin: 10, height: 22 };
/** Between two heat maps, for the sign. */
const SIGN = 22;
const MARGIN = 10;

/**
 * @param {string} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @param {{room: number, steady: boolean}} look width of the stage, in pixels; sizes must not follow the numbers
 * @returns {Terms | null} null where no tensors meet, or their numbers are not known
 */
export function termsOf(node, graph, step, { room, steady }) {
  const [met] = meetingsAt(node, graph, step).filter((each) => !isOfScalars(each));
  const together = met ? cellsTogether(met) : null;
  if (!met || !together) return null;
  const shown = met.parts.length > MOST ? met.parts.slice(0, MOST - 1) : met.parts;
  const { scale, rows, columns, blocks } = together;
  const width = steady ? CELL.steady : widest([...together.parts, together.total]);
  const wide = (shown.length + 1) * columns * width + shown.length * SIGN;
  const fits = wide <= room * SHARE && rows * CELL.height <= HIGHEST;
  const cell = !blocks && met.total.shape.length <= 2 && fits ? { width, height: CELL.height } : null;
  const heat = (/** @type {Tensor} */ tensor) => {
    const made = /** @type {Heat} */ (heatOf(tensor, { room: THUMB, write: false, scale }));
    return cell ? { ...made, written: true, cell } : made;
  };
  return {
    parts: shown.map(({ edge, tensor }) => ({ edge, heat: heat(tensor) })), total: heat(met.total),
    adds: met.adds, more: met.parts.length - shown.length,
  };
}

/** @param {number[][]} rows @returns {number} pixels of a cell for the longest of their numbers */
function widest(rows) {
  const longest = Math.max(...rows.flat().map((cell) => textWidth(numberText(cell, { digits: 3 }), CELL_TYPE)));
  return Math.max(CELL.least, Math.round(longest) + CELL.margin);
}

/**
 * @param {Terms | null} terms
 * @returns {Size} with the room above it; nothing for none
 */
export function termsSize(terms) {
  if (!terms) return { width: 0, height: 0 };
  const { width, height } = heatSize(terms.total);
  const signs = terms.parts.length + (terms.more > 0 ? 1 : 0);
  return { width: width * (terms.parts.length + 1) + signs * SIGN, height: height + MARGIN };
}

/**
 * @param {Terms} terms
 * @param {number} x
 * @param {number} y
 * @returns {SVGGElement} each term knows its edge, so that it can be shown when its gradient has come
 */
export function drawTerms({ parts, total, adds, more }, x, y) {
  const { width, height } = heatSize(total);
  const row = svg("g", { class: "addends", transform: `translate(${x} ${y + MARGIN})` });
  let left = 0;
  const sign = (/** @type {string} */ word) => {
    row.append(text("addends-sign", left + SIGN / 2, height / 2 + 5, word, "middle"));
    left += SIGN;
  };
  const term = (/** @type {Heat} */ heat, /** @type {string} */ edge) => {
    const slot = svg("rect", { class: "slot", x: left, width, height, rx: 2 });
    row.append(svg("g", { class: "addend", "data-addend": edge }, slot, drawHeat(heat, left, 0, "grad")));
    left += width;
  };
  parts.forEach(({ heat, edge }, i) => {
    if (i > 0) sign("+");
    term(heat, edge);
  });
  if (more > 0) sign("\u2026");
  sign(adds ? "=" : "\u2192");
  term(total, "");
  return row;
}
