/** What the page is about at this moment: one step of a run, and its graph. */

/** @import {GraphModel, Run, State, StepModel, StepRecord} from "../model.d.ts" */

/** @typedef {{run: Run, graph: GraphModel, step: StepModel}} Subject */

/** @type {WeakMap<object, StepModel>} */
const steps = new WeakMap();

/**
 * @param {State} state
 * @returns {Subject | null} the same step object each time
 */
export function subjectOf({ run, step: place }) {
  const record = run?.steps[place];
  const graph = run?.graphs.get(record?.graph ?? "");
  if (!run || !record || !graph) return null;
  return { run, graph, step: stepOf(record) };
}

/**
 * @param {StepRecord} record
 * @returns {StepModel} the same object each time
 */
export function stepOf(record) {
  const step = steps.get(record) ?? record.read();
  steps.set(record, step);
  return step;
}
