/** A button that opens a small menu beside it; Escape, a choice and a press elsewhere close it. */

import { part } from "./parts.js";

/**
 * @param {string} buttonId
 * @param {string} menuId
 */
export function wireMenu(buttonId, menuId) {
  const button = part(buttonId);
  const menu = part(menuId);
  const show = (/** @type {boolean} */ open) => {
    menu.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => {
    show(Boolean(menu.hidden));
    if (!menu.hidden) /** @type {HTMLElement | null} */ (menu.querySelector("input:checked, button, input"))?.focus();
  });
  menu.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Escape") return;
    show(false);
    button.focus();
  });
  menu.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("button")) show(false);
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!(target instanceof Node && (menu.contains(target) || button.contains(target)))) show(false);
  });
}
