/** What the page is about at this moment: one step of a run, and its graph. */

/** @import {GraphModel, Run, State, Step, StepModel} from "../model.d.ts" */

import { readStep } from "../wire.js";

/** @typedef {{run: Run, graph: GraphModel, step: StepModel}} Subject */

/** @type {WeakMap<object, StepModel>} */
const steps = new WeakMap();

/**
 * @param {State} state
 * @returns {Subject | null} the same step object each time
 */
export function subjectOf({ run, step: place }) {
  const raw = run?.steps[place];
  const graph = run?.graphs.get(raw?.graph ?? "");
  if (!run || !raw || !graph) return null;
  return { run, graph, step: stepOf(raw) };
}

/**
 * @param {Step} raw
 * @returns {StepModel} the same object each time
 */
export function stepOf(raw) {
  const step = steps.get(raw) ?? readStep(raw);
  steps.set(raw, step);
  return step;
}
