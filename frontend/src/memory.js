/** What the browser keeps between visits, where it is allowed to. */

const PREFIX = "chainrule.";

/**
 * @param {string} key
 * @returns {string | null} null also when the browser keeps nothing for this page
 */
export function recall(key) {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

/**
 * @param {string} key
 * @param {string | null} value null forgets
 */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Storage is full or forbidden: the page works without it.
  }
}
