/** Gradients of tensors that meet at a node, below its words: a row of small heat maps that adds up cell by cell. */

/** @import {GraphModel, Heat, Size, StepModel, Tensor, Terms} from "../model.d.ts" */

import { cellsTogether, isOfScalars, meetingsAt } from "../meeting.js";
import { CELL, cellWidth, heatOf, heatSize } from "../tensor.js";
import { drawHeat } from "./heat.js";
import { svg, text } from "./svg.js";
import { moreText } from "./contribution.js";
import { textWidth } from "./text.js";

/** So many terms are drawn; more are counted. */
const MOST = 3;
/** Of a heat map without numbers, in pixels. */
const THUMB = { width: 46, height: 40 };
/** With numbers in the cells, if the row takes no more of the stage's width, and is no higher in pixels. */
const SHARE = 0.6;
const HIGHEST = 90;
/** Between two heat maps, for the sign. */
const SIGN = 22;
const MARGIN = 10;
/** Of the words that count them, in pixels. */
const MORE_TYPE = 13;

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
  const width = steady ? CELL.steady : cellWidth([...together.parts, together.total].flat());
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

/**
 * @param {Terms | null} terms
 * @returns {Size} with the room above it; nothing for none
 */
export function termsSize(terms) {
  if (!terms) return { width: 0, height: 0 };
  const { width, height } = heatSize(terms.total);
  const signs = terms.parts.length + (terms.more > 0 ? 1 : 0);
  return { width: width * (terms.parts.length + 1) + signs * SIGN + moreWidth(terms.more), height: height + MARGIN };
}

/** @param {number} more terms that are not drawn @returns {number} pixels of the words that count them */
function moreWidth(more) {
  return more > 0 ? textWidth(moreText(more), MORE_TYPE) : 0;
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
  if (more > 0) {
    sign("+");
    row.append(text("addends-more", left, height / 2 + 4, moreText(more)));
    left += moreWidth(more);
  }
  sign(adds ? "=" : "\u2192");
  term(total, "");
  return row;
}
