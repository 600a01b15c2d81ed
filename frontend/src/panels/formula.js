/** A formula in LaTeX -> DOM; the only importer of KaTeX. */

import { render } from "../../vendor/katex.js";

/**
 * @param {string} latex from the sandbox, so nothing in it is trusted
 * @returns {HTMLElement} the text itself where it is not a formula
 */
export function formula(latex) {
  const element = document.createElement("div");
  element.className = "formula";
  try {
    render(latex, element, { displayMode: false, throwOnError: true, trust: false, maxExpand: 100, maxSize: 5, strict: "ignore" });
  } catch {
    element.textContent = latex;
  }
  return element;
}
