/** Containers laid out each on its own -> one picture with absolute positions. */

/**
 * @import {Box, DrawnSegment, End, Layout, OpenContainer, Picture, PlacedContainer, Point} from "../model.d.ts"
 * @import {Segment, Size, Visible} from "../model.d.ts"
 * @import {Draft} from "./ends.js"
 * @import {Ground} from "./ports.js"
 */

import { between, spread } from "./ends.js";
import { alignPorts, alignSeed, centreOf } from "./ports.js";
import { railPoints } from "./rail.js";
import { monotone, samples } from "./route.js";
import { SEED } from "./visible.js";

/** Before an end of a line, downward, where its last turn should be over. */
const LANDING = 44;
/** A line keeps so far from what it passes. */
const NEAR = 14;

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
  const ground = { boxes, frames, ports, root, open };
  alignPorts(visible, ground);
  alignSeed(visible, ground);
  const segments = drawSegments(visible, places, ground);
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
 * @param {Visible} visible
 * @param {Map<string, PlacedContainer>} places
 * @param {Ground} ground
 * @returns {DrawnSegment[]}
 */
function drawSegments(visible, places, ground) {
  /** @type {Map<string, number>} */
  const counters = new Map();
  /** @type {DrawnSegment[]} */
  const onRails = [];
  const drafts = visible.segments.flatMap((segment) => {
    const place = counters.get(segment.container) ?? 0;
    counters.set(segment.container, place + 1);
    const route = places.get(segment.container)?.routes[place];
    const origin = ground.frames.get(segment.container) ?? ground.root;
    if (route && route.rail !== null) {
      onRails.push({ segment, points: railPoints(segment, origin.x + route.rail, ground), label: null, rail: true });
      return [];
    }
    const moved = segment.to.item === SEED;
    const middle = moved ? [] : (route?.points ?? []).map((point) => absolute(point, origin));
    const label = route?.label ? absolute(route.label, origin) : null;
    return [draft(segment, middle, label, ground)];
  });
  spread(drafts, ground);
  const free = drafts.map((made) => {
    const points = way(made, ground);
    return { segment: made.segment, points: made.flipped ? points.reverse() : points, label: made.label, rail: false };
  });
  return [...onRails, ...free];
}

/**
 * The plainest line that runs into nothing: through the label alone if it can be, else along Graphviz' own route.
 *
 * @param {Draft} draft
 * @param {Ground} ground
 * @returns {Point[]}
 */
function way({ segment, middle, label, start, end }, ground) {
  const own = between(middle, label);
  const inner = own.filter(({ y }) => y - start.y > LANDING && end.y - y > LANDING);
  const ways = [label ? [label] : [], label ? between(inner, label) : inner].map((on) => monotone([start, ...on, end]));
  const obstacles = (ground.open.get(segment.container)?.items ?? [])
    .filter((item) => item !== segment.from.item && item !== segment.to.item)
    .flatMap((item) => ground.boxes.get(item) ?? ground.frames.get(item) ?? []);
  return ways.find((points) => isClear(points, obstacles)) ?? monotone([start, ...own, end]);
}

/**
 * @param {Point[]} points of a line that never swings beyond them
 * @param {Box[]} obstacles
 * @returns {boolean} it runs into none of them
 */
function isClear(points, obstacles) {
  const xs = points.map(({ x }) => x);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top = 0, bottom = 0] = [points[0]?.y, points.at(-1)?.y];
  const close = obstacles.filter((box) => meets(box, { x: left, y: top }, { x: right, y: bottom }));
  if (close.length === 0) return true;
  const isWanted = (/** @type {Point} */ a, /** @type {Point} */ b) => close.some((box) => meets(box, a, b));
  return samples(points, isWanted).every((point) => !close.some((box) => isNear(point, box)));
}

/**
 * @param {Box} box
 * @param {Point} a
 * @param {Point} b
 * @returns {boolean} the rectangle between the two comes near it
 */
function meets({ x, y, width, height }, a, b) {
  return x - NEAR < Math.max(a.x, b.x) && x + width + NEAR > Math.min(a.x, b.x)
    && y - NEAR < Math.max(a.y, b.y) && y + height + NEAR > Math.min(a.y, b.y);
}

/** @param {Point} point @param {Box} box */
function isNear({ x, y }, box) {
  return x > box.x - NEAR && x < box.x + box.width + NEAR && y > box.y - NEAR && y < box.y + box.height + NEAR;
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

