/** What each thing on the stage looks like at a moment of its step. Pure. */

/** @import {DrawnSegment, GraphModel, StepModel, Tensor} from "../model.d.ts" */

import { SEED } from "../layout/visible.js";
import { gradText } from "../tensor.js";
import { cardSum, partialLabel } from "./contribution.js";

/**
 * @typedef {"forward" | "backward" | "update" | "zero_grad"} Phase
 *
 * @typedef {object} Moment
 * @property {number} at the event that happens
 * @property {boolean} made its result is there
 *
 * @typedef {object} Look
 * @property {boolean} ahead not computed yet
 * @property {Phase | "receives" | ""} now what happens at it; receives: a gradient is on its way to it
 * @property {string} grad of a leaf: `grad 6.0`, `grad \u2013`
 * @property {boolean} graded the leaf has a gradient, or a gradient has entered the op
 * @property {string} sum
 * @property {ReadonlySet<string>} there edges whose gradient has come to it
 * @property {boolean} whole the sum of them has been made
 * @property {boolean} updated
 * @property {{phase: Phase | "", done: number, all: number}} inside of a closed group: how far it has come
 *
 * @typedef {object} LineLook
 * @property {boolean} ahead no value has come along
 * @property {boolean} back a gradient has come along
 * @property {boolean} now something moves along
 * @property {string | null} label null: the whole of it
 *
 * @typedef {object} Subject
 * @property {GraphModel} graph
 * @property {StepModel} step
 * @property {ReadonlyMap<string, string>} shownBy node -> visible item
 * @property {readonly DrawnSegment[]} segments
 * @property {ReadonlyMap<string, Tensor>} leftover leaf -> the .grad that it had when the step began
 */

/** @type {Look} */
const BARE = {
  ahead: false, now: "", grad: "", graded: false, sum: "", there: new Set(), whole: false, updated: false, inside: { phase: "", done: 0, all: 0 },
};

export class Score {
  #subject;
  /** Item -> its events, in order. @type {Map<string, number[]>} */
  #ofItem = new Map();
  /** Segment -> its events, in order. @type {Map<string, number[]>} */
  #ofSegment = new Map();
  /** Edge -> the segments that it runs along, from source to target. @type {Map<string, DrawnSegment[]>} */
  #ways = new Map();
  /** Edge -> the event of its gradient. @type {Map<string, number>} */
  #back = new Map();
  /** @type {Map<string, {forward: number[], backward: number[]}>} */
  #insides = new Map();

