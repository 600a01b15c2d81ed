/** Where a value or a gradient stopped being a finite number. */

/** @import {GraphModel, Hierarchy, Segment, StepModel, Tensor} from "../model.d.ts" */

import { nodesInside } from "../layout/hierarchy.js";

/**
 * An infinite value is no alarm: masks are made of them.
 *
 * @param {string} item
 * @param {{graph: GraphModel, hierarchy: Hierarchy, step: StepModel}} scene
 * @returns {string} "NaN starts here" where no input has one, "NaN", "\u221e in the gradient"; "" where all is well
 */
export function alarmOf(item, scene) {
  const { hierarchy, step } = scene;
  const container = hierarchy.containers.get(item);
  const inside = container ? nodesInside(container, hierarchy) : [item];
  const odd = inside.filter((id) => hasNaN(step.values.get(id)));
  if (odd.some((id) => !inputsOf(id, scene).some(hasNaN))) return "NaN starts here";
  if (odd.length > 0) return "NaN";
  const gradient = inside.map((id) => step.leafGrads.get(id) ?? step.grads.get(id)).find(isOdd);
  if (!gradient) return "";
  return hasNaN(gradient) ? "NaN in the gradient" : "\u221e in the gradient";
}

/**
 * @param {Segment} segment
 * @param {StepModel} step
 * @returns {boolean} a gradient that came along it is not finite
 */
export function isOddSegment({ edges }, step) {
  return edges.some((id) => isOdd(step.edgeGrads.get(id)));
}

/**
 * @param {string} id
 * @param {{graph: GraphModel, step: StepModel}} scene
 */
function inputsOf(id, { graph, step }) {
  return (graph.into.get(id) ?? []).map(({ source }) => step.values.get(source));
}

/** @param {Tensor | undefined} tensor */
function hasNaN(tensor) {
  return tensor !== undefined && tensor.nan > 0;
}

/** @param {Tensor | undefined} tensor */
function isOdd(tensor) {
  return tensor !== undefined && tensor.nan + tensor.inf > 0;
}
