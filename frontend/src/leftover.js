/** What stands in a leaf's .grad when a step begins: what the step before left there. Pure. */

/** @import {StepModel, Tensor} from "./model.d.ts" */

/**
 * @param {StepModel | null} before the step before; null for the first
 * @param {StepModel} step
 * @returns {Map<string, Tensor>} leaf -> gradient; empty where the step before is not known or has another graph
 */
export function leftoverOf(before, step) {
  if (!before || before.graph !== step.graph || before.index !== step.index - 1) return new Map();
  const left = new Map([...before.grads, ...before.leafGrads]);
  /** @type {Map<string, string>} */
  const last = new Map();
  /** Ops keep no .grad. */
  const computed = new Set(before.events.flatMap(({ phase, node }) => (phase === "forward" ? node ?? [] : [])));
  for (const { phase, node } of before.events) {
    if (node === null || computed.has(node)) continue;
    if (phase === "backward" || phase === "zero_grad") last.set(node, phase);
  }
  return new Map([...left].filter(([leaf]) => last.get(leaf) === "backward"));
}
