/**
 * What is drawn. A thing that says the same as before keeps its element and is only moved. What is in an element is
 * made when it is seen first: of the thousand things of an open graph a few are in view.
 */

/** @import {Box, Card, Container, DrawnSegment, Heat, Picture, Terms} from "../model.d.ts" */
/** @import {Carried} from "./edge.js" */

import { drawEdge, fillEdge, moveEdge } from "./edge.js";
import { drawFrame, moveFrame } from "./group.js";
import { paintHeat } from "./heat.js";
import { drawNode, fillNode } from "./node.js";
import { svg } from "./svg.js";

/**
 * @typedef {{card: Card, box: Box, element: SVGGElement}} NodeDrawn
 * @typedef {{container: Container, box: Box, frame: SVGRectElement, header: SVGGElement}} FrameDrawn
 * @typedef {{drawn: DrawnSegment, carried: Carried, lines: SVGGElement, label: SVGGElement | null}} EdgeDrawn
 */

export class Layers {
  /** @type {Map<string, NodeDrawn>} */
  nodes = new Map();
  /** @type {Map<string, FrameDrawn>} */
  frames = new Map();
  /** @type {Map<string, EdgeDrawn>} */
  edges = new Map();
  #below = svg("g", { class: "frames" });
  #lines = svg("g", { class: "lines" });
  /** Headers, nodes and labels, in reading order. */
  #things = svg("g", { class: "things" });
  /** @type {WeakSet<Element>} */
  #filled = new WeakSet();
  /** @type {((id: string) => void)[]} */
  #watchers = [];

