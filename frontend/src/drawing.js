/** From a graph, a step and what is open to a picture: asks for layouts, remembers the last, chooses the first view. */

/**
 * @import {Card, GraphModel, Hierarchy, LayoutPlan, Picture, Size, StepModel, Visible} from "./model.d.ts"
 * @import {Carried} from "./stage/edge.js"
 */

import { hierarchyOf } from "./layout/hierarchy.js";
import { Layouter } from "./layout/layout.js";
import { mustOpen, openings } from "./layout/opening.js";
import { pictureOf } from "./layout/picture.js";
import { sceneOf } from "./stage/scene.js";

/** Cards stand further apart than this, in pixels. */
const APART = 28;

/**
 * @typedef {object} Subject
 * @property {GraphModel} graph
 * @property {StepModel} step
 * @property {{steady: boolean, room: number}} look
 *
 * @typedef {object} Drawn
 * @property {Picture} picture the same object when nothing has moved
 * @property {Visible} visible
 * @property {Map<string, Card>} cards
 * @property {Map<string, Carried>} carried by segment
 */

export class Drawing {
  #layouter = new Layouter();
  /** @type {WeakMap<GraphModel, Hierarchy>} */
  #hierarchies = new WeakMap();
  #last = { plan: "", picture: /** @type {Picture | null} */ (null) };

  /** @param {GraphModel} graph */
  hierarchy(graph) {
    const known = this.#hierarchies.get(graph) ?? hierarchyOf(graph);
    this.#hierarchies.set(graph, known);
    return known;
  }

  /**
   * @param {Subject} subject
   * @param {ReadonlySet<string>} open
   * @returns {Promise<Drawn>}
   * @throws {import("./layout/layout.js").Superseded} when a newer one was asked for
   * @throws {Error} when it could not be laid out
   */
  async draw(subject, open) {
    const { visible, cards, carried, plan } = this.#scene(subject, open);
    const text = textOf(subject, plan);
    const kept = this.#last.plan === text ? this.#last.picture : null;
    const picture = kept ?? (await this.#picture(plan, visible, cards));
    this.#last = { plan: text, picture };
    return { picture, visible, cards, carried };
  }

  /**
   * A graph that is new opens as deep as can be read at once.
   *
   * @param {Subject} subject
   * @param {{canRead: (bounds: Size) => boolean, readableArea: number}} stage
   * @returns {Promise<ReadonlySet<string>>}
   * @throws as `draw`
   */
  async firstOpening(subject, stage) {
    const hierarchy = this.hierarchy(subject.graph);
    const [closed = new Set([""]), ...deeper] = openings(hierarchy);
    let chosen = closed;
    for (const open of deeper) {
      if (!mustOpen(hierarchy, chosen, open)) {
        const { plan, visible, cards } = this.#scene(subject, open);
        if (leastArea(cards) > stage.readableArea) break;
        const picture = await this.#picture(plan, visible, cards);
        this.#last = { plan: textOf(subject, plan), picture };
        if (!stage.canRead(picture.bounds)) break;
      }
      chosen = open;
    }
    return chosen;
  }

  /**
   * @param {Subject} subject
   * @param {ReadonlySet<string>} open
   */
  #scene({ graph, step, look }, open) {
    return sceneOf(graph, this.hierarchy(graph), step, open, look);
  }

  /**
   * @param {LayoutPlan} plan
   * @param {Visible} visible
   * @param {Map<string, Card>} cards
   */
  async #picture(plan, visible, cards) {
    const layout = await this.#layouter.request(plan);
    return pictureOf(visible, layout, (item) => cards.get(item) ?? { width: 0, height: 0 });
  }
}

/**
 * @param {Subject} subject
 * @param {LayoutPlan} plan
 * @returns {string} equal for pictures that are equal
 */
function textOf({ graph }, plan) {
  return `${graph.id} ${JSON.stringify(plan)}`;
}

/**
 * @param {Map<string, Card>} cards
 * @returns {number} that a picture of them takes at least, in its own pixels: what is larger need not be laid out
 */
function leastArea(cards) {
  return [...cards.values()].reduce((sum, { width, height }) => sum + (width + APART) * (height + APART), 0);
}
