/** A matrix as coloured cells. Sign shows without colour too: as a written number, or as a dot in a negative cell. */

/** @import {Heat} from "../model.d.ts" */

import { numberText } from "../number.js";
import { indexOf } from "../places.js";
import { heatSize } from "../tensor.js";
import { svg, text } from "./svg.js";

/** Images that are painted when they are first seen. @type {WeakMap<Element, Heat>} */
const waiting = new WeakMap();
/** What is drawn, by its element. @type {WeakMap<Element, Heat>} */
const drawn = new WeakMap();
/** Pixels of the image for one cell; the middle one is the dot. */
const GRAIN = 5;

/**
 * @param {Heat} heat
 * @param {number} x
 * @param {number} y
 * @param {string} className "value" or "grad"
 * @returns {SVGGElement}
 */
export function drawHeat(heat, x, y, className) {
  const group = svg("g", { class: `heat ${className}`, transform: `translate(${x} ${y})` });
  const { width, height } = heatSize(heat);
  if (heat.written) group.append(...writtenCells(heat));
  else group.append(laterImage(heat, width, height));
  group.append(svg("rect", { class: "heat-frame", width, height, rx: 2 }));
  drawn.set(group, heat);
  return group;
}

/**
 * @param {Element} element a drawn heat map
 * @param {{x: number, y: number}} at of the window
 * @returns {string} `[1, 2] = 5.0`, `mean of block [0, 3]: 0.12`; "" for none
 */
export function cellWords(element, { x, y }) {
  const heat = drawn.get(element);
  const frame = element.querySelector(":scope > .heat-frame")?.getBoundingClientRect();
  if (!heat || !frame) return "";
  const { rows, columns, cells, shape, integer } = heat;
  const place = (/** @type {number} */ part, /** @type {number} */ count) =>
    Math.min(count - 1, Math.max(0, Math.floor(part * count)));
  const row = place((y - frame.top) / frame.height, rows);
  const column = place((x - frame.left) / frame.width, columns);
  const cell = row * columns + column;
  const number = numberText(cells[cell], { digits: 6, integer });
  return shape ? `[${indexOf(cell, shape).join(", ")}] = ${number}` : `mean of block [${row}, ${column}]: ${number}`;
}

/**
 * @param {Heat} heat
 * @param {number} width
 * @param {number} height
 */
function laterImage(heat, width, height) {
  const image = svg("image", { class: "waiting", width, height, preserveAspectRatio: "none" });
  waiting.set(image, heat);
  return image;
}

/**
 * Paints the heat maps that are not painted yet.
 *
 * @param {Element} within
 */
export function paintHeat(within) {
  for (const image of within.querySelectorAll("image.waiting")) {
    const heat = waiting.get(image);
    if (heat) image.setAttribute("href", heatImage(heat));
    image.classList.remove("waiting");
  }
}

/**
 * @param {Heat} heat
 * @returns {SVGElement[]}
 */
function writtenCells({ columns, cells, cell, scale, integer }) {
  return cells.flatMap((value, i) => {
    const x = (i % columns) * cell.width;
    const y = Math.floor(i / columns) * cell.height;
    const square = svg("rect", { x, y, width: cell.width, height: cell.height });
    square.style.fill = cellColour(value, scale);
    const number = numberText(value, { digits: 3, integer });
    return [square, text("cell", x + cell.width / 2, y + cell.height / 2 + 4, number, "middle")];
  });
}

/**
 * @param {number} value
 * @param {number} scale the magnitude that gets the full colour
 * @returns {string} a CSS colour that follows the theme
 */
export function cellColour(value, scale) {
  if (!Number.isFinite(value)) return "var(--heat-odd)";
  const strength = scale > 0 ? Math.round(72 * Math.min(1, Math.abs(value) / scale)) : 0;
  return `color-mix(in oklab, var(--heat-${value < 0 ? "negative" : "positive"}) ${strength}%, var(--heat-zero))`;
}

/**
 * @param {Pick<Heat, "rows" | "columns" | "cells" | "scale">} heat
 * @returns {string} a data URL
 */
export function heatImage({ rows, columns, cells, scale }) {
  const canvas = document.createElement("canvas");
  canvas.width = columns * GRAIN;
  canvas.height = rows * GRAIN;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const colours = coloursOfNow();
  cells.forEach((value, i) => {
    const x = (i % columns) * GRAIN;
    const y = Math.floor(i / columns) * GRAIN;
    context.fillStyle = mix(colours, value, scale);
    context.fillRect(x, y, GRAIN, GRAIN);
    if (value >= 0 || Number.isNaN(value)) return;
    context.fillStyle = colours.dot;
    context.fillRect(x + 2, y + 2, 1, 1);
  });
  return canvas.toDataURL();
}

/** @typedef {{negative: number[], positive: number[], zero: number[], odd: string, dot: string}} Palette */

/** To read it lays the page out. @type {{look: string, palette: Palette} | null} */
let known = null;

/** @returns {Palette} the theme's colours; as triples where they are mixed */
function coloursOfNow() {
  const { theme = "", ground = "" } = document.documentElement.dataset;
  const look = `${theme} ${ground}`;
  if (known?.look !== look) known = { look, palette: readPalette() };
  return known.palette;
}

/** @returns {Palette} */
function readPalette() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const triple = (name) => (style.getPropertyValue(name).match(/[\da-f]{2}/gi) ?? []).map((part) => parseInt(part, 16));
  return {
    negative: triple("--heat-negative"),
    positive: triple("--heat-positive"),
    zero: triple("--heat-zero"),
    odd: style.getPropertyValue("--heat-odd").trim(),
    dot: style.getPropertyValue("--heat-dot").trim(),
  };
}

/**
 * @param {Palette} palette
 * @param {number} value
 * @param {number} scale
 */
function mix(palette, value, scale) {
  if (!Number.isFinite(value)) return palette.odd;
  const strength = scale > 0 ? 0.9 * Math.min(1, Math.abs(value) / scale) : 0;
  const end = value < 0 ? palette.negative : palette.positive;
  const parts = palette.zero.map((zero, i) => Math.round(zero + ((end[i] ?? zero) - zero) * strength));
  return `rgb(${parts.join(" ")})`;
}
