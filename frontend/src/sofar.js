/** A step as far as it has come at a moment of its playback. Pure. */

/** @import {StepModel, Tensor} from "./model.d.ts" */

/**
 * @typedef {object} Reached
 * @property {number} events so many of the step's events are over
 * @property {ReadonlyMap<string, Tensor>} leftover leaf -> the .grad that it had when the step began
 */

/**
 * @param {StepModel} step
 * @param {Reached} reached
 * @returns {StepModel} without what is still to come; `leafGrads` has what every leaf holds
 */
export function soFar(step, { events: count, leftover }) {
  const events = step.events.slice(0, count);
  const computed = new Set(nodesOf(events, "forward"));
  const ahead = new Set(nodesOf(step.events.slice(count), "forward").filter((node) => !computed.has(node)));
  const entered = new Set();
  for (const { phase, node } of events) {
    if (phase === "backward" && node !== null) entered.add(node);
    if (phase === "zero_grad") entered.delete(node);
  }
  const crossed = new Set(events.flatMap(({ phase, edge }) => (phase === "backward" && edge !== null ? [edge] : [])));
  const updated = new Set(nodesOf(events, "update"));
  return {
    ...step, events,
    loss: ahead.has(step.lossNode ?? "") ? null : step.loss,
    values: only(step.values, (node) => !ahead.has(node)),
    outputs: only(step.outputs, (node) => !ahead.has(node)),
    grads: only(step.grads, (node) => entered.has(node)),
    outputGrads: only(step.outputGrads, (node) => entered.has(node)),
    edgeGrads: only(step.edgeGrads, (edge) => crossed.has(edge)),
    leafGrads: held(step, events, leftover),
    updates: step.updates.filter(({ parameter }) => updated.has(parameter)),
  };
}

/**
 * @param {StepModel["events"]} events
 * @param {StepModel["events"][number]["phase"]} phase
 * @returns {string[]}
 */
function nodesOf(events, phase) {
  return events.flatMap((event) => (event.phase === phase && event.node !== null ? [event.node] : []));
}

/**
 * @template Value
 * @param {Map<string, Value>} all
 * @param {(id: string) => boolean} isThere
 * @returns {Map<string, Value>}
 */
function only(all, isThere) {
  return new Map([...all].filter(([id]) => isThere(id)));
}

/**
 * @param {StepModel} step
 * @param {StepModel["events"]} events that are over
 * @param {Reached["leftover"]} leftover
 * @returns {Map<string, Tensor>} leaf -> its .grad now
 */
function held(step, events, leftover) {
  const now = new Map(leftover);
  for (const { phase, node } of events) {
    if (node === null) continue;
    const own = step.leafGrads.get(node);
    if (phase === "zero_grad") now.delete(node);
    else if (phase === "backward" && own) now.set(node, own);
    else if (phase === "backward") now.delete(node); // what entered it is what it has
  }
  return now;
}
