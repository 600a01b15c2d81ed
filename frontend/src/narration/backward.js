/** A backward event in words: a gradient along an edge, or one that has come to its node. */

/** @import {GraphEdge, GraphNode} from "../model.d.ts" */
/** @import {Told} from "../narration.js" */

import { chainRules, spaced } from "../explain.js";
import { cellText, cellsTogether, meetingsAt, mostTelling } from "../meeting.js";
import { countText, numberText } from "../number.js";
import { nodeTitle } from "../stage/card.js";
import { besides, contributions, lossName, sumText } from "../stage/contribution.js";
import { isWritten, valueText } from "../tensor.js";
import { gradWords, valueWords } from "./words.js";

/**
 * @param {GraphEdge} edge
 * @param {number} at
 * @param {Told} told
 */
export function along(edge, at, told) {
  const { graph, step } = told;
  const node = /** @type {GraphNode} */ (graph.nodes.get(edge.target));
  const source = /** @type {GraphNode} */ (graph.nodes.get(edge.source));
  const incoming = gradWords(step.grads.get(node.id));
  const outgoing = gradWords(step.edgeGrads.get(edge.id));
  const to = nodeTitle(source);
  const what = node.grad_fn ?? node.op;
  const rule = node.derivatives.find(({ target_input: place }) => place === edge.target_input)?.text ?? "";
  const filled = chainRules(node, graph, step).find(({ place }) => place === edge.target_input)?.terms ?? [];
  const said = ruleWords({ rule, filled, incoming, outgoing, to }, node, told);
  return `${what}: ${said}${share(edge, at, told)}`;
}

/**
 * @param {{rule: string, filled: {text: string}[], incoming: string, outgoing: string, to: string}} said
 * @param {GraphNode} node
 * @param {Told} told
 * @returns {string} `gradient 1.0 times saved y = 5.0 gives 5.0 for x`
 */
function ruleWords({ rule, filled, incoming, outgoing, to }, node, told) {
  const same = incoming === outgoing;
  if (rule === "grad" && same) return `gradient ${incoming} passes on unchanged to ${to}`;
  if (rule === "grad * alpha" && same) return `gradient ${incoming} passes on unchanged to ${to}`;
  if (/^-grad( \* alpha)?$/.test(rule)) return `gradient ${incoming} changes its sign and gives ${outgoing} for ${to}`;
  const factor = /^grad ([*/@]) (\w+)$/.exec(rule);
  const saved = factor && savedWords(factor[2] ?? "", node, told);
  if (factor && saved) {
    const how = { "*": "times", "/": "divided by", "@": "matrix-multiplied by" }[factor[1] ?? "*"];
    return `gradient ${incoming} ${how} ${saved} gives ${outgoing} for ${to}`;
  }
  if (filled.length > 4 && filled[0]?.text === "=") return `gradient ${spaced(filled.slice(1))} for ${to}`;
  if (filled.length > 4) return `gradient ${spaced(filled.slice(2, -2))} gives ${outgoing} for ${to}`;
  const by = rule ? ` by the rule ${rule.replaceAll(" * ", " · ")}` : "";
  return `gradient ${incoming}${by} gives ${outgoing} for ${to}`;
}

/**
 * @param {string} word of a rule: "other"
 * @param {GraphNode} node
 * @param {Told} told
 * @returns {string} `saved y = 5.0`, `3.0`; "" when it is not known
 */
function savedWords(word, node, { graph, step }) {
  const constant = node.attributes[word];
  if (typeof constant === "number") return numberText(constant);
  const saved = node.saved.find(({ name }) => name === word);
  const kept = saved?.node ? graph.nodes.get(saved.node) : undefined;
  if (!saved || !kept) return "";
  const own = kept.id === node.id;
  return `saved ${own ? "result" : nodeTitle(kept)} = ${valueWords(step.values.get(kept.id))}`;
}

/**
 * @param {GraphEdge} edge
 * @param {number} at
 * @param {Told} told
 * @returns {string} which of several contributions it is
 */
function share(edge, at, { graph, step }) {
  const parts = besides(edge, graph, step);
  if (parts.length < 2) return "";
  const there = new Set(step.events.slice(0, at + 1).flatMap((event) => event.edge ?? []));
  const place = parts.filter(({ id }) => there.has(id)).length;
  return `, contribution ${place} of ${parts.length}`;
}

/**
 * @param {GraphNode} node
 * @param {Told} told
 */
export function arrived(node, told) {
  const { graph, step } = told;
  const gradient = step.grads.get(node.id);
  const name = nodeTitle(node);
  if (node.id === step.lossNode) {
    const loss = lossName(graph, step);
    return `backward starts at ${name} with the seed ∂${loss}/∂${loss} = ${gradWords(gradient)}`;
  }
  if (node.kind === "leaf") return accumulated(node, told);
  const parts = contributions(node.id, graph, step);
  const where = node.grad_fn ? `, which enters ${node.grad_fn}` : "";
  if (parts.length < 2) return `gradient ${gradWords(gradient)} of ${name}${where ? ` enters ${node.grad_fn}` : ""}`;
  const sum = sumWords(node, told);
  if (!sum) return `${countText(parts.length, "gradient")} of ${name} came, one for each output${where}`;
  return `gradients of ${name} meet: ${sum}${where}`;
}

/**
 * @param {GraphNode} node
 * @param {Told} told
 * @returns {string} `1.0 + 6.0 = 7.0`; of tensors the sum of one cell, as an example; "" where no gradients meet
 */
function sumWords({ id }, { graph, step }) {
  const scalars = sumText(id, graph, step);
  const [met] = meetingsAt(id, graph, step);
  if (scalars || !met) return scalars;
  const { parts, total, adds } = met;
  if (isWritten(total)) return `${parts.map(({ tensor }) => valueText(tensor)).join(" + ")} ${adds ? "=" : "\u2192"} ${valueText(total)}`;
  if (!adds) return `${countText(parts.length, "contribution")}, of whose sum a hook makes ${gradWords(total)}`;
  const together = cellsTogether(met);
  const sum = `${countText(parts.length, "contribution")} add up`;
  if (!together) return `${sum} to ${gradWords(total)}`;
  return `${sum} cell by cell to ${gradWords(total)}, such as ${cellText(met, together, mostTelling(together))}`;
}

/**
 * @param {GraphNode} node
 * @param {Told} told
 */
function accumulated(node, told) {
  const { step, leftover } = told;
  const name = `${nodeTitle(node)}.grad`;
  const own = step.grads.get(node.id);
  const total = step.leafGrads.get(node.id);
  const sum = sumWords(node, told);
  if (!total) return `AccumulateGrad: ${sum ? `${sum} becomes ${name}` : `${name} is now ${gradWords(own)}`}`;
  const old = leftover.get(node.id);
  const piled = old ? `${gradWords(old)} that was there + ${gradWords(own)}` : `${gradWords(own)} is added to what was there`;
  return `AccumulateGrad: ${name}: ${piled} = ${gradWords(total)}. Without zero_grad gradients pile up`;
}
