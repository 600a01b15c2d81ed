/** A formula in LaTeX -> DOM; the only importer of KaTeX, which comes when the page has nothing better to do. */

/** @typedef {typeof import("../../vendor/katex.js")} Katex */

const SHEET = new URL("../../vendor/katex.css", import.meta.url);
/** @type {Katex | null} */
let katex = null;
/** @type {Promise<Katex> | null} */
let coming = null;

/** Fetches what formulas are drawn with, so that it is there when the first is shown. */
export async function fetchFormulas() {
  coming ??= fetchKatex();
  katex = await coming;
}

async function fetchKatex() {
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  sheet.href = SHEET.href;
  document.head.append(sheet);
  return import("../../vendor/katex.js");
}

/**
 * @param {string} latex from the sandbox, so nothing in it is trusted
 * @returns {HTMLElement} the text itself where it is not a formula, and until KaTeX is there
 */
export function formula(latex) {
  const element = document.createElement("div");
  element.className = "formula";
  element.textContent = latex;
  if (katex) draw(katex, latex, element);
  else fetchFormulas().then(() => katex && draw(katex, latex, element)).catch(() => undefined);
  return element;
}

/**
 * @param {Katex} made
 * @param {string} latex
 * @param {HTMLElement} element
 */
function draw({ render }, latex, element) {
  try {
    render(latex, element, { displayMode: false, throwOnError: true, trust: false, maxExpand: 100, maxSize: 5, strict: "ignore" });
  } catch {
    element.textContent = latex;
  }
}
