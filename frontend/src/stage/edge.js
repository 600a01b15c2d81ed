/** One line between two things -> SVG: forward solid and grey, backward dashed and orange beside it, with its label. */

/** @import {DrawnSegment, Point} from "../model.d.ts" */

import { railText } from "../layout/rail.js";
import { beside, pathText } from "../layout/route.js";
import { svg, text } from "./svg.js";
import { textWidth } from "./text.js";

/** From the middle to either line of a pair, in pixels. */
const APART = 7;
const HEAD = 9;
export const LABEL_HEIGHT = 26;

/**
 * @typedef {object} Carried
 * @property {boolean} forward false for the seed, which no data flows into
 * @property {boolean} backward a gradient came along
 * @property {string} label
 * @property {string} [summed] `summed over dim 0: [3, 4] → [4]`, where the label says Σ
 * @property {boolean} [odd] a gradient that came along is not finite
 * @property {boolean} [cut] the gradient stops here
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
 * @returns {{lines: SVGGElement, label: SVGGElement | null}} the lines are there when `fillEdge` has drawn them
 */
export function drawEdge(drawn, carried) {
  const { edges } = drawn.segment;
  const kind = carried.odd ? "edge odd" : carried.cut ? "edge cut" : "edge";
  const lines = svg("g", { class: kind, "data-edge": edges[0], "data-edges": edges.join(" ") });
  const label = carried.label && drawn.label && !drawn.rail ? drawLabel(carried, edges, drawn.label) : null;
  return { lines, label };
}

/**
 * @param {SVGGElement} lines made by `drawEdge` of the same segment
 * @param {DrawnSegment} drawn
 * @param {Carried} carried
 */
export function fillEdge(lines, drawn, carried) {
  for (const [className, d] of pathsOf(drawn, carried)) lines.append(svg("path", { class: className, d }));
}

/**
 * @param {{lines: SVGGElement, label: SVGGElement | null}} made by `drawEdge` of the same segment
 * @param {DrawnSegment} drawn
 * @param {Carried} carried
 */
export function moveEdge({ lines, label }, drawn, carried) {
  if (lines.firstChild) pathsOf(drawn, carried).forEach(([, d], i) => lines.children[i]?.setAttribute("d", d));
  if (label && drawn.label) label.setAttribute("transform", labelPlace(carried, drawn.label));
}

/**
 * @param {DrawnSegment} drawn
 * @param {Carried} carried
 * @returns {[string, string][]} class and `d` of each path, equally many for equal ends and `carried`
 */
function pathsOf({ segment, points, label, rail }, carried) {
  if (rail) return railPaths(points, segment.to.port !== null);
  const last = /** @type {Point} */ (points.at(-1));
  const first = /** @type {Point} */ (points[0]);
  const down = last.y >= first.y;
  const side = carried.forward && carried.backward ? APART : 0;
  /** @type {[string, string][]} */
  const paths = [["hit", pathText(points)]];
  const openEnd = segment.to.item === null || segment.to.port !== null;
  const openStart = segment.from.item === null || segment.from.port !== null;
  if (carried.forward) {
    const way = openEnd ? beside(points, -side, null) : shorten(beside(points, -side, null));
    paths.push(["forward", pathText(way)]);
    if (!openEnd) paths.push(["forward-head", arrow({ x: last.x - side, y: last.y }, down ? 1 : -1, 5.5)]);
  }
  if (carried.backward) {
    const back = [...beside(points, side, label)].reverse();
    paths.push(["backward", pathText(openStart ? back : shorten(back))]);
    if (!openStart) paths.push(["backward-head", arrow({ x: first.x + side, y: first.y }, down ? -1 : 1, 7)]);
  }
  return paths;
}

/**
 * @param {Point[]} points
 * @param {boolean} open it goes on inside
 * @returns {[string, string][]}
 */
function railPaths(points, open) {
  const d = railText(points);
  const { x, y } = /** @type {Point} */ (points.at(-1));
  /** @type {[string, string][]} */
  const paths = [["hit", d], ["forward", d]];
  if (!open) paths.push(["forward-head", `M${x - 1},${y} L${x + 10},${y - 5.5} L${x + 10},${y + 5.5} Z`]);
  return paths;
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
 * @param {Point} tip
 * @param {1 | -1} down
 * @param {number} half
 * @returns {string} the `d` of a path
 */
function arrow({ x, y }, down, half) {
  const back = y - down * (HEAD + half - 3);
  return `M${x},${y - down} L${x - half},${back} L${x + half},${back} Z`;
}

/**
 * @param {Carried} carried
 * @param {Point} centre
 * @returns {string} the `transform` of a label
 */
function labelPlace({ label }, { x, y }) {
  return `translate(${x - labelWidth(label) / 2} ${y - LABEL_HEIGHT / 2})`;
}

/**
 * @param {Carried} carried
 * @param {string[]} edges
 * @param {Point} centre
 */
function drawLabel(carried, edges, centre) {
  const width = labelWidth(carried.label);
  return svg(
    "g",
    {
      class: carried.backward ? "label backward-label" : carried.cut ? "label cut-label" : "label",
      transform: labelPlace(carried, centre),
      "data-label": edges.join(" "),
      tabindex: 0,
      role: "button",
      "aria-label": spoken(carried),
    },
    ...(carried.summed ? [svg("title", {}, carried.summed)] : []),
    svg("rect", { width, height: LABEL_HEIGHT, rx: LABEL_HEIGHT / 2 }),
    text("label-text", width / 2, 17.5, carried.label, "middle"),
  );
}

/** @param {Carried} carried @returns {string} what a screen reader says of the label: what it shows, and more */
function spoken({ backward, label, summed }) {
  const more = summed ? `, ${summed}` : "";
  return backward ? `gradient ${label}${more}` : label;
}
