/** What an update did to a parameter, in a few words. */

/** @import {StepModel, Tensor, Update} from "../model.d.ts" */

import { numberText } from "../number.js";
import { isScalar, norm } from "../tensor.js";

/**
 * @param {string} leaf
 * @param {StepModel} step
 * @param {number} [part] of the way from before to after
 * @returns {string} `5.0 \u2192 4.4 \u00b7 SGD`, `norm 0.57 \u2192 0.49 \u00b7 Adam`; "" without known numbers
 */
export function updateText(leaf, step, part = 1) {
  const update = updateOf(leaf, step);
  const before = update && size(update.before);
  const after = update && size(update.after);
  if (!update || !before || !after) return "";
  const now = numberText(before.number + (after.number - before.number) * part, { digits: before.digits });
  const by = update.optimizer ? ` \u00b7 ${update.optimizer}` : "";
  return `${before.word}${numberText(before.number, { digits: before.digits })} \u2192 ${now}${by}`;
}

/**
 * @param {string} leaf
 * @param {StepModel} step
 * @returns {Update | undefined}
 */
export function updateOf(leaf, { updates }) {
  return updates.find(({ parameter }) => parameter === leaf);
}

/** @param {Tensor | null} tensor */
function size(tensor) {
  if (!tensor) return null;
  const number = isScalar(tensor) ? Number(tensor.values?.[0]) : norm(tensor);
  if (number === null || !Number.isFinite(number)) return null;
  return isScalar(tensor) ? { number, word: "", digits: 4 } : { number, word: "norm ", digits: 4 };
}
