/** An update or a zero_grad in words, with the numbers of the step. */

/** @import {GraphNode, Tensor, Update} from "../model.d.ts" */
/** @import {Told} from "../narration.js" */

import { numberText } from "../number.js";
import { nodeTitle } from "../stage/card.js";
import { gradText, isScalar, matrixOf, norm, shapeText } from "../tensor.js";
import { gradWords } from "./words.js";

/**
 * @param {GraphNode} node
 * @param {Told} told
 */
export function updated(node, { step, lines }) {
  const update = step.updates.find(({ parameter }) => parameter === node.id);
  const name = nodeTitle(node);
  const who = update?.optimizer ?? "by hand";
  const { before, after } = update ?? {};
  if (!update || !before || !after) return `${who}: ${name} is updated`;
  if (isScalar(before) && isScalar(after)) return `${who}: ${name} ${scalarUpdate(update, lines)}`;
  const change = largestChange(before, after);
  const most = change === null ? "" : ` by at most ${numberText(change, { digits: 3 })}`;
  const sizes = norm(before) === null ? "" : ` (${gradText(before)} → ${numberText(norm(after), { digits: 3 })})`;
  return `${who}: ${name} ${shapeText(before.shape)} moves${most}${sizes}`;
}

/**
 * @param {Update} update of one number
 * @param {string[]} lines
 * @returns {string} `1.0 − 0.1 · 4.0 = 0.6`, if the snippet has that 0.1; else `1.0 − 0.4 = 0.6`
 */
function scalarUpdate({ before, after, gradient, optimizer }, lines) {
  const numbers = [before, after, gradient].map((tensor) => Number(tensor?.values?.[0] ?? NaN));
  const [was = NaN, is = NaN, slope = NaN] = numbers;
  if (![was, is].every(Number.isFinite)) return `${numberText(was)} → ${numberText(is)}`;
  const plain = optimizer === null || optimizer === "SGD";
  const rate = plain ? (was - is) / slope : NaN;
  const literal = literals(lines).find((value) => value > 0 && Math.abs(value - rate) <= 2e-3 * Math.abs(rate));
  const factor = slope < 0 ? `(${numberText(slope)})` : numberText(slope);
  if (literal !== undefined) {
    return `${numberText(was)} − ${numberText(literal)} · ${factor} = ${numberText(is)}`;
  }
  const sign = is <= was ? "−" : "+";
  return `${numberText(was)} ${sign} ${numberText(Math.abs(is - was))} = ${numberText(is)}`;
}

/** @param {string[]} lines @returns {number[]} the numbers that the snippet names */
function literals(lines) {
  return lines.flatMap((line) => line.replace(/#.*/, "").match(/\d+\.?\d*(?:e-?\d+)?|\.\d+(?:e-?\d+)?/gi) ?? []).map(Number);
}

/**
 * @param {Tensor} before
 * @param {Tensor} after
 * @returns {number | null} null when not all values are known
 */
function largestChange(before, after) {
  if (!before.values || !after.values) return null;
  const [was, is] = [matrixOf(before)?.cells, matrixOf(after)?.cells];
  if (!was || !is || was.length !== is.length) return null;
  return was.reduce((top, value, i) => Math.max(top, Math.abs((is[i] ?? value) - value)), 0);
}

/**
 * @param {GraphNode} node
 * @param {number} at
 * @param {Told} told
 */
export function cleared(node, at, { step, leftover }) {
  const name = `${nodeTitle(node)}.grad`;
  const changed = step.events
    .slice(0, at)
    .findLast(({ node: id, phase }) => id === node.id && /^(backward|zero_grad)$/.test(phase));
  const own = step.leafGrads.get(node.id) ?? step.grads.get(node.id);
  const held = changed ? (changed.phase === "backward" ? own : undefined) : leftover.get(node.id);
  return held ? `zero_grad: ${name} ${gradWords(held)} is cleared` : `zero_grad: ${name} is cleared`;
}
