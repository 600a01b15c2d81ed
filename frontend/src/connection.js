/** The only network code. What goes wrong comes back as a message, not as an exception. */

/**
 * @import {GraphAnswer, Health, Trouble} from "./model.d.ts"
 * @import {ErrorAnswer} from "./contract.d.ts"
 */

/**
 * @typedef {{type: "answer", answer: GraphAnswer} | {type: "stopped"} | {type: "trouble", trouble: Trouble}} Reply
 */

const UNREACHABLE = "The server does not answer. Is it running?";

/**
 * Runs a snippet to its end.
 *
 * @param {string} code
 * @param {AbortSignal} signal stops the run: the server notices that nobody waits for it any more
 * @returns {Promise<Reply>}
 */
export async function runSnippet(code, signal) {
  try {
    const response = await fetch("api/graph", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code }),
      signal,
    });
    if (response.ok) return { type: "answer", answer: await response.json() };
    return { type: "trouble", trouble: await refusal(response) };
  } catch (error) {
    if (signal.aborted) return { type: "stopped" };
    if (error instanceof SyntaxError) return { type: "trouble", trouble: unreadable() };
    return { type: "trouble", trouble: { kind: "unreachable", message: UNREACHABLE } };
  }
}

/** @returns {Trouble} */
function unreadable() {
  return { kind: "refused", message: "the answer is not JSON", hint: "Something between the page and the server changed it." };
}

/**
 * @param {Response} response with a status of 400 or more
 * @returns {Promise<Trouble>}
 */
async function refusal(response) {
  /** @type {ErrorAnswer | null} */
  const body = await response.json().catch(() => null);
  const message = body?.error?.message ?? `the server answered ${response.status}`;
  if (response.status === 503) {
    return { kind: "busy", retryAfter: Number(response.headers.get("retry-after")) || 2, message };
  }
  return { kind: "refused", message, hint: body?.error?.hint ?? null };
}

/** @returns {Promise<Health | null>} null when the server does not say */
export async function askHealth() {
  try {
    const response = await fetch("healthz");
    return await response.json();
  } catch {
    return null;
  }
}
