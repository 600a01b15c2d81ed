/** Where an element stands: row-major places, indices, and what broadcasting and negative dims make of them. */

/** @import {GraphNode} from "./model.d.ts" */

/**
 * @param {number[]} shape
 * @returns {number[]} row-major
 */
function stridesOf(shape) {
  const strides = shape.map(() => 1);
  for (let dim = shape.length - 2; dim >= 0; dim -= 1) strides[dim] = (strides[dim + 1] ?? 1) * (shape[dim + 1] ?? 1);
  return strides;
}

/**
 * @param {number} cell
 * @param {number[]} shape
 * @returns {number[]} its index
 */
export function indexOf(cell, shape) {
  return stridesOf(shape).map((stride, dim) => Math.floor(cell / stride) % (shape[dim] ?? 1));
}

/**
 * @param {number[]} index
 * @param {number[]} shape
 */
export function cellOf(index, shape) {
  const strides = stridesOf(shape);
  return index.reduce((sum, place, dim) => sum + place * (strides[dim] ?? 0), 0);
}

/**
 * @param {GraphNode["attributes"]} attributes
 * @param {number} rank
 * @returns {number[]} the dims of a reduction, from 0 on; all where none is named
 */
export function dimsOf({ dim }, rank) {
  const named = Array.isArray(dim) ? dim : dim === undefined || dim === null ? [] : [dim];
  const dims = named.map((each) => (Number(each) + rank) % Math.max(rank, 1));
  return dims.length ? dims : Array.from({ length: rank }, (_, i) => i);
}

/**
 * @param {number} cell of the output
 * @param {number[]} shape of the output
 * @param {number[]} own of an input that is stretched over it
 */
export function broadcast(cell, shape, own) {
  const index = indexOf(cell, shape).slice(shape.length - own.length);
  return cellOf(index.map((place, dim) => (own[dim] === 1 ? 0 : place)), own);
}

/** @param {number} place @param {number} size */
export function wrapped(place, size) {
  return place < 0 ? place + size : place;
}
