/** How wide text on the stage is, before anything is drawn. */

/** Advance of the monospaced face, in parts of its size. */
const ADVANCE = 0.6;
/** East Asian wide characters and pictographs. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]|\p{Extended_Pictographic}/gu;

/**
 * @param {string} text
 * @param {number} size of the type, in pixels
 * @returns {number} pixels; East Asian wide characters and pictographs count twice
 */
export function textWidth(text, size) {
  const wide = text.match(WIDE);
  return (Array.from(text).length + (wide?.length ?? 0)) * size * ADVANCE;
}

/**
 * @param {string} text
 * @param {number} length
 */
export function cut(text, length) {
  const letters = Array.from(text);
  return letters.length <= length ? text : `${letters.slice(0, length - 1).join("")}\u2026`;
}
