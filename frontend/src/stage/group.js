/** The frame of an open group, with the header that closes it. */

/** @import {Box, Container, Size} from "../model.d.ts" */

import { SMALL_TYPE } from "./card.js";
import { svg, text } from "./svg.js";
import { cut, textWidth } from "./text.js";

const HEADER = 38;

/** @param {Container} container */
function words({ kind, label, detail }) {
  const title = cut(label || detail || kind, 30);
  const tag = kind === "fold" ? "" : cut(detail && detail !== label ? detail : kind, 36);
  return { title, tag };
}

/**
 * @param {Container} container
 * @returns {Size} that the header needs, with the frame's own margins
 */
export function headerSize(container) {
  return { width: Math.ceil(headerWidth(container)) + 24, height: HEADER + 2 };
}

/** @param {Container} container */
function headerWidth(container) {
  const { title, tag } = words(container);
  return 30 + textWidth(title, 13.5) + (tag ? textWidth(tag, SMALL_TYPE) + 12 : 0) + 12;
}

/**
 * @param {Container} container
 * @param {Box} box
 * @returns {{frame: SVGRectElement, header: SVGGElement}} the header goes above the lines, the frame below
 */
export function drawFrame(container, box) {
  const frame = svg("rect", {
    class: `frame ${container.kind} ${container.depth % 2 ? "odd" : "even"}`, rx: 18, "data-frame": container.id,
  });
  const { title, tag } = words(container);
  const header = svg(
    "g",
    {
      class: "frame-header",
      "data-group": container.id,
      "data-name": title,
      tabindex: 0,
      role: "button",
      "aria-expanded": "true",
    },
    svg("title", {}, `${container.kind} ${title}, open; press Enter to close`),
    svg("rect", { class: "header-ground", width: headerWidth(container), height: HEADER - 8, rx: 12 }),
    svg("path", { class: "chevron", d: "M11 11 h11 l-5.5 7.5 z" }),
    text("title", 30, 20, title),
    text("tag", 30 + textWidth(title, 13.5) + 12, 20, tag),
  );
  moveFrame({ frame, header }, box);
  return { frame, header };
}

/**
 * @param {{frame: SVGRectElement, header: SVGGElement}} drawn
 * @param {Box} box
 */
export function moveFrame({ frame, header }, { x, y, width, height }) {
  for (const [name, value] of Object.entries({ x, y, width, height })) frame.setAttribute(name, String(value));
  header.setAttribute("transform", `translate(${x + 8} ${y + 7})`);
}
