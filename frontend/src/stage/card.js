/** What each visible thing says, and how large it is. */

/** @import {Card, Container, GraphModel, GraphNode, Heat, Hierarchy, Size, StepModel, Tensor} from "../model.d.ts" */

import { nodesInside } from "../layout/hierarchy.js";
import { SEED } from "../layout/visible.js";
import { countText } from "../number.js";
import { gradText, heatOf, heatSize, isScalar, isWritten, norm, shapeText, valueText } from "../tensor.js";
import { alarmOf } from "./alarm.js";
import { cardSum, lossName, sumText } from "./contribution.js";
import { updateText } from "./update.js";
import { symbolOf } from "./symbol.js";
import { termsOf, termsSize } from "./terms.js";
import { cut, textWidth } from "./text.js";

const THUMB = { width: 52, height: 50 };
/** Of small text, in pixels: at the least scale of a first view it still is 11 pixels high. */
export const SMALL_TYPE = 13;
/** A stage of less width, in pixels, says less in a leaf's tag. */
const TIGHT = 700;
const NARROW = 480;
/** Between the heat of a value and that of its gradient. */
export const HEAT_GAP = 10;
/** Of a row below a card's words, in pixels. */
export const ROW = 22;
const SMALL_THUMB = { width: 44, height: 40 };

/**
 * @typedef {object} Scene
 * @property {GraphModel} graph
 * @property {Hierarchy} hierarchy
 * @property {StepModel} step
 * @property {boolean} steady sizes must not follow the numbers, because other steps will be shown in the same places
 * @property {number} room width of the stage, in pixels
 * @property {boolean} roomy few things stand on the stage: sums of tensors are drawn
 */

/**
 * @param {string} item
 * @param {Scene} scene
 * @returns {Card}
 */
export function cardOf(item, scene) {
  if (item === SEED) return seedCard(scene);
  const card = quietCard(item, scene);
  const alarm = alarmOf(item, scene);
  return alarm === "" ? card : { ...card, alarm, spoken: `${alarm}: ${card.spoken}` };
}

/**
 * @param {string} item
 * @param {Scene} scene
 * @returns {Card}
 */
function quietCard(item, scene) {
  const container = scene.hierarchy.containers.get(item);
  if (container) return container.kind === "fold" ? foldCard(container) : groupCard(container, scene);
  const node = /** @type {GraphNode} */ (scene.graph.nodes.get(item));
  return node.kind === "leaf" || node.kind === "data" ? sourceCard(node, scene) : opCard(node, scene);
}

/** @type {Omit<Card, "id" | "kind">} */
const BLANK = {
  width: 0, height: 0, title: "", tag: "", symbol: "", subtitle: "", value: "", grad: "", sum: "", after: "",
  terms: null, heat: null, gradHeat: null, alarm: "", spoken: "", line: null,
};

/**
 * A tensor that no operation of the graph made: a leaf that wants a gradient, or data.
 *
 * @param {GraphNode} node
 * @param {Scene} scene
 * @returns {Card}
 */
function sourceCard(node, { graph, step, steady, room, roomy }) {
  const leaf = node.kind === "leaf";
  const value = step.values.get(node.id);
  const gradient = step.leafGrads.get(node.id) ?? step.grads.get(node.id);
  const title = cut(nodeTitle(node), isTied(node) ? 50 : 24);
  const tag = sourceTag(leaf, value, room);
  const scalar = value !== undefined && isScalar(value);
  const grad = leaf ? `grad ${gradText(gradient)}` : "";
  const after = updateText(node.id, step);
  const heats = { room: THUMB, steady: steady || after !== "" }; // an update writes other numbers into the same cells
  const heat = heatOf(value, { ...heats, write: true });
  const gradHeat = leaf ? heatOf(gradient, { ...heats, write: heat?.written ?? false }) : null;
  const said = value && heat?.written ? shapeText(value.shape) : valueText(value); // not its elements twice
  const valueWidth = steady && scalar ? textWidth("0".repeat(8), 21) : textWidth(said, scalar ? 21 : 14);
  const gradWidth = leaf ? textWidth(steady ? "grad norm 0.0000" : grad, 13) : 0;
  const head = textWidth(title, 15) + 14 + textWidth(tag, SMALL_TYPE);
  const words = Math.max(head, valueWidth + 18 + gradWidth, room < TIGHT ? 90 : 120);
  const terms = leaf && roomy ? termsOf(node.id, graph, step, { room, steady }) : null;
  const sum = leaf ? meetingText(node.id, graph, step, terms) : "";
  const rows = [sum, steady ? after.replace(/[\d.\u2212]+(e\S+)?/gu, "0".repeat(7)) : after];
  return {
    ...BLANK, id: node.id, kind: leaf ? "leaf" : "data", title, tag, value: said, grad, heat, gradHeat, sum, terms, after,
    subtitle: scalar ? "" : "tensor", spoken: spoken(node, value, gradient), line: node.line,
    ...under(withHeats(words, heat, gradHeat, rows), terms, 32),
  };
}

