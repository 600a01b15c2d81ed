/** Where an arrow key leads: along the edges where there is one in that direction, else to the nearest thing. */

/** @import {Box, Point} from "../model.d.ts" */

/** @typedef {{from: string, to: string}} Link between two visible things, in the direction of data */

/** @type {ReadonlyMap<string, Point>} */
export const ARROWS = new Map([
  ["ArrowUp", { x: 0, y: -1 }],
  ["ArrowDown", { x: 0, y: 1 }],
  ["ArrowLeft", { x: -1, y: 0 }],
  ["ArrowRight", { x: 1, y: 0 }],
]);

/**
 * Down follows the data, up goes back to where it came from; left and right lead to what stands beside.
 *
 * @param {string} from a visible thing
 * @param {string} key "ArrowUp"
 * @param {ReadonlyMap<string, Box>} boxes
 * @param {readonly Link[]} links
 * @returns {string | null} null where there is nothing
 */
export function travel(from, key, boxes, links) {
  const way = ARROWS.get(key);
  const start = boxes.get(from);
  if (!way || !start) return null;
  const connected = links.flatMap((link) => {
    if (key === "ArrowDown" && link.from === from) return [link.to];
    return key === "ArrowUp" && link.to === from ? [link.from] : [];
  });
  const others = (/** @type {Iterable<string>} */ ids) => [...ids].filter((id) => id !== from);
  const along = nearest(others(connected), start, boxes, way, ({ across, ahead }) => Math.abs(ahead) + 2 * across);
  if (along !== null) return along;
  const beyond = ({ ahead = 0, across = 0 }) => (ahead > 1 ? ahead + 2 * across : Infinity);
  return nearest(others(boxes.keys()), start, boxes, way, beyond);
}

/**
 * @param {string[]} ids
 * @param {Box} start
 * @param {ReadonlyMap<string, Box>} boxes
 * @param {Point} way
 * @param {(distance: {ahead: number, across: number}) => number} cost
 * @returns {string | null}
 */
function nearest(ids, start, boxes, way, cost) {
  const a = middle(start);
  let best = { cost: Infinity, id: /** @type {string | null} */ (null) };
  for (const id of ids) {
    const box = boxes.get(id);
    if (!box) continue;
    const b = middle(box);
    const ahead = (b.x - a.x) * way.x + (b.y - a.y) * way.y;
    const across = Math.abs((b.x - a.x) * way.y) + Math.abs((b.y - a.y) * way.x);
    const found = cost({ ahead, across });
    if (found < best.cost) best = { cost: found, id };
  }
  return best.id;
}

/** @param {Box} box @returns {Point} */
export function middle(box) {
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}
