/** Containers laid out each on its own -> one picture with absolute positions. */

/**
 * @import {Box, DrawnSegment, End, Layout, OpenContainer, Picture, PlacedContainer, Point} from "../model.d.ts"
 * @import {Segment, Size, Visible} from "../model.d.ts"
 */

import { monotone } from "./route.js";

/** Room between two lines that end on the same side of a box. */
const SPACING = 34;
/** Of the side of a box, at either end, where no line ends. */
const CORNER = 28;

/**
 * @param {Visible} visible
 * @param {Layout} layout
 * @param {(item: string) => Size} sizeOf
 * @returns {Picture}
 */
export function pictureOf(visible, layout, sizeOf) {
  const places = new Map(layout.placed.map((placed) => [placed.id, placed]));
  const open = new Map(visible.open.map((container) => [container.id, container]));
  /** @type {Map<string, Box>} */
  const boxes = new Map();
  /** @type {Map<string, Box>} */
  const frames = new Map();
  /** @type {Map<string, Point>} */
  const ports = new Map();
  /** @param {string} id @param {Point} origin */
  const put = (id, origin) => {
    const container = /** @type {OpenContainer} */ (open.get(id));
    const place = /** @type {PlacedContainer} */ (places.get(id));
    frames.set(id, { ...origin, width: place.width, height: place.height });
    container.items.forEach((item, i) => {
      const centre = absolute(place.centres[i], origin);
      const inner = places.get(item);
      const { width, height } = inner ?? sizeOf(item);
      const corner = { x: centre.x - width / 2, y: centre.y - height / 2 };
      if (inner) put(item, corner);
      else boxes.set(item, { ...corner, width, height });
    });
    [...container.inPorts, ...container.outPorts].forEach((port, i) => {
      ports.set(port, absolute(place.centres[container.items.length + i], origin));
    });
  };
  put("", { x: 0, y: 0 });
  const root = /** @type {Box} */ (frames.get(""));
  frames.delete("");
  const segments = drawSegments(visible, places, { boxes, frames, ports, root });
  return { boxes, frames, segments, bounds: root };
}

/**
 * @param {Point | undefined} point
 * @param {Point} origin
 * @returns {Point}
 */
function absolute(point, origin) {
  return { x: (point?.x ?? 0) + origin.x, y: (point?.y ?? 0) + origin.y };
}

/**
 * @typedef {{boxes: Map<string, Box>, frames: Map<string, Box>, ports: Map<string, Point>, root: Box}} Ground
 * @typedef {{segment: Segment, middle: Point[], label: Point | null, start: Point, end: Point, flipped: boolean}} Draft
 */

/**
 * @param {Visible} visible
 * @param {Map<string, PlacedContainer>} places
 * @param {Ground} ground
 * @returns {DrawnSegment[]}
 */
function drawSegments(visible, places, ground) {
  /** @type {Map<string, number>} */
  const counters = new Map();
  const drafts = visible.segments.map((segment) => {
    const place = counters.get(segment.container) ?? 0;
    counters.set(segment.container, place + 1);
    const route = places.get(segment.container)?.routes[place];
    const origin = ground.frames.get(segment.container) ?? ground.root;
    const middle = (route?.points ?? []).map((point) => absolute(point, origin));
    const label = route?.label ? absolute(route.label, origin) : null;
    return draft(segment, middle, label, ground);
  });
  spread(drafts, ground);
  return drafts.map(({ segment, middle, label, start, end, flipped }) => {
    const points = monotone([start, ...between(middle, label), end]);
    return { segment, points: flipped ? points.reverse() : points, label };
  });
}

/**
 * @param {Segment} segment
 * @param {Point[]} middle
 * @param {Point | null} label
 * @param {Ground} ground
 * @returns {Draft} running downward; flipped if the data runs upward
 */
function draft(segment, middle, label, ground) {
  const source = centreOf(segment.from, ground);
  const target = centreOf(segment.to, ground);
  const flipped = source.y > target.y && segment.from.item !== null && segment.to.item !== null;
  const [above, below] = flipped ? [segment.to, segment.from] : [segment.from, segment.to];
  return {
    segment,
    middle: [...middle].sort((a, b) => a.y - b.y),
    label,
    start: edgePoint(above, ground, "bottom"),
    end: edgePoint(below, ground, "top"),
    flipped,
  };
}

/** @param {End} end @param {Ground} ground @returns {Point} */
function centreOf(end, ground) {
  const box = end.item === null ? undefined : (ground.boxes.get(end.item) ?? ground.frames.get(end.item));
  if (box) return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  return ground.ports.get(end.port ?? "") ?? { x: 0, y: 0 };
}

/**
 * @param {End} end
 * @param {Ground} ground
 * @param {"top" | "bottom"} side
 * @returns {Point}
 */
function edgePoint(end, ground, side) {
  const box = end.item === null ? undefined : ground.boxes.get(end.item);
  if (box) return { x: box.x + box.width / 2, y: side === "top" ? box.y : box.y + box.height };
  return { .../** @type {Point} */ (ground.ports.get(end.port ?? "") ?? { x: 0, y: 0 }) };
}

/**
 * The route's own points, with the label's in place of those beside it.
 *
 * @param {Point[]} middle
 * @param {Point | null} label
 * @returns {Point[]}
 */
function between(middle, label) {
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
function spread(drafts, ground) {
  /** @type {Map<string, {point: Point, towards: number}[]>} */
  const sides = new Map();
  for (const { segment, start, end, middle, label, flipped } of drafts) {
    const [above, below] = flipped ? [segment.to, segment.from] : [segment.from, segment.to];
    const way = between(middle, label);
    const ends = [
      { key: `bottom ${above.item}`, item: above, point: start, towards: (way[0] ?? end).x },
      { key: `top ${below.item}`, item: below, point: end, towards: (way.at(-1) ?? start).x },
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