/**
 * @param {boolean} leaf
 * @param {Tensor | undefined} value
 * @param {number} room
 */
function sourceTag(leaf, value, room) {
  if (value?.device === "meta" && room >= NARROW) return "meta \u00b7 no values";
  if (!leaf) return "data";
  if (room < NARROW) return "leaf";
  return room < TIGHT ? "requires_grad" : "leaf \u00b7 requires_grad";
}

/**
 * Written matrices stand below the words, images beside them.
 *
 * @param {number} words their width
 * @param {Heat | null} heat
 * @param {Heat | null} gradHeat
 * @param {string[]} rows below
 * @returns {Size}
 */
function withHeats(words, heat, gradHeat, rows) {
  const size = heatSize(heat);
  const gradSize = heatSize(gradHeat);
  const both = size.width + (gradHeat ? gradSize.width + HEAT_GAP : 0);
  if (heat?.written) {
    return grown({ width: Math.max(words, both) + 32, height: 86 + Math.max(size.height, gradSize.height) }, rows, 32);
  }
  return grown({ width: words + 32 + (both > 0 ? both + 16 : 0), height: 74 }, rows, 32);
}

/**
 * @param {GraphNode} node
 * @param {Scene} scene
 * @returns {Card}
 */
function opCard(node, { graph, step, steady, room, roomy }) {
  const value = step.values.get(node.id);
  const gradient = step.grads.get(node.id);
  const broken = node.kind === "break";
  const title = cut(nodeTitle(node), 20);
  const text = value ? valueText(value) : "";
  const reason = broken ? "gradient stops" : "";
  const made = node.outputs > 1 ? ` \u00b7 ${countText(node.outputs, "output")}` : "";
  const subtitle = (reason || (node.grad_fn ?? (node.names.length ? node.op : "no gradient"))) + made;
  const heat = isWritten(value) ? null : heatOf(value, { room: SMALL_THUMB, write: false });
  const first = textWidth(title, 15) + (text ? textWidth(" = ", 15) + (steady && value && isScalar(value) ? textWidth("0".repeat(8), 15) : textWidth(text, 15)) : 0);
  const terms = roomy ? termsOf(node.id, graph, step, { room, steady }) : null;
  const sum = meetingText(node.id, graph, step, terms);
  const side = heat ? heatSize(heat).width + 14 : 0;
  const width = 58 + Math.max(first, textWidth(subtitle, SMALL_TYPE)) + side + 26;
  return {
    ...BLANK, id: node.id, kind: broken ? "break" : "op", title, symbol: symbolOf(node.op), subtitle, value: text, heat, sum, terms,
    spoken: spoken(node, value, gradient), line: node.line,
    ...under(grown({ width, height: 54 }, [sum], 88), terms, 64),
  };
}

/**
 * @param {string} node
 * @param {GraphModel} graph
 * @param {StepModel} step
 * @param {import("../model.d.ts").Terms | null} terms drawn below
 * @returns {string} what is said of gradients that meet
 */
function meetingText(node, graph, step, terms) {
  return terms ? sumText(node, graph, step) : cardSum(node, graph, step, () => true, true);
}

/**
 * @param {Size} size
 * @param {string[]} rows the sum of gradients, the update; "" is none
 * @param {number} margins left and right of them
 * @returns {Size} with room for them below
 */
function grown({ width, height }, rows, margins) {
  const said = rows.filter((row) => row !== "");
  const widest = Math.max(0, ...said.map((row) => textWidth(row, SMALL_TYPE) + margins));
  return { width: Math.round(Math.max(width, widest)), height: height + ROW * said.length };
}

/**
 * @param {Size} size
 * @param {import("../model.d.ts").Terms | null} terms
 * @param {number} margins left and right of them
 * @returns {Size} with room for them below
 */
