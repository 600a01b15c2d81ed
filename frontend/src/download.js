/** What is fetched from the server on demand: a face for saved pictures, and all elements of a tensor. */

const FACE = new URL("../assets/fonts/jetbrains-mono.woff2", import.meta.url);

/** @returns {Promise<string>} the face of the stage as a data URL; "" when the server does not give it */
export async function fetchFace() {
  const response = await fetch(FACE).catch(() => null);
  if (!response?.ok) return "";
  const bytes = new Uint8Array(await response.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return `data:font/woff2;base64,${btoa(text)}`;
}

/**
 * @param {string} code
 * @param {object} wanted
 * @param {number} wanted.step its index
 * @param {string} wanted.node
 * @param {"value" | "grad"} wanted.role
 * @returns {Promise<number[] | null>} every element, row-major, up to 4,096 of them; null when they cannot be had
 */
export async function fetchValues(code, { step, node, role }) {
  const answer = JSON.parse(await fetchTrace(code, { preview: 4096 }));
  const found = answer.steps.find((/** @type {{index: number}} */ each) => each.index === step);
  const summary = role === "value" ? found?.values[node] : (found?.leaf_grads?.[node] ?? found?.grads[node]);
  return summary?.values?.map((/** @type {number | string} */ value) => (typeof value === "number" ? value : NaN)) ?? null;
}

/**
 * Runs the snippet once more, because the page itself keeps no more of a long run than it has room for.
 *
 * @param {string} code
 * @param {import("./contract.d.ts").Options} [options]
 * @returns {Promise<string>} JSON, as `POST /api/graph` answers it
 * @throws {Error} when the server refuses or does not answer
 */
async function fetchTrace(code, options = {}) {
  const headers = { "content-type": "application/json" };
  const response = await fetch("api/graph", { method: "POST", headers, body: JSON.stringify({ code, options }) });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return response.text();
}
