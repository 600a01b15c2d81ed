/** Makes SVG elements: attributes are set, text is text, nothing is parsed. */

const NAMESPACE = "http://www.w3.org/2000/svg";

/**
 * @template {keyof SVGElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string | number | null | undefined>} [attributes] null and undefined are left out
 * @param {...(Node | string | null)} children
 * @returns {SVGElementTagNameMap[Name]}
 */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

/**
 * @param {string} className
 * @param {number} x
 * @param {number} y baseline
 * @param {string} content
 * @param {"start" | "middle" | "end"} [anchor]
 */
export function text(className, x, y, content, anchor = "start") {
  return svg("text", { class: className, x, y, "text-anchor": anchor }, content);
}
