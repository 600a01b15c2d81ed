/** What stands on a line that carried gradients, and beside a node where several meet. */

/** @import {GraphEdge, GraphModel, Segment, StepModel, Tensor} from "../model.d.ts" */
/** @import {Meeting} from "../meeting.js" */

import { added, isOfScalars, meetingsAt, signed } from "../meeting.js";
import { countText, numberText } from "../number.js";
import { gradText, isScalar, norm, shapeText } from "../tensor.js";

/** So many contributions are written out; more are counted. */
const WRITTEN = 3;
/** So many terms of a sum are written out; more are counted. */
const TERMS = 4;

/**
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {string} what is differentiated: the loss by its name, else L
 */
export function lossName(graph, step) {
  const node = step.lossNode ? graph.nodes.get(step.lossNode) : undefined;
  return node?.names?.[0] ?? "L";
}

/**
 * @param {Segment} segment
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @param {boolean} roomy with ∂loss/∂name where it is true
 * @returns {string} "" when no gradient came along, or the label stands elsewhere
 */
export function segmentLabel(segment, graph, step, roomy) {
  const carried = segment.labelled.filter((id) => step.edgeGrads.has(id));
  const [first] = carried;
  if (first === undefined) return "";
  const texts = carried.map((id) => gradText(step.edgeGrads.get(id)));
  const scalars = carried.every((id) => isScalar(/** @type {Tensor} */ (step.edgeGrads.get(id))));
  if (carried.length > (scalars ? WRITTEN : 1)) return counted(carried, step, scalars);
  if (carried.length > 1) return added(texts);
  const edge = graph.edges.get(first);
  if (edge && besides(edge, graph, step).length > 1) return signed(texts[0] ?? "");
  const node = graph.nodes.get(edge?.source ?? "");
  const name = node && node.outputs > 1 ? undefined : node?.names.at(-1);
  return roomy && name && name.length <= 10 ? `\u2202${lossName(graph, step)}/\u2202${name} ${texts[0]}` : `${texts[0]}`;
}

/**
 * @param {GraphEdge} edge
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {GraphEdge[]} those that brought gradients to the same output of its source, it among them
 */
export function besides({ source, source_output: output }, graph, step) {
  return (graph.outOf.get(source) ?? []).filter((edge) => edge.source_output === output && step.edgeGrads.has(edge.id));
}

/**
 * What broadcasting on the way forward makes of the gradient on the way back.
 *
 * @param {GraphEdge | undefined} edge
 * @param {StepModel} step
 * @returns {string} `summed over dim 0: [3, 4] → [4]`; "" where the input was not broadcast, or no gradient came
 */
export function summedText(edge, step) {
  const gradient = edge && step.edgeGrads.get(edge.id);
  if (!edge?.summed?.length || !gradient) return "";
  const result = step.values.get(edge.target);
  const dims = edge.summed.map((dim) => `dim ${dim}`).join(" and ");
  return `summed over ${dims}${result ? `: ${shapeText(result.shape)} \u2192 ${shapeText(gradient.shape)}` : ""}`;
}

/**
 * @param {Segment} segment
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {string} the same for a line, where it stands for one edge
 */
export function segmentSummed({ labelled }, graph, step) {
  return labelled.length === 1 ? summedText(graph.edges.get(/** @type {string} */ (labelled[0])), step) : "";
}

/**
 * @param {string[]} carried edges
 * @param {StepModel} step
 * @param {boolean} scalars
 * @returns {string} `3 gradients · norm ≤ 0.31`: how many, and the largest; on the meta device how many
 */
function counted(carried, step, scalars) {
  const sizes = carried.flatMap((id) => norm(/** @type {Tensor} */ (step.edgeGrads.get(id))) ?? []);
  const count = countText(carried.length, "gradient");
  if (sizes.length === 0) return count;
  return `${count} \u00b7 ${scalars ? "up to" : "norm \u2264"} ${numberText(Math.max(...sizes), { digits: 3 })}`;
}

/**
 * @param {Segment} segment
 * @param {GraphModel} graph
 * @returns {string} `✂ detach()` on the line into a node where the gradient of something that wants one stops
 */
