/** One card -> SVG: its outline at once, the words and numbers in it when they can be read. */

/** @import {Box, Card} from "../model.d.ts" */

import { heatSize } from "../tensor.js";
import { HEAT_GAP, ROW } from "./card.js";
import { drawHeat } from "./heat.js";
import { svg, text } from "./svg.js";
import { drawTerms, termsSize } from "./terms.js";
import { textWidth } from "./text.js";

/** Of the corners, by kind. @type {Record<Card["kind"], number>} */
const RADIUS = { leaf: 13, data: 13, op: 30, break: 30, group: 12, fold: 14, seed: 13 };

/**
 * @param {Card} card
 * @param {Box} box
 * @returns {SVGGElement} nothing stands in it yet
 */
export function drawNode(card, box) {
  const group = svg("g", {
    class: `node ${card.kind}`,
    transform: `translate(${box.x} ${box.y})`,
    "data-node": card.id,
    "data-name": card.title,
    "data-kind": card.kind,
    tabindex: 0,
    role: "button",
  });
  if (card.kind === "group" || card.kind === "fold") group.setAttribute("aria-expanded", "false");
  if (card.alarm) group.classList.add("odd");
  const { width, height, kind } = card;
  const rx = RADIUS[kind];
  group.append(svg("title", {}, card.spoken));
  if (kind === "group") group.append(svg("rect", { class: "behind", x: 6, y: 6, width, height, rx }));
  group.append(svg("rect", { class: "body", width, height, rx }));
  return group;
}

/**
 * @param {SVGGElement} element made by `drawNode` of the same card
 * @param {Card} card
 */
export function fillNode(element, card) {
  element.append(...DRAW[card.kind](card));
  if (card.alarm) element.append(alarm(card));
}

/** @param {Card} card */
function alarm(card) {
  const words = `\u26a0 ${card.alarm}`;
  const width = textWidth(words, 13) + 16;
  return svg("g", { class: "alarm", transform: "translate(12 -13)" },
    svg("rect", { width, height: 22, rx: 6 }), text("alarm-text", width / 2, 16, words, "middle"));
}

/** @type {Record<Card["kind"], (card: Card) => SVGElement[]>} */
const DRAW = {
  leaf: drawSource, data: drawSource, op: drawOp, break: drawOp, group: drawGroup, fold: drawFold, seed: drawSeed,
};

/**
 * @param {Card} card
 * @returns {SVGElement[]}
 */
function drawSource(card) {
  const { width, height, heat, gradHeat } = card;
  const scalar = card.subtitle === "";
  const size = heatSize(heat);
  const gradSize = heatSize(gradHeat);
  const beside = heat && !heat.written ? size.width + 16 + (gradHeat ? gradSize.width + HEAT_GAP : 0) : 0;
  const right = width - 16 - beside;
  /** @type {SVGElement[]} */
  const parts = [
    text("title", 16, 27, card.title),
    text("tag", right, 26, card.tag, "end"),
    text(scalar ? "value big" : "value", 16, 57, card.value),
  ];
  if (card.grad) parts.push(text(card.grad.endsWith("\u2013") ? "grad none" : "grad", right, 56, card.grad, "end"));
  if (heat?.written) {
    parts.push(drawHeat(heat, 16, 72, "value"));
    if (gradHeat) parts.push(drawHeat(gradHeat, width - 16 - gradSize.width, 72, "grad"));
  } else {
    if (heat) parts.push(drawHeat(heat, right + 16, 37 - size.height / 2, "value"));
    if (gradHeat) parts.push(drawHeat(gradHeat, width - 16 - gradSize.width, 37 - gradSize.height / 2, "grad"));
  }
  const terms = termsSize(card.terms);
  const foot = height - 12 - terms.height;
  if (card.sum) parts.push(text("sum", 16, foot - (card.after ? ROW : 0), card.sum));
  if (card.after) parts.push(text("after", 16, foot, card.after));
  if (card.terms) parts.push(drawTerms(card.terms, (width - terms.width) / 2, height - 14 - terms.height));
  return parts;
}

/**
 * @param {Card} card
 * @returns {SVGElement[]}
 */
function drawOp(card) {
  /** @type {SVGElement[]} */
  const parts = [
    svg("circle", { class: "sign-ground", cx: 29, cy: 27, r: 18 }),
    text(card.symbol.length > 2 ? "sign small" : "sign", 29, card.symbol.length > 2 ? 31 : 34, card.symbol, "middle"),
    opTitle(card),
    text("subtitle", 58, 42, card.subtitle),
  ];
  if (card.heat) {
    const size = heatSize(card.heat);
    parts.push(drawHeat(card.heat, card.width - 24 - size.width, 27 - size.height / 2, "value"));
  }
  if (card.sum) parts.push(text("sum", 58, 63, card.sum));
  const terms = termsSize(card.terms);
  if (card.terms) parts.push(drawTerms(card.terms, (card.width - terms.width) / 2, card.height - 14 - terms.height));
  return parts;
}

/** @param {Card} card */
function opTitle(card) {
  const line = text("title", 58, 24, card.title);
  if (!card.value) return line;
  line.append(svg("tspan", { class: "equals" }, " = "), svg("tspan", { class: "value" }, card.value));
  return line;
}

/**
 * @param {Card} card
 * @returns {SVGElement[]}
 */
function drawGroup(card) {
  return [
    svg("path", { class: "chevron", d: "M16 17 l7 5.5 l-7 5.5 z" }),
    text("title", 34, 27, card.title),
    text("subtitle", 34, 47, card.tag),
    text("count", 34, 67, card.subtitle),
    text("value", card.width - 16, 27, card.value, "end"),
  ];
}

/**
 * @param {Card} card
 * @returns {SVGElement[]}
 */
function drawFold(card) {
  const middle = card.width / 2;
  return [
    text("title", middle, 25, card.title, "middle"),
    text("subtitle", middle, 43, card.subtitle, "middle"),
  ];
}

/**
 * @param {Card} card
 * @returns {SVGElement[]}
 */
function drawSeed(card) {
  return [text("title", card.width / 2, 26, card.title, "middle")];
}