  /** @param {SVGGElement} world */
  constructor(world) {
    world.append(this.#below, this.#lines, this.#things);
  }

  /** @param {(id: string) => void} watcher called after what is in a node was drawn */
  watch(watcher) {
    this.#watchers.push(watcher);
  }

  /** @param {string} id of a node, whose words and numbers are drawn if they are not */
  fillNode(id) {
    const drawn = this.nodes.get(id);
    if (!drawn || this.#filled.has(drawn.element)) return;
    this.#filled.add(drawn.element);
    fillNode(drawn.element, drawn.card);
    paintHeat(drawn.element);
    for (const watcher of this.#watchers) watcher(id);
  }

  /**
   * @param {string} id of a segment, whose lines are drawn if they are not
   * @returns {SVGGElement | undefined}
   */
  fillEdge(id) {
    const drawn = this.edges.get(id);
    if (drawn && !drawn.lines.firstChild) fillEdge(drawn.lines, drawn.drawn, drawn.carried);
    return drawn?.lines;
  }

  /** Draws what was not seen yet, for a picture of all. */
  fillAll() {
    for (const id of this.nodes.keys()) this.fillNode(id);
    for (const id of this.edges.keys()) this.fillEdge(id);
  }

  /** Forgets what was drawn, so that all of it is drawn anew. */
  clear() {
    for (const known of [this.nodes, this.frames, this.edges]) known.clear();
    for (const layer of [this.#below, this.#lines, this.#things]) layer.replaceChildren();
  }

  /**
   * @param {Picture} picture
   * @param {Map<string, Card>} cards
   * @param {Map<string, Container>} containers
   * @param {(segment: string) => Carried} carriedBy
   * @returns {SVGElement[]} what was drawn before and is no more
   */
  draw(picture, cards, containers, carriedBy) {
    const before = [...this.nodes.values(), ...this.frames.values(), ...this.edges.values()];
    const { boxes, frames, segments } = picture;
    this.nodes = new Map([...boxes].map(([id, box]) => [id, this.#node(/** @type {Card} */ (cards.get(id)), box)]));
    this.frames = new Map([...frames].map(([id, box]) => [id, this.#frame(id, box, containers)]));
    this.edges = new Map(segments.map((drawn) => [drawn.segment.id, this.#edge(drawn, carriedBy(drawn.segment.id))]));
    fill(this.#below, [...this.frames.values()].map(({ frame }) => frame).reverse());
    fill(this.#lines, [...this.edges.values()].map(({ lines }) => lines));
    fill(this.#things, this.#inReadingOrder());
    return before.flatMap(elementsOf).filter((element) => !element.isConnected);
  }

  /**
   * @param {Card} card
   * @param {Box} box
   * @returns {NodeDrawn}
   */
  #node(card, box) {
    const known = this.nodes.get(card.id);
    const kept = known !== undefined && sameCard(known.card, card);
    const element = kept ? known.element : drawNode(card, box);
    if (kept) element.setAttribute("transform", `translate(${box.x} ${box.y})`);
    return { card, box, element };
  }

  /**
   * @param {string} id
   * @param {Box} box
   * @param {Map<string, Container>} containers
   * @returns {FrameDrawn}
   */
  #frame(id, box, containers) {
    const known = this.frames.get(id);
    const container = /** @type {Container} */ (containers.get(id));
    if (!known || !sameFrame(known.container, container)) return { container, box, ...drawFrame(container, box) };
    moveFrame(known, box);
    return { ...known, box };
  }

  /**
   * @param {DrawnSegment} drawn
   * @param {Carried} carried
   * @returns {EdgeDrawn}
   */
  #edge(drawn, carried) {
    const known = this.edges.get(drawn.segment.id);
    if (!known || !sameEdge(known, drawn, carried)) return { drawn, carried, ...drawEdge(drawn, carried) };
    if (known.drawn !== drawn) moveEdge(known, drawn, carried);
    return { ...known, drawn, carried };
  }

  /** @returns {SVGElement[]} row by row */
  #inReadingOrder() {
    /** @type {[number, number, SVGElement][]} */
    const placed = [];
    for (const { box, header } of this.frames.values()) placed.push([box.y, box.x, header]);
    for (const { box, element } of this.nodes.values()) placed.push([box.y, box.x, element]);
    for (const { drawn, label } of this.edges.values()) {
      if (label && drawn.label) placed.push([drawn.label.y, drawn.label.x, label]);
    }
    return placed.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , element]) => element);
  }
}

/** @param {NodeDrawn | FrameDrawn | EdgeDrawn} drawn @returns {SVGElement[]} */
function elementsOf(drawn) {
  if ("element" in drawn) return [drawn.element];
  if ("frame" in drawn) return [drawn.frame, drawn.header];
  return drawn.label ? [drawn.lines, drawn.label] : [drawn.lines];
}

/**
 * @param {SVGGElement} layer
 * @param {SVGElement[]} wanted
 */
function fill(layer, wanted) {
  const { childNodes: there } = layer;
  if (there.length === wanted.length && wanted.every((element, i) => there[i] === element)) return;
  layer.replaceChildren(...wanted);
}

/**
 * @param {Card} a
 * @param {Card} b
 */
function sameCard(a, b) {
  return Object.keys(b).every((key) => {
    const [old, now] = [a[/** @type {keyof Card} */ (key)], b[/** @type {keyof Card} */ (key)]];
    if (old === now) return true;
    if (key === "terms") return sameTerms(a.terms, b.terms);
    return typeof old === "object" && typeof now === "object" && sameHeat(/** @type {Heat} */ (old), /** @type {Heat} */ (now));
  });
}

/**
 * @param {Terms | null} a
 * @param {Terms | null} b
 */
function sameTerms(a, b) {
  if (a === null || b === null) return a === b;
  return a.adds === b.adds && a.more === b.more && a.parts.length === b.parts.length && sameHeat(a.total, b.total)
    && a.parts.every(({ edge, heat }, i) => edge === b.parts[i]?.edge && sameHeat(heat, b.parts[i].heat));
}

/**
 * @param {Heat | null} a
 * @param {Heat | null} b
 */
function sameHeat(a, b) {
  if (a === null || b === null) return a === b;
  if (a.rows !== b.rows || a.columns !== b.columns || a.written !== b.written || a.scale !== b.scale) return false;
  return a.cells.every((cell, i) => Object.is(cell, b.cells[i]));
}

/**
 * Two structures may call different groups by the same id.
 *
 * @param {Container} a
 * @param {Container} b
 */
function sameFrame(a, b) {
  return a.kind === b.kind && a.label === b.label && a.detail === b.detail && a.depth === b.depth;
}

/**
 * @param {EdgeDrawn} known
 * @param {DrawnSegment} drawn
 * @param {Carried} carried
 */
function sameEdge({ drawn: old, carried: was }, drawn, carried) {
  const alike = was.label === carried.label && was.forward === carried.forward && was.backward === carried.backward;
  return alike && was.odd === carried.odd && old.rail === drawn.rail && (old.label === null) === (drawn.label === null)
    && old.segment.edges.join(" ") === drawn.segment.edges.join(" ");
}
