/** Numbers as a learner reads them: short, with a point where the dtype has one. */

const MINUS = "\u2212";

/**
 * @param {number} value
 * @param {number} digits significant digits
 * @returns {string} at most digits + 5 characters
 */
function finite(value, digits) {
  const magnitude = Math.abs(value);
  if (magnitude === 0) return "0.0";
  if (magnitude >= 10 ** Math.max(digits, 5) || magnitude < 1e-3) {
    const [mantissa = "", exponent = ""] = value.toExponential(digits - 2).split("e");
    return `${mantissa.replace(/\.?0+$/, "")}e${exponent.replace("+", "")}`;
  }
  const whole = Math.floor(Math.log10(magnitude)) + 1;
  const text = value.toFixed(Math.max(1, digits - whole));
  return text.replace(/(\.\d+?)0+$/, "$1");
}

/**
 * @param {number | [number, number] | null | undefined} value
 * @param {{digits?: number, integer?: boolean}} [options] `integer`: the dtype has no fraction
 * @returns {string} `5.0`, `-0.125`, `1.2e-7`, `NaN`, `∞`
 */
export function numberText(value, { digits = 4, integer = false } = {}) {
  if (value === null || value === undefined) return "\u2013";
  if (Array.isArray(value)) return complexText(value, digits);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "\u221e" : `${MINUS}\u221e`;
  const text = integer && Math.abs(value) < 1e6 ? String(value) : finite(value, digits);
  return text.replace(/-/g, MINUS);
}

/**
 * @param {[number, number]} value
 * @param {number} digits
 */
function complexText([real, imaginary], digits) {
  const sign = imaginary < 0 ? MINUS : "+";
  return `${numberText(real, { digits })}${sign}${numberText(Math.abs(imaginary), { digits })}i`;
}

/**
 * @param {number} count
 * @param {string} noun
 * @returns {string} `1 op`, `9,960 ops`
 */
export function countText(count, noun) {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * @param {number} milliseconds
 * @returns {string} `14 ms`, `2.4 s`
 */
export function durationText(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return milliseconds >= 10 ? `${Math.round(milliseconds)} ms` : `${milliseconds.toFixed(1)} ms`;
}

/**
 * @param {number} bytes
 * @returns {string} `512 B`, `3.1 MB`
 */
export function bytesText(bytes) {
  const [unit, size] = bytes >= 1e9 ? ["GB", 1e9] : bytes >= 1e6 ? ["MB", 1e6] : bytes >= 1e3 ? ["kB", 1e3] : ["B", 1];
  const value = bytes / /** @type {number} */ (size);
  return `${value >= 100 || size === 1 ? Math.round(value) : value.toFixed(1)} ${unit}`;
}
