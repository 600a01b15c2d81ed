/** Points from top to bottom -> a smooth line that leaves and arrives upright. */

/** @import {Point} from "../model.d.ts" */

/** Closer together than this, downward, two points are taken as one. */
const GAP = 6;
const DENSE = 16;

/**
 * Keeps the ends, and between them what lies strictly on the way.
 *
 * @param {Point[]} points
 * @returns {Point[]}
 */
export function monotone(points) {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return [];
  const down = last.y >= first.y ? 1 : -1;
  const kept = [first];
  for (const point of points.slice(1, -1)) {
    const before = /** @type {Point} */ (kept.at(-1));
    if ((point.y - before.y) * down >= GAP && (last.y - point.y) * down >= GAP) kept.push(point);
  }
  return [...kept, last];
}

/**
 * A cubic Hermite curve with x as a function of y; its slopes are limited (Fritsch and Carlson 1980) so that it never
 * swings beyond its points.
 *
 * @param {Point[]} points strictly monotone in y
 * @returns {string} the `d` of an SVG path
 */
export function pathText(points) {
  const first = points[0];
  if (!first) return "";
  const slopes = slopesAt(points);
  const parts = [`M${at(first)}`];
  for (let i = 1; i < points.length; i += 1) {
    const a = /** @type {Point} */ (points[i - 1]);
    const b = /** @type {Point} */ (points[i]);
    const upright = i === 1 || i === points.length - 1;
    const third = (b.y - a.y) / (upright && points.length === 2 ? 2 : 3);
    const c1 = { x: a.x + (slopes[i - 1] ?? 0) * third, y: a.y + third };
    const c2 = { x: b.x - (slopes[i] ?? 0) * third, y: b.y - third };
    parts.push(`C${at(c1)} ${at(c2)} ${at(b)}`);
  }
  return parts.join(" ");
}

/** @param {Point} point */
function at({ x, y }) {
  return `${x.toFixed(1)},${y.toFixed(1)}`;
}

/**
 * @param {Point[]} points
 * @returns {number[]} dx/dy, zero at both ends
 */
function slopesAt(points) {
  const secants = points.slice(1).map((b, i) => {
    const a = /** @type {Point} */ (points[i]);
    return b.y === a.y ? 0 : (b.x - a.x) / (b.y - a.y);
  });
  return points.map((_, i) => {
    const before = secants[i - 1];
    const after = secants[i];
    if (before === undefined || after === undefined || before * after <= 0) return 0;
    const mean = (before + after) / 2;
    return Math.sign(mean) * Math.min(Math.abs(mean), 3 * Math.abs(before), 3 * Math.abs(after));
  });
}

/**
 * @param {Point[]} points strictly monotone in y
 * @param {(a: Point, b: Point) => boolean} [isWanted] the piece from a to b counts; it stays within their rectangle
 * @returns {Point[]} on the curve that `pathText` draws, not further apart than DENSE downward
 */
export function samples(points, isWanted = () => true) {
  const slopes = slopesAt(points);
  return points.slice(1).flatMap((b, i) => {
    const a = /** @type {Point} */ (points[i]);
    if (!isWanted(a, b)) return [];
    const height = b.y - a.y;
    const count = Math.max(4, Math.ceil(height / DENSE));
    return Array.from({ length: count }, (_, k) => {
      const t = (k + 0.5) / count;
      const h = [2 * t ** 3 - 3 * t ** 2 + 1, t ** 3 - 2 * t ** 2 + t, 3 * t ** 2 - 2 * t ** 3, t ** 3 - t ** 2];
      const bend = height * ((slopes[i] ?? 0) * (h[1] ?? 0) + (slopes[i + 1] ?? 0) * (h[3] ?? 0));
      return { x: a.x * (h[0] ?? 0) + b.x * (h[2] ?? 0) + bend, y: a.y + height * t };
    });
  });
}

/**
 * The line moved sideways, except where `through` holds it.
 *
 * @param {Point[]} points
 * @param {number} by pixels to the right
 * @param {Point | null} through a point that the line keeps
 * @returns {Point[]}
 */
export function beside(points, by, through) {
  return points.map((point) => {
    const held = through !== null && Math.abs(point.y - through.y) < 1;
    return held ? point : { x: point.x + by, y: point.y };
  });
}
