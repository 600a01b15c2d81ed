/** Where lines cross the borders of open groups, and where the seed hangs. */

/** @import {Box, End, OpenContainer, Point, Visible} from "../model.d.ts" */

import { SEED } from "./visible.js";

/** Between two ports of one border. */
const PORT_GAP = 28;

/**
 * Everything that has an absolute place.
 *
 * @typedef {object} Ground
 * @property {Map<string, Box>} boxes
 * @property {Map<string, Box>} frames
 * @property {Map<string, Point>} ports
 * @property {Box} root
 * @property {Map<string, OpenContainer>} open
 */

/** @param {End} end @param {Ground} ground @returns {Point} */
export function centreOf(end, ground) {
  const box = end.item === null ? undefined : (ground.boxes.get(end.item) ?? ground.frames.get(end.item));
  if (box) return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  return ground.ports.get(end.port ?? "") ?? { x: 0, y: 0 };
}

/**
 * A port stands where its only line comes from or goes to, so that lines cross a border without a bend.
 *
 * @param {Visible} visible bottom up, so that inner ports are right before outer ones follow them
 * @param {Ground} ground
 */
export function alignPorts(visible, ground) {
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
export function alignSeed({ segments }, { boxes, frames, ports, root }) {
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
