/** What is visible -> what the worker needs, in local numbers and without names. */

/** @import {End, LayoutPlan, OpenContainer, PlannedContainer, Size, Visible} from "../model.d.ts" */

/** Up to so many things the leaves stand together in the first row. */
const SMALL = 12;
const GAP = 36;
/** Data that goes to so many things runs down the side of them all, and branches off to each. */
const RAIL = 4;

/**
 * @typedef {object} Measures
 * @property {(item: string) => Size} sizeOf
 * @property {(segment: string) => Size | null} labelOf
 * @property {(segment: string) => boolean} isMain a gradient came along it from something computed
 * @property {(segment: string) => boolean} isPlain no gradient came along it
 * @property {(container: string) => Size} headerOf
 * @property {(item: string) => boolean} isSource leaves and data
 * @property {number} room width in which the first row should fit, in pixels
 */

/**
 * @param {Visible} visible
 * @param {Measures} measures
 * @returns {LayoutPlan}
 */
export function planOf(visible, measures) {
  const open = new Set(visible.open.map(({ id }) => id));
  /** @type {Map<string, Visible["segments"]>} */
  const lines = new Map();
  for (const segment of visible.segments) {
    const known = lines.get(segment.container);
    if (known) known.push(segment);
    else lines.set(segment.container, [segment]);
  }
  const planned = visible.open.map((container) => plan(container, lines.get(container.id) ?? [], open, measures));
  return { containers: planned };
}

/**
 * @param {OpenContainer} container
 * @param {Visible["segments"]} segments
 * @param {Set<string>} open
 * @param {Measures} measures
 * @returns {PlannedContainer}
 */
function plan(container, segments, open, { sizeOf, labelOf, headerOf, isMain, isPlain, isSource, room }) {
  const places = new Map([...container.items, ...container.inPorts, ...container.outPorts].map((id, i) => [id, i]));
  /** @param {End} end */
  const place = (end) => places.get(end.item ?? end.port ?? "") ?? 0;
  const sources = container.items.filter((id) => isSource(id));
  const row = sources.reduce((sum, id) => sum + sizeOf(id).width + GAP, 0);
  const together = container.items.length <= SMALL && row <= room;
  const rails = railsOf(segments, isPlain);
  return {
    id: container.id,
    items: container.items.map((id) => (open.has(id) ? id : sizeOf(id))),
    inPorts: container.inPorts.length,
    outPorts: container.outPorts.length,
    edges: segments.map(({ id, from, to }) => ({
      from: place(from),
      to: place(to),
      label: labelOf(id),
      main: isMain(id),
      rail: rails.get(id) ?? null,
    })),
    first: together ? sources.map((id) => place({ item: id, port: null })) : [],
    header: headerOf(container.id),
  };
}

/**
 * @param {Visible["segments"]} segments of one container
 * @param {Measures["isPlain"]} isPlain
 * @returns {Map<string, number>} segment -> its rail, counted from the right
 */
function railsOf(segments, isPlain) {
  /** @type {Map<string, string[]>} */
  const starts = new Map();
  for (const { id, from, to } of segments) {
    if (!isPlain(id) || to.item === null) continue;
    const key = `${from.item} ${from.port}`;
    starts.set(key, [...(starts.get(key) ?? []), id]);
  }
  const many = [...starts.values()].filter((ids) => ids.length >= RAIL);
  return new Map(many.flatMap((ids, rail) => ids.map((id) => [id, rail])));
}
