/** Where lines end on the sides of boxes. */

/**
 * @import {Box, Point, Segment} from "../model.d.ts"
 * @import {Ground} from "./ports.js"
 */

/** Room between two lines that end on the same side of a box. */
const SPACING = 34;
/** Of the side of a box, at either end, where no line ends. */
const CORNER = 28;

/**
 * A line before its way is chosen. It runs downward; `flipped` if the data runs upward.
 *
 * @typedef {object} Draft
 * @property {Segment} segment
 * @property {Point[]} middle
 * @property {Point | null} label
 * @property {Point} start
 * @property {Point} end
 * @property {boolean} flipped
 */

/**
 * The route's own points, with the label's in place of those beside it.
 *
 * @param {Point[]} middle
 * @param {Point | null} label
 * @returns {Point[]}
 */
export function between(middle, label) {
  if (!label) return middle;
  const apart = middle.filter((point) => Math.abs(point.y - label.y) > 24);
  return [...apart, label].sort((a, b) => a.y - b.y);
}

/**
 * Lines that end on the same side of a box share it out, in the order in which they come.
 *
 * @param {Draft[]} drafts
 * @param {Ground} ground
 */
export function spread(drafts, ground) {
  /** @type {Map<string, {point: Point, towards: number}[]>} */
  const sides = new Map();
  for (const { segment, start, end, middle, label, flipped } of drafts) {
    const [above, below] = flipped ? [segment.to, segment.from] : [segment.from, segment.to];
    const route = between(middle, label);
    const ends = [
      { key: `bottom ${above.item}`, item: above, point: start, towards: (route[0] ?? end).x },
      { key: `top ${below.item}`, item: below, point: end, towards: (route.at(-1) ?? start).x },
    ];
    for (const { key, item, point, towards } of ends) {
      if (item.item === null || !ground.boxes.has(item.item)) continue;
      const known = sides.get(key);
      if (known) known.push({ point, towards });
      else sides.set(key, [{ point, towards }]);
    }
  }
  for (const [key, ends] of sides) {
    const box = /** @type {Box} */ (ground.boxes.get(key.slice(key.indexOf(" ") + 1)));
    share(box, ends);
  }
}

/**
 * @param {Box} box
 * @param {{point: Point, towards: number}[]} ends
 */
function share(box, ends) {
  const centre = box.x + box.width / 2;
  const room = Math.max(box.width / 2 - CORNER, 0);
  const step = ends.length > 1 ? Math.min(SPACING, (2 * room) / (ends.length - 1)) : 0;
  const reach = room - (step * (ends.length - 1)) / 2;
  const mean = ends.reduce((sum, end) => sum + end.towards, 0) / ends.length;
  const lean = Math.max(-reach, Math.min(reach, (mean - centre) * 0.4));
  [...ends]
    .sort((a, b) => a.towards - b.towards)
    .forEach((end, i) => {
      end.point.x = centre + lean + (i - (ends.length - 1) / 2) * step;
    });
}
