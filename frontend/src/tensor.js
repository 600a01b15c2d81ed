/** A tensor's summary in words and as a matrix. */

/** @import {Heat, Size, Tensor} from "./model.d.ts" */

import { numberText } from "./number.js";
import { textWidth } from "./stage/text.js";

const FRACTIONLESS = /int|bool/;

/** @param {Tensor} tensor */
export function isInteger(tensor) {
  return FRACTIONLESS.test(tensor.dtype);
}

/** @param {Tensor} tensor */
export function isScalar(tensor) {
  return tensor.numel === 1 && tensor.values !== null;
}

/**
 * @param {number[]} shape
 * @returns {string} `[10, 3]`, `[]`
 */
export function shapeText(shape) {
  return `[${shape.join(", ")}]`;
}

/**
 * The Euclidean norm, from the values, or from mean and standard deviation (with Bessel's correction) and the count.
 *
 * @param {Tensor} tensor
 * @returns {number | null} null when the summary does not say
 */
export function norm(tensor) {
  if (tensor.values) return Math.sqrt(tensor.values.reduce((/** @type {number} */ sum, v) => sum + square(v), 0));
  if (tensor.mean === null) return null;
  const spread = tensor.std === null ? 0 : tensor.std ** 2 * (tensor.numel - 1);
  return Math.sqrt(tensor.numel * tensor.mean ** 2 + spread);
}

/** @param {number | [number, number]} value */
function square(value) {
  return Array.isArray(value) ? value[0] ** 2 + value[1] ** 2 : value ** 2;
}

/**
 * @param {Tensor | undefined} tensor
 * @returns {boolean} a vector so short that its elements stand in its place
 */
export function isWritten(tensor) {
  return tensor?.shape.length === 1 && tensor.values !== null && tensor.numel > 0 && tensor.numel <= 3;
}

/**
 * @param {Tensor | undefined} tensor
 * @returns {string} the value of a scalar, the elements of a very short vector, else the shape
 */
export function valueText(tensor) {
  if (!tensor) return "";
  const integer = isInteger(tensor);
  if (isScalar(tensor)) return scalarText(tensor);
  if (isWritten(tensor)) {
    return `[${tensor.values?.map((v) => numberText(v, { digits: 3, integer })).join(", ")}]`;
  }
  return tensor.shape.length === 0 ? "scalar" : shapeText(tensor.shape);
}

/** @param {Tensor} tensor */
function scalarText(tensor) {
  const value = tensor.values?.[0];
  if (tensor.dtype === "torch.bool") return value ? "True" : "False";
  return numberText(value, { integer: isInteger(tensor) });
}

/**
 * @param {Tensor | undefined} tensor
 * @returns {string} a gradient in short: its value, or its norm
 */
export function gradText(tensor) {
  if (!tensor) return "\u2013";
  if (isScalar(tensor)) return scalarText(tensor);
  const size = norm(tensor);
  return size === null ? shapeText(tensor.shape) : `norm ${numberText(size, { digits: 3 })}`;
}

/**
 * @param {Tensor} tensor
 * @returns {{rows: number, columns: number, cells: number[]} | null} all leading dims stacked; null without real values
 */
export function matrixOf(tensor) {
  if (tensor.values && tensor.numel > 0) {
    if (tensor.values.some(Array.isArray)) return null;
    const columns = tensor.shape.at(-1) ?? 1;
    return { rows: tensor.numel / columns, columns, cells: /** @type {number[]} */ (tensor.values) };
  }
  const [first] = tensor.thumb ?? [];
  if (!tensor.thumb || !first) return null;
  return { rows: tensor.thumb.length, columns: first.length, cells: tensor.thumb.flat() };
}

/** Numbers are written up to this many columns, rows and cells. */
const WRITTEN = { columns: 6, rows: 6, cells: 24 };
/** Of a cell with a number, in pixels: its type, and its width whatever the number is, or at least. */
export const CELL = { type: 13, steady: 58, least: 36, margin: 10, height: 22 };

/**
 * @param {number[]} cells
 * @param {boolean} [integer]
 * @returns {number} pixels of a cell for the longest of their numbers
 */
export function cellWidth(cells, integer = false) {
  const widths = cells.map((cell) => textWidth(numberText(cell, { digits: 3, integer }), CELL.type));
  return Math.max(CELL.least, Math.round(Math.max(...widths)) + CELL.margin);
}

/**
 * @param {Tensor | undefined} tensor
 * @param {{room: Size, write: boolean, steady?: boolean, scale?: number | undefined}} options pixels for an unwritten
 *   matrix; may numbers be written; sizes must not follow them; the magnitude that gets the full colour, where it is
 *   that of several
 * @returns {Heat | null} null for scalars and for tensors without values
 */
export function heatOf(tensor, { room, write, steady = true, scale: common }) {
  if (!tensor || isScalar(tensor)) return null;
  const matrix = matrixOf(tensor);
  if (!matrix) return null;
  const { rows, columns, cells } = matrix;
  const largest = () => cells.reduce((top, v) => (Number.isFinite(v) ? Math.max(top, Math.abs(v)) : top), 0);
  const scale = common ?? largest();
  const whole = tensor.values !== null && tensor.shape.length <= 2;
  const few = columns <= WRITTEN.columns && rows <= WRITTEN.rows && cells.length <= WRITTEN.cells;
  const written = write && whole && few;
  const shape = tensor.values === null ? null : tensor.shape;
  const integer = shape !== null && isInteger(tensor);
  const width = written && !steady ? cellWidth(cells, integer) : CELL.steady;
  const cell = written ? { width, height: CELL.height } : cellFor(rows, columns, room);
  return { rows, columns, cells, shape, scale, written, integer, cell };
}

/**
 * @param {number} rows
 * @param {number} columns
 * @param {Size} room
 * @returns {Size}
 */
function cellFor(rows, columns, room) {
  const width = Math.min(14, room.width / columns);
  const height = Math.min(14, room.height / rows);
  return { width: Math.max(width, 1), height: Math.max(height, 1) };
}

/**
 * @param {Heat | null} heat
 * @returns {Size}
 */
export function heatSize(heat) {
  if (!heat) return { width: 0, height: 0 };
  return { width: heat.columns * heat.cell.width, height: heat.rows * heat.cell.height };
}