  /** @param {Subject} subject */
  constructor(subject) {
    this.#subject = subject;
    for (const drawn of subject.segments) {
      for (const edge of drawn.segment.edges) push(this.#ways, edge, drawn);
    }
    for (const [edge, way] of this.#ways) this.#ways.set(edge, this.#inOrder(edge, way));
    subject.step.events.forEach((_, i) => this.#index(i));
  }

  get subject() {
    return this.#subject;
  }

  get events() {
    return this.#subject.step.events;
  }

  /** @param {string} edge @returns {readonly DrawnSegment[]} from source to target; none in a closed group */
  way(edge) {
    return this.#ways.get(edge) ?? [];
  }

  /**
   * @param {number} i
   * @returns {string[]} edges along which something moves
   */
  moving(i) {
    const event = this.events[i];
    if (!event) return [];
    if (event.edge !== null) return [event.edge];
    const node = event.node ?? "";
    if (event.phase === "forward") return (this.#subject.graph.into.get(node) ?? []).map(({ id }) => id);
    return this.#isSeed(i) ? [SEED] : [];
  }

  /** @param {number} i @returns {boolean} backward begins with it */
  #isSeed(i) {
    const { events, lossNode } = this.#subject.step;
    const event = events[i];
    return event?.phase === "backward" && event.node !== null && event.node === lossNode;
  }

  /**
   * @param {number} i
   * @returns {boolean} something on the stage moves or changes, not only the count of a closed group
   */
  isVisible(i) {
    const event = this.events[i];
    if (!event) return false;
    if (this.moving(i).some((edge) => this.way(edge).length > 0)) return true;
    return event.node !== null && this.#subject.shownBy.get(event.node) === event.node;
  }

  /**
   * @param {number} i
   * @returns {{items: string[], segments: string[]}} what looks different once it has happened
   */
  touched(i) {
    const segments = this.moving(i).flatMap((edge) => this.way(edge).map(({ segment }) => segment.id));
    return { items: this.#itemsOf(i), segments };
  }

  /** @param {number} i @returns {string[]} */
  #itemsOf(i) {
    const event = this.events[i];
    const { graph, shownBy } = this.#subject;
    const edge = event?.edge ? graph.edges.get(event.edge) : undefined;
    const nodes = edge ? [edge.target, edge.source] : [event?.node ?? ""];
    const items = nodes.flatMap((node) => shownBy.get(node) ?? []);
    return this.#isSeed(i) ? [...items, SEED] : items;
  }

  /** @param {number} i */
  #index(i) {
    const event = this.events[i];
    const { items, segments } = this.touched(i);
    for (const item of new Set(items)) push(this.#ofItem, item, i);
    for (const segment of segments) push(this.#ofSegment, segment, i);
    if (event?.phase === "backward" && event.edge !== null) this.#back.set(event.edge, i);
    if (this.#isSeed(i)) this.#back.set(SEED, i);
  }

  /**
   * @param {string} edge
   * @param {DrawnSegment[]} way
   * @returns {DrawnSegment[]}
   */
  #inOrder(edge, way) {
    const { graph, shownBy } = this.#subject;
    const source = shownBy.get(graph.edges.get(edge)?.source ?? "");
    const left = [...way];
    const ordered = [];
    let place = left.findIndex(({ segment: { from } }) => from.item === source && from.port === null);
    while (place >= 0) {
      const [next] = left.splice(place, 1);
      if (!next) break;
      ordered.push(next);
      const { port } = next.segment.to;
      place = port === null ? -1 : left.findIndex(({ segment: { from } }) => from.port === port);
    }
    return [...ordered, ...left];
  }

  /**
   * @param {string} item
   * @param {Moment} moment
   * @returns {Look}
   */
  look(item, { at, made }) {
    const { graph, step } = this.#subject;
    const own = this.#ofItem.get(item) ?? [];
    const reached = made ? at + 1 : at;
    const isNow = own.includes(at);
    const now = isNow ? this.#nowOf(item, at) : "";
    if (item === SEED) return { ...BARE, ahead: !own.some((i) => i < reached) && !isNow, now };
    if (!graph.nodes.has(item)) return { ...BARE, now, ...this.#groupLook(item, reached) };
    const there = own.filter((i) => i < reached).map((i) => this.#event(i));
    const entered = there.findLast(({ node, phase }) => node === item && /^(backward|zero_grad)$/.test(phase));
    return {
      ...BARE, now,
      ahead: own.some((i) => i >= reached && this.events[i]?.phase === "forward" && this.events[i]?.node === item),
      ...this.#gradLook(item, entered?.phase),
      ...this.#meeting(item, reached, entered?.phase === "backward"),
      updated: step.updates.length > 0 && there.some(({ phase }) => phase === "update"),
    };
  }

  /**
   * @param {string} item
   * @param {number} at
   * @returns {Look["now"]}
   */
  #nowOf(item, at) {
    const { phase, edge } = this.#event(at);
    const { graph, shownBy } = this.#subject;
    const found = edge === null ? undefined : graph.edges.get(edge);
    return found && shownBy.get(found.target) !== item ? "receives" : phase;
  }

  /** @param {number} i */
  #event(i) {
    return /** @type {StepModel["events"][number]} */ (this.events[i]);
  }

  /**
   * @param {string} node
   * @param {Phase | undefined} last that touched its gradient in this step
   */
  #gradLook(node, last) {
    const { step, leftover } = this.#subject;
    const own = step.leafGrads.get(node) ?? step.grads.get(node);
    const held = last === "backward" ? own : last === "zero_grad" ? undefined : leftover.get(node);
    return { grad: `grad ${gradText(held)}`, graded: held !== undefined };
  }

  /**
   * @param {string} node
   * @param {number} reached
   * @param {boolean} whole
   */
  #meeting(node, reached, whole) {
    const { graph, step } = this.#subject;
    const own = (graph.outOf.get(node) ?? []).filter(({ id }) => (this.#back.get(id) ?? Infinity) < reached);
    const there = new Set(own.map(({ id }) => id));
    return { there, whole, sum: there.size > 0 ? cardSum(node, graph, step, (edge) => there.has(edge), whole) : "" };
  }

  /**
   * @param {string} item a closed group
   * @param {number} reached
   */
  #groupLook(item, reached) {
    const { forward, backward } = this.#inside(item);
    const done = forward.filter((i) => i < reached).length;
    const back = backward.filter((i) => i < reached).length;
    /** @type {Look["inside"]} */
    const inside = back > 0
      ? { phase: "backward", done: back, all: backward.length }
      : { phase: "forward", done, all: forward.length };
    return { ahead: done === 0 && forward.length > 0, inside };
  }

  /**
   * @param {string} item a closed group
   * @returns {{forward: number[], backward: number[]}} events of the ops in it
   */
  #inside(item) {
    const known = this.#insides.get(item);
    if (known) return known;
    const { graph, shownBy } = this.#subject;
    const own = (this.#ofItem.get(item) ?? []).filter((i) => {
      const { node } = this.#event(i);
      return node !== null && shownBy.get(node) === item && graph.nodes.get(node)?.kind !== "leaf";
    });
    const of = (/** @type {Phase} */ phase) => own.filter((i) => this.#event(i).phase === phase);
    const inside = { forward: of("forward"), backward: of("backward") };
    this.#insides.set(item, inside);
    return inside;
  }

  /**
   * @param {string} id of a segment
   * @param {readonly string[]} labelled its edges whose label stands on it
   * @param {Moment} moment
   * @returns {LineLook}
   */
  lineLook(id, labelled, { at, made }) {
    const own = this.#ofSegment.get(id) ?? [];
    const reached = made ? at + 1 : at;
    const forward = own.filter((i) => this.events[i]?.phase === "forward");
    const [firstBack = Infinity] = own.filter((i) => this.events[i]?.phase === "backward");
    const will = labelled.filter((edge) => this.#back.has(edge));
    const there = will.filter((edge) => (this.#back.get(edge) ?? Infinity) < reached);
    const part = there.length > 0 && there.length < will.length;
    return {
      ahead: forward.length > 0 && !forward.some((i) => i < reached),
      back: firstBack < reached,
      now: own.includes(at),
      label: part ? partialLabel(there, will.length, this.#subject.step) : null,
    };
  }
}

/**
 * @template Value
 * @param {Map<string, Value[]>} lists
 * @param {string} key
 * @param {Value} value
 */
function push(lists, key, value) {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
