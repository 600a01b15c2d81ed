/** Containers laid out each on its own -> one picture with absolute positions. */

/**
 * @import {Box, DrawnSegment, End, Layout, OpenContainer, Picture, PlacedContainer, Point} from "../model.d.ts"
 * @import {Segment, Size, Visible} from "../model.d.ts"
 */

import { monotone, samples } from "./route.js";
import { SEED } from "./visible.js";

/** Room between two lines that end on the same side of a box. */
const SPACING = 34;
/** Before an end of a line, downward, where its last turn should be over. */
const LANDING = 44;
/** Between two ports of one border. */
const PORT_GAP = 28;
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
 * @typedef {{boxes: Map<string, Box>, frames: Map<string, Box>, ports: Map<string, Point>, root: Box,
 *   open: Map<string, OpenContainer>}} Ground
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
    const moved = segment.to.item === SEED;
    const middle = moved ? [] : (route?.points ?? []).map((point) => absolute(point, origin));
    const label = route?.label ? absolute(route.label, origin) : null;
    return draft(segment, middle, label, ground);
  });
  spread(drafts, ground);
  return drafts.map((made) => {
    const points = way(made, ground);
    return { segment: made.segment, points: made.flipped ? points.reverse() : points, label: made.label };
  });
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
  const isClear = (/** @type {Point[]} */ points) =>
    samples(points).every((point) => !obstacles.some((box) => isNear(point, box)));
  return ways.find(isClear) ?? monotone([start, ...own, end]);
}

/** @param {Point} point @param {Box} box */
function isNear({ x, y }, box) {
  const near = 14;
  return x > box.x - near && x < box.x + box.width + near && y > box.y - near && y < box.y + box.height + near;
}

/**
 * A port stands where its only line comes from or goes to, so that lines cross a border without a bend.
 *
 * @param {Visible} visible bottom up, so that inner ports are right before outer ones follow them
 * @param {Ground} ground
 */
function alignPorts(visible, ground) {
  /** @type {Map<string, End[]>} */
  const partners = new Map();
  for (const { container, from, to } of visible.segments) {
    for (const [end, other] of [[from, to], [to, from]]) {
      if (!end || !other || end.item !== null) continue;
      const key = `${container} ${end.port}`;
      partners.set(key, [...(partners.get(key) ?? []), other]);
    }
  }
  for (const { id, inPorts, outPorts } of visible.open) {
    const frame = ground.frames.get(id);
    for (const port of [...inPorts, ...outPorts]) {
      const [only, ...more] = partners.get(`${id} ${port}`) ?? [];
      const place = ground.ports.get(port);
      if (!only || more.length > 0 || !place || !frame) continue;
      const x = (only.port === null ? undefined : ground.ports.get(only.port)?.x) ?? centreOf(only, ground).x;
      if (isOpen(id, only, { x, y: place.y }, ground)) place.x = x;
    }
    for (const side of [inPorts, outPorts]) keepApart(side.flatMap((port) => ground.ports.get(port) ?? []));
  }
}

/**
 * Ports of one side in their order, none upon another, around where they were.
 *
 * @param {Point[]} places
 */
function keepApart(places) {
  const sorted = [...places].sort((a, b) => a.x - b.x);
  const before = sorted.reduce((sum, { x }) => sum + x, 0);
  sorted.slice(1).forEach((place, i) => {
    place.x = Math.max(place.x, (sorted[i]?.x ?? 0) + PORT_GAP);
  });
  const moved = (sorted.reduce((sum, { x }) => sum + x, 0) - before) / Math.max(sorted.length, 1);
  for (const place of sorted) place.x -= moved;
}

/**
 * The seed stands right below the port that it feeds, if there is room.
 *
 * @param {Visible} visible
 * @param {Ground} ground
 */
function alignSeed({ segments }, { boxes, frames, ports, root }) {
  const seed = boxes.get(SEED);
  const port = segments.find(({ to }) => to.item === SEED)?.from.port;
  const place = port && ports.get(port);
  if (!seed || !place) return;
  const x = Math.max(0, Math.min(root.width - seed.width, place.x - seed.width / 2));
  const others = [...boxes, ...frames].filter(([id]) => id !== SEED).map(([, box]) => box);
  const free = others.every((box) => {
    const beside = box.x > x + seed.width + 20 || box.x + box.width + 20 < x;
    return beside || box.y > seed.y + seed.height || box.y + box.height < seed.y;
  });
  if (free) seed.x = x;
}

/**
 * @param {string} container
 * @param {End} end
 * @param {Point} place on the border
 * @param {Ground} ground
 * @returns {boolean} nothing else of the container is between
 */
function isOpen(container, end, place, ground) {
  const from = centreOf(end, ground).y;
  const [top, bottom] = [Math.min(from, place.y), Math.max(from, place.y)];
  return (ground.open.get(container)?.items ?? []).every((item) => {
    if (item === end.item) return true;
    const box = ground.boxes.get(item) ?? ground.frames.get(item);
    if (!box || box.y > bottom || box.y + box.height < top) return true;
    return place.x < box.x - 20 || place.x > box.x + box.width + 20;
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
