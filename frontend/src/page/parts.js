/** The page's fixed elements. */

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function part(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element "${id}"`);
  return element;
}

/** @param {string} name of the panel that a narrow page shows: "editor", "inspector" …; "stage" for the graph alone */
export function openTab(name) {
  document.body.dataset.open = name;
  for (const tab of tabs()) tab.setAttribute("aria-pressed", String(tab.dataset.tab === name));
}

/** @returns {NodeListOf<HTMLElement>} */
export function tabs() {
  return document.querySelectorAll("[data-tab]");
}
