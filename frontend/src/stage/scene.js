/** A graph, a step and what is open -> all that the layout and the stage need. Pure. */

/**
 * @import {Card, GraphModel, Hierarchy, LayoutPlan, Segment, StepModel, Visible} from "../model.d.ts"
 * @import {Carried} from "./edge.js"
 */

import { planOf } from "../layout/plan.js";
import { SEED, visibleOf } from "../layout/visible.js";
import { isOddSegment } from "./alarm.js";
import { cardOf } from "./card.js";
import { cutLabel, segmentLabel, segmentSummed } from "./contribution.js";
import { LABEL_HEIGHT, labelWidth } from "./edge.js";
import { headerSize } from "./group.js";
import { FIRST_SCALE } from "./viewport.js";

/** Up to so many visible things there is room to name what a label is a derivative of, and to draw sums of tensors. */
const ROOMY = 24;
/** Beyond this many lines only those in view of a small graph keep a label: the inspector has the rest. */
const LABELLED = 160;

/**
 * @typedef {object} Scene
 * @property {Visible} visible
 * @property {Map<string, Card>} cards
 * @property {Map<string, Carried>} carried by segment
 * @property {LayoutPlan} plan
 */

/**
 * @param {GraphModel} graph
 * @param {Hierarchy} hierarchy
 * @param {StepModel} step
 * @param {ReadonlySet<string>} open
 * @param {{steady: boolean, room: number}} look steady: sizes must not follow the numbers; room: width of the stage
 * @returns {Scene}
 */
export function sceneOf(graph, hierarchy, step, open, { steady, room }) {
  const seeded = step.lossNode !== null && step.grads.has(step.lossNode) ? step.lossNode : null;
  const visible = visibleOf(graph, hierarchy, open, seeded);
  const roomy = visible.items.length <= ROOMY;
  const look = { graph, hierarchy, step, steady, room, roomy };
  const cards = new Map(visible.items.map((item) => [item, cardOf(item, look)]));
  const bare = visible.segments.length > LABELLED;
  const carried = new Map(visible.segments.map((segment) => [segment.id, carry(segment, graph, step, roomy, bare)]));
  const spine = new Set(visible.segments.filter((segment) => isSpine(segment, graph, step)).map(({ id }) => id));
  const plan = planOf(visible, {
    sizeOf: (item) => /** @type {Card} */ (cards.get(item)),
    labelOf: (segment) => labelSize(carried.get(segment)?.label ?? "", steady),
    isMain: (segment) => spine.has(segment),
    isPlain: (segment) => !carried.get(segment)?.backward,
    headerOf: (id) => headerSize(/** @type {import("../model.d.ts").Container} */ (hierarchy.containers.get(id))),
    isSource: (item) => /^(leaf|data)$/.test(cards.get(item)?.kind ?? ""),
    room: room / FIRST_SCALE,
  });
  return { visible, cards, carried, plan: sizesOnly(plan) };
}

/**
 * @param {LayoutPlan} plan
 * @returns {LayoutPlan} cards reduced to their sizes, so that equal plans are equal texts
 */
function sizesOnly(plan) {
  const bare = (/** @type {string | import("../model.d.ts").Size} */ item) =>
    typeof item === "string" ? item : { width: item.width, height: item.height };
  return { containers: plan.containers.map((container) => ({ ...container, items: container.items.map(bare) })) };
}

/**
 * @param {Segment} segment
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {boolean} on the way from the loss through what was computed, not aside to what learns
 */
function isSpine({ edges }, graph, step) {
  return edges.some((id) => {
    const source = graph.nodes.get(graph.edges.get(id)?.source ?? "");
    return id === SEED || (step.edgeGrads.has(id) && source?.kind !== "leaf");
  });
}

/**
 * @param {Segment} segment
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @param {boolean} roomy
 * @param {boolean} bare
 * @returns {Carried}
 */
function carry(segment, graph, step, roomy, bare) {
  if (segment.edges.includes(SEED)) return { forward: segment.edges.length > 1, backward: true, label: "" };
  const backward = segment.edges.some((id) => step.edgeGrads.has(id));
  const cut = backward ? "" : cutLabel(segment, graph);
  if (cut) return { forward: true, backward, label: bare ? "" : cut, cut: true };
  const summed = bare ? "" : segmentSummed(segment, graph, step);
  const label = bare ? "" : `${summed ? "\u03a3 " : ""}${segmentLabel(segment, graph, step, roomy)}`;
  return { forward: true, backward, label, summed, odd: isOddSegment(segment, step) };
}

/**
 * @param {string} label
 * @param {boolean} steady
 */
function labelSize(label, steady) {
  if (label === "") return null;
  const text = steady ? label.replace(/[\d.e\u2212\u221eNa]+$/u, "0".repeat(8)) : label;
  return { width: labelWidth(text) + 14, height: LABEL_HEIGHT + 2 };
}
