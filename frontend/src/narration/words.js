/** Tensors in a sentence. */

/** @import {Tensor} from "../model.d.ts" */

import { numberText } from "../number.js";
import { gradText, isInteger, isScalar, isWritten, norm, shapeText, valueText } from "../tensor.js";

/**
 * @param {Tensor | undefined} tensor
 * @returns {string} `4.0`, `[1.0, 2.0]`, `[10, 3]`
 */
export function valueWords(tensor) {
  return tensor ? valueText(tensor) : "?";
}

/**
 * @param {Tensor | undefined} tensor
 * @returns {string} `4.0`, `[1.0, 2.0]`, `[10, 1], mean 0.31`
 */
export function resultWords(tensor) {
  if (!tensor) return "a result that was not looked at";
  const words = valueText(tensor);
  if (isScalar(tensor) || isWritten(tensor) || tensor.mean === null || isInteger(tensor)) return words;
  return `${words}, mean ${numberText(tensor.mean, { digits: 3 })}`;
}

/**
 * @param {Tensor | undefined} tensor
 * @returns {string} `4.0`, `[10, 1] (norm 0.8)`
 */
export function gradWords(tensor) {
  if (!tensor) return "none";
  if (isScalar(tensor) || isWritten(tensor)) return valueText(tensor);
  return norm(tensor) === null ? shapeText(tensor.shape) : `${shapeText(tensor.shape)} (${gradText(tensor)})`;
}