export function cutLabel({ labelled }, { edges, nodes }) {
  const ends = labelled.map((id) => edges.get(id) ?? { source: "", target: "" })
    .map(({ source, target }) => [nodes.get(source), nodes.get(target)]);
  const [first] = ends;
  const isCut = first && ends.every((end) => end[0]?.requires_grad && end[1]?.kind === "break");
  if (!isCut) return "";
  const reason = first[1]?.reason ?? "";
  const word = /detach\(\)|no_grad\(\)|inference_mode\(\)/.exec(reason)?.[0] ?? "no gradient";
  return `\u2702 ${word}`;
}

/**
 * @param {string} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {Tensor[]} the gradients that came along the edges out of the node
 */
export function contributions(node, graph, step) {
  return (graph.outOf.get(node) ?? []).flatMap((edge) => step.edgeGrads.get(edge.id) ?? []);
}

/**
 * @param {string} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @returns {string} `1.0 + 6.0 + 6.0 = 13.0`; with an arrow where a hook makes something else of the sum; "" unless
 *   several scalars meet
 */
export function sumText(node, graph, step) {
  return partialSum(node, graph, step, () => true, true);
}

/**
 * A sum of which not all has come: what is missing keeps its room, so that nothing moves when it comes.
 *
 * @param {string} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @param {(edge: string) => boolean} isThere the edge's contribution has come
 * @param {boolean} isWhole the sum has been made
 * @returns {string} `1.0 + ?   + 6.0 = ?`; "" unless several scalars meet
 */
export function partialSum(node, graph, step, isThere, isWhole) {
  return meetingsAt(node, graph, step).filter(isOfScalars).map((met) => equation(met, isThere, isWhole)).join("; ");
}

/**
 * @param {Meeting} meeting of scalars
 * @param {(edge: string) => boolean} isThere
 * @param {boolean} isWhole
 */
function equation({ parts, total, adds }, isThere, isWhole) {
  // One more term takes no more room than to say that there is one more.
  const shown = parts.length > TERMS + 1 ? parts.slice(0, TERMS) : parts;
  const terms = shown.map(({ edge, tensor }) => {
    const text = gradText(tensor);
    return isThere(edge) ? text : missing(text);
  });
  if (parts.length > shown.length) terms.push(moreText(parts.length - shown.length));
  return `${added(terms)} ${adds ? "=" : "\u2192"} ${isWhole ? gradText(total) : "?"}`;
}

/** @param {number} count of terms @returns {string} that stands in their place */
export function moreText(count) {
  return `\u2026 and ${count} more`;
}

/**
 * The same for a card that has no room to draw sums of tensors: how many there are stands there instead.
 *
 * @param {string} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @param {(edge: string) => boolean} isThere
 * @param {boolean} isWhole
 * @returns {string} `sum of 3 gradients`, `1 of 3 gradients`; an equation of scalars
 */
export function cardSum(node, graph, step, isThere, isWhole) {
  return meetingsAt(node, graph, step).map((met) => {
    if (isOfScalars(met)) return equation(met, isThere, isWhole);
    const all = countText(met.parts.length, "gradient");
    return isWhole ? `sum of ${all}` : `${met.parts.filter(({ edge }) => isThere(edge)).length} of ${all}`;
  }).join("; ");
}

/** @param {string} text @returns {string} equally wide */
function missing(text) {
  const room = Math.max(0, text.replace(/^\u2212/, "").length - 1);
  const left = Math.floor(room / 2);
  return `${"\u00a0".repeat(left)}?${"\u00a0".repeat(room - left)}`;
}

/**
 * @param {readonly string[]} there edges whose gradient has come along a line
 * @param {number} all that will
 * @param {StepModel} step
 * @returns {string} `6.0`, `6.0 + 6.0`, `3 of 12 gradients`
 */
export function partialLabel(there, all, step) {
  const tensors = there.flatMap((id) => step.edgeGrads.get(id) ?? []);
  if (all > WRITTEN || !tensors.every(isScalar)) return `${there.length} of ${countText(all, "gradient")}`;
  return added(tensors.map((tensor) => gradText(tensor)));
}
