/** Data that many things use: one line down the right side of them all, with a branch to each. */

/** @import {Point, Segment} from "../model.d.ts" */
/** @import {Ground} from "./ports.js" */

/** Between the rail's branch and the top of an open group that it enters. */
const ABOVE = 20;
/** A closed group's card has another behind it. */
const BEHIND = 7;
const CORNER = 10;

/**
 * @param {Segment} segment
 * @param {number} x of the rail
 * @param {Ground} ground
 * @returns {Point[]} corners of a line of level and upright parts
 */
export function railPoints({ from, to }, x, ground) {
  const source = from.item === null ? undefined : ground.boxes.get(from.item);
  const port = ground.ports.get(from.port ?? "") ?? { x, y: 0 };
  const level = source ? source.y + source.height / 2 : port.y + (Math.abs(port.x - x) < 1 ? 0 : ABOVE);
  const begin = source ? [{ x: source.x + source.width, y: level }] : [port, { x: port.x, y: level }];
  const target = to.item === null ? undefined : ground.boxes.get(to.item);
  if (target) {
    const y = target.y + target.height / 2;
    return corners([...begin, { x, y: level }, { x, y }, { x: target.x + target.width + BEHIND, y }]);
  }
  const end = ground.ports.get(to.port ?? "") ?? { x, y: level };
  return corners([...begin, { x, y: level }, { x, y: end.y - ABOVE }, { x: end.x, y: end.y - ABOVE }, end]);
}

/**
 * @param {Point[]} points
 * @returns {Point[]} without those that stand on another
 */
function corners(points) {
  return points.filter(({ x, y }, i) => {
    const before = points[i - 1];
    return !before || Math.abs(before.x - x) + Math.abs(before.y - y) > 0.5;
  });
}

/**
 * @param {Point[]} points corners
 * @returns {string} the `d` of an SVG path with rounded corners
 */
export function railText(points) {
  return points.map((point, i) => piece(points[i - 1], point, points[i + 1])).join(" ");
}

/**
 * @param {Point | undefined} before
 * @param {Point} point
 * @param {Point | undefined} after
 */
function piece(before, point, after) {
  if (!before) return `M${at(point)}`;
  if (!after) return `L${at(point)}`;
  return `L${at(towards(point, before))} Q${at(point)} ${at(towards(point, after))}`;
}

/**
 * @param {Point} from
 * @param {Point} to
 * @returns {Point} a corner's radius further, or half the way
 */
function towards(from, to) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = Math.min(CORNER / length, 0.5);
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

/** @param {Point} point */
function at({ x, y }) {
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}
