/** One line between two things -> SVG: forward solid and grey, backward dashed and orange beside it, with its label. */

/** @import {DrawnSegment, Point} from "../model.d.ts" */

import { railText } from "../layout/rail.js";
import { beside, pathText } from "../layout/route.js";
import { textWidth } from "./card.js";
import { svg, text } from "./svg.js";

/** From the middle to either line of a pair, in pixels. */
const APART = 7;
const HEAD = 9;
export const LABEL_HEIGHT = 28;

/**
 * @typedef {object} Carried
 * @property {boolean} forward false for the seed, which no data flows into
 * @property {boolean} backward a gradient came along
 * @property {string} label
 */

/**
 * @param {string} label
 * @returns {number} pixels
 */
export function labelWidth(label) {
  return Math.ceil(textWidth(label, 13) + 24);
}

/**
 * @param {DrawnSegment} drawn
 * @param {Carried} carried
 * @returns {{lines: SVGGElement, label: SVGGElement | null}}
 */
export function drawEdge({ segment, points, label, rail }, carried) {
  const lines = svg("g", { class: "edge", "data-edge": segment.edges[0], "data-edges": segment.edges.join(" ") });
  if (rail) {
    lines.append(...drawRail(points, segment.to.port !== null));
    return { lines, label: null };
  }
  const last = /** @type {Point} */ (points.at(-1));
  const first = /** @type {Point} */ (points[0]);
  const down = last.y >= first.y;
  const side = carried.forward && carried.backward ? APART : 0;
  const whole = pathText(points);
  lines.append(svg("path", { class: "hit", d: whole }));
  const openEnd = segment.to.item === null || segment.to.port !== null;
  const openStart = segment.from.item === null || segment.from.port !== null;
  if (carried.forward) {
    const way = openEnd ? beside(points, -side, null) : shorten(beside(points, -side, null));
    lines.append(svg("path", { class: "forward", d: pathText(way) }));
    if (!openEnd) lines.append(arrow("forward-head", { x: last.x - side, y: last.y }, down ? 1 : -1, 5.5));
  }
  if (carried.backward) {
    const back = [...beside(points, side, label)].reverse();
    lines.append(svg("path", { class: "backward", d: pathText(openStart ? back : shorten(back)) }));
    if (!openStart) lines.append(arrow("backward-head", { x: first.x + side, y: first.y }, down ? -1 : 1, 7));
  }
  const pill = carried.label && label ? drawLabel(carried, segment.edges, label) : null;
  return { lines, label: pill };
}

/**
 * @param {Point[]} points
 * @param {boolean} open it goes on inside
 * @returns {SVGElement[]}
 */
function drawRail(points, open) {
  const d = railText(points);
  const { x, y } = /** @type {Point} */ (points.at(-1));
  const parts = [svg("path", { class: "hit", d }), svg("path", { class: "forward", d })];
  if (!open) parts.push(svg("path", { class: "forward-head", d: `M${x - 1},${y} L${x + 10},${y - 5.5} L${x + 10},${y + 5.5} Z` }));
  return parts;
}

/**
 * @param {Point[]} points
 * @returns {Point[]} ending where the arrow head begins
 */
function shorten(points) {
  const last = /** @type {Point} */ (points.at(-1));
  const before = /** @type {Point} */ (points.at(-2) ?? last);
  const down = Math.sign(last.y - before.y);
  return [...points.slice(0, -1), { x: last.x, y: last.y - down * HEAD }];
}

/**
 * @param {string} className
 * @param {Point} tip
 * @param {1 | -1} down
 * @param {number} half
 */
function arrow(className, { x, y }, down, half) {
  const back = y - down * (HEAD + half - 3);
  return svg("path", { class: className, d: `M${x},${y - down} L${x - half},${back} L${x + half},${back} Z` });
}

/**
 * @param {Carried} carried
 * @param {string[]} edges
 * @param {Point} centre
 */
function drawLabel(carried, edges, { x, y }) {
  const width = labelWidth(carried.label);
  return svg(
    "g",
    {
      class: carried.backward ? "label backward-label" : "label",
      transform: `translate(${x - width / 2} ${y - LABEL_HEIGHT / 2})`,
      "data-label": edges.join(" "),
      tabindex: 0,
      role: "button",
      "aria-label": carried.backward ? `gradient ${carried.label}` : carried.label,
    },
    svg("rect", { width, height: LABEL_HEIGHT, rx: LABEL_HEIGHT / 2 }),
    text("label-text", width / 2, 18.5, carried.label, "middle"),
  );
}