function under({ width, height }, terms, margins) {
  const size = termsSize(terms);
  return { width: Math.max(width, size.width + (terms ? margins : 0)), height: height + size.height };
}

/**
 * @param {GraphNode} node
 * @returns {string} what the snippet calls it, else what torch calls the operation; of a tied parameter all its names
 */
export function nodeTitle(node) {
  return isTied(node) ? node.names.join(" = ") : (node.names.at(-1) ?? node.op);
}

/** @param {GraphNode} node @returns {boolean} whether it is one parameter that several modules hold */
function isTied(node) {
  return node.is_parameter && node.names.length > 1;
}

/**
 * @param {GraphNode} node
 * @param {Tensor | undefined} value
 * @param {Tensor | undefined} gradient
 */
function spoken(node, value, gradient) {
  const parts = [`${nodeTitle(node)}, ${node.kind}${node.kind === "op" ? ` ${node.op}` : ""}`];
  if (value) parts.push(isScalar(value) ? `value ${valueText(value)}` : `shape ${shapeText(value.shape)}`);
  if (node.grad_fn) parts.push(node.grad_fn);
  if (gradient) parts.push(isScalar(gradient) ? `gradient ${gradText(gradient)}` : `gradient norm ${norm(gradient)?.toPrecision(3) ?? "unknown"}`);
  if (node.reason) parts.push(node.reason);
  return parts.join(", ");
}

/**
 * @param {Container} container
 * @param {Scene} scene
 * @returns {Card}
 */
function groupCard(container, scene) {
  const title = cut(container.label || container.detail || container.kind, 26);
  const same = container.detail === "" || container.detail === container.label;
  const tag = same ? container.kind : cut(container.detail, 26);
  const inside = nodesInside(container, scene.hierarchy);
  const learns = inside.filter((id) => scene.graph.nodes.get(id)?.kind === "leaf").length;
  const made = lastOut(inside, scene);
  const parameters = scene.graph.groups.get(container.id)?.parameters ?? 0;
  const held = parameters > 0 ? countText(parameters, "parameter") : learns > 0 ? `${learns} ${learns > 1 ? "leaves" : "leaf"}` : "";
  const subtitle = [countText(inside.length - learns, "op"), held].filter(Boolean).join(" \u00b7 ");
  const value = made ? shapeOrValue(scene.step.values.get(made)) : "";
  const head = textWidth(title, 15) + (value ? textWidth(`   ${value}`, SMALL_TYPE) : 0);
  const width = Math.max(head, textWidth(tag, SMALL_TYPE), textWidth(subtitle, SMALL_TYPE)) + 54;
  return {
    ...BLANK, id: container.id, kind: "group", title, tag, subtitle, value, width: Math.round(width), height: 80,
    spoken: `${container.kind} ${title}, ${same ? tag : container.detail}, closed, ${subtitle}`, line: container.line,
  };
}

/** @param {Tensor | undefined} tensor */
function shapeOrValue(tensor) {
  return tensor ? `\u2192 ${valueText(tensor)}` : "";
}

/**
 * @param {string[]} inside
 * @param {Scene} scene
 * @returns {string | undefined} the last node whose output leaves the group
 */
function lastOut(inside, { graph }) {
  const own = new Set(inside);
  return inside.findLast((id) => {
    const uses = graph.outOf.get(id) ?? [];
    return graph.nodes.get(id)?.kind === "op" && (uses.length === 0 || uses.some((edge) => !own.has(edge.target)));
  });
}

/**
 * @param {Container} container
 * @returns {Card}
 */
function foldCard(container) {
  const title = `\u2026 ${container.label}`;
  return {
    ...BLANK, id: container.id, kind: "fold", title, subtitle: "click to unfold",
    width: Math.round(textWidth(title, 14) + 56), height: 56, spoken: `${container.label}, folded`,
  };
}

/**
 * @param {Scene} scene
 * @returns {Card}
 */
function seedCard({ graph, step }) {
  const name = lossName(graph, step);
  const seed = step.lossNode ? step.grads.get(step.lossNode) : undefined;
  const given = seed && seed.device !== "meta" ? ` = ${valueText(seed)}` : "";
  const title = `seed \u2202${name}/\u2202${name}${given}`;
  return { ...BLANK, id: SEED, kind: "seed", title, width: Math.round(textWidth(title, 14) + 36), height: 42, spoken: title };
}
