/** The same run without a WebSocket, for networks that let none through: started by POST, heard as lines of JSON. */

/** @import {End, Line} from "./connection.js" */
/** @import {ErrorAnswer, GradientCheck} from "./contract.d.ts" */
/** @import {GraphAnswer, Trouble} from "./model.d.ts" */

import { hear, troubleOf } from "./socket.js";
import { messagesOf } from "./wire.js";

/** No such address, or none that takes POST: a server from before runs were streamed, or a proxy that knows little. */
const ABSENT = new Set([404, 405, 501]);

/**
 * @param {Line} line
 * @returns {Promise<End>}
 */
export async function converse(line) {
  try {
    const begun = line.cursor.run === null ? await begin(line) : null;
    if (begun?.how === "absent") return await answerAtOnce(line);
    return begun ?? (await listen(line));
  } catch {
    return { how: "cut", reached: false };
  }
}

/**
 * @param {Line} line
 * @returns {Promise<End | null>} null when the run has begun
 */
async function begin({ request, cursor, abandon }) {
  const response = await post("api/runs", request, abandon);
  if (ABSENT.has(response.status)) return { how: "absent" };
  if (!response.ok) return { how: "refused", trouble: await refusal(response) };
  const { run_id: run } = await response.json();
  cursor.run = run;
  return null;
}

/**
 * @param {Line} line
 * @returns {Promise<End>}
 */
async function listen(line) {
  const { cursor, stop, abandon } = line;
  const path = `api/runs/${encodeURIComponent(cursor.run ?? "")}`;
  const cancel = () => void fetch(path, { method: "DELETE" }).catch(() => null);
  if (stop.aborted) cancel();
  stop.addEventListener("abort", cancel);
  let reached = false;
  try {
    const query = `after=${cursor.seq}&attempt=${Math.max(cursor.attempt, 1)}`;
    const response = await fetch(`${path}/events?${query}`, { signal: abandon });
    if (!response.ok) return { how: "refused", trouble: await refusal(response) };
    for await (const text of linesOf(response)) {
      reached = true;
      const end = hear(text, line);
      if (end) return end;
    }
  } catch {
    // The connection broke: what follows resumes it.
  } finally {
    stop.removeEventListener("abort", cancel);
  }
  return { how: "cut", reached };
}

/**
 * @param {Response} response
 * @returns {AsyncGenerator<string>} lines that are not empty
 */
async function* linesOf(response) {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let rest = "";
  for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
    const lines = (rest + decoder.decode(chunk.value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim()) yield line;
  }
}

/**
 * The whole run in one answer.
 *
 * @param {Line} line
 * @returns {Promise<End>}
 */
async function answerAtOnce({ request, take, stop, abandon }) {
  const response = await post("api/graph", request, AbortSignal.any([stop, abandon]));
  if (!response.ok) return { how: "refused", trouble: await refusal(response) };
  /** @type {GraphAnswer} */
  const answer = await response.json();
  for (const message of messagesOf(answer)) take(message);
  return { how: "done" };
}

/**
 * Runs a snippet for its gradient check alone: no value is kept.
 *
 * @param {string} code
 * @returns {Promise<{found: GradientCheck} | {why: string}>}
 */
export async function checkGradients(code) {
  const request = { code, options: { gradcheck: true, trace: "sampled", preview: 0 } };
  try {
    const response = await post("api/graph", request, new AbortController().signal);
    const answer = await response.json();
    if (answer.gradcheck) return { found: answer.gradcheck };
    return { why: answer.problem?.message ?? answer.error?.message ?? `the server answered ${response.status}` };
  } catch {
    return { why: "The server does not answer. Is it running?" };
  }
}

/**
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} signal
 */
function post(path, body, signal) {
  return fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal });
}

/**
 * @param {Response} response with a status of 400 or more
 * @returns {Promise<Trouble>}
 */
async function refusal(response) {
  /** @type {ErrorAnswer | null} */
  const body = await response.json().catch(() => null);
  const { code = "", message = `the server answered ${response.status}`, hint = null } = body?.error ?? {};
  const retryAfter = Number(response.headers.get("retry-after")) || null;
  return troubleOf({ code: response.status === 503 ? "busy" : code, message, hint, retryAfter });
}
