/** Colours what is drawn by a measure, with the figure written beside, and dims what is not on a path. */

/** @import {Figure, Measured} from "../measure.js" */
/** @import {Layers} from "./layers.js" */

import { svg, text } from "./svg.js";
import { textWidth } from "./text.js";

const SIGNS = { "": "", vanishing: "\u25bd ", exploding: "\u25b2 ", zero: "", odd: "\u26a0 " };
const BADGE = { height: 20, type: 13 };

/**
 * @param {number} level 0 to 1
 * @returns {string} a CSS colour that follows the theme
 */
export function levelColour(level) {
  const [from, to, part] = level < 0.5 ? ["low", "middle", level * 2] : ["middle", "high", level * 2 - 1];
  return `color-mix(in oklab, var(--level-${to}) ${Math.round(part * 100)}%, var(--level-${from}))`;
}

/**
 * @param {Layers} layers
 * @param {Measured | null} measured null takes the colours away
 */
export function tint(layers, measured) {
  for (const [id, { element, card }] of layers.nodes) tintNode(element, card.width, measured?.items.get(id) ?? null);
  for (const [id, { lines }] of layers.edges) {
    const figure = measured?.segments.get(id) ?? null;
    paint(lines, figure);
    lines.classList.toggle("untold", measured !== null && figure === null);
  }
}

/**
 * @param {SVGGElement} element
 * @param {number} width
 * @param {Figure | null} figure
 */
function tintNode(element, width, figure) {
  paint(element, figure);
  element.querySelector(":scope > .badge")?.remove();
  if (!figure) return;
  const words = `${SIGNS[figure.alarm]}${figure.text}`;
  const wide = textWidth(words, BADGE.type) + 14;
  element.append(svg("g", { class: `badge ${figure.alarm}`, transform: `translate(${width - wide - 10} ${-BADGE.height / 2})` },
    svg("rect", { width: wide, height: BADGE.height, rx: BADGE.height / 2 }),
    text("badge-text", wide / 2, 14.5, words, "middle")));
}

/**
 * @param {SVGElement} element
 * @param {Figure | null} figure
 */
function paint(element, figure) {
  element.classList.toggle("tinted", figure !== null);
  if (figure) element.style.setProperty("--level", figure.alarm === "odd" ? "var(--heat-odd)" : levelColour(figure.level));
  else element.style.removeProperty("--level");
}

/**
 * @param {Layers} layers
 * @param {{items: ReadonlySet<string>, edges: ReadonlySet<string>} | null} path null dims nothing
 */
export function dimBeside(layers, path) {
  for (const [id, { element }] of layers.nodes) element.classList.toggle("dimmed", path !== null && !path.items.has(id));
  for (const { lines, label, drawn } of layers.edges.values()) {
    const on = path === null || drawn.segment.edges.some((id) => path.edges.has(id));
    for (const part of [lines, label]) part?.classList.toggle("dimmed", !on);
  }
}

/**
 * @param {Layers} layers
 * @param {ReadonlySet<string>} items found by a search
 */
export function highlight(layers, items) {
  for (const [id, { element }] of layers.nodes) element.classList.toggle("found", items.has(id));
}
