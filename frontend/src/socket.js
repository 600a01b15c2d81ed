/** One WebSocket's life: a run is started or resumed on it, and heard until it is done or the socket closes. */

/** @import {End, Line} from "./connection.js" */
/** @import {Trouble} from "./model.d.ts" */

import { readLine } from "./wire.js";

/**
 * @param {Line} line
 * @returns {Promise<End>}
 */
export function talk(line) {
  const { cursor, request, stop, abandon } = line;
  return new Promise((resolve) => {
    const socket = new WebSocket(address(cursor));
    let reached = false;
    /** @type {End | null} */
    let ended = null;
    socket.binaryType = "arraybuffer";
    const cancel = () => {
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type": "cancel"}');
    };
    const leave = () => socket.close();
    socket.addEventListener("open", () => {
      if (cursor.run === null) socket.send(JSON.stringify({ type: "start", ...request }));
      if (stop.aborted) cancel();
    });
    socket.addEventListener("message", ({ data }) => {
      reached = true;
      ended ??= hear(data, line);
      if (ended) socket.close();
    });
    socket.addEventListener("close", () => {
      stop.removeEventListener("abort", cancel);
      abandon.removeEventListener("abort", leave);
      resolve(ended ?? { how: "cut", reached });
    });
    stop.addEventListener("abort", cancel);
    abandon.addEventListener("abort", leave);
    if (abandon.aborted) leave();
  });
}

/** @param {Line["cursor"]} cursor */
function address({ run, attempt, seq }) {
  const path = run === null ? "api/runs" : `api/runs/${encodeURIComponent(run)}?after=${seq}&attempt=${attempt}`;
  return new URL(path, document.baseURI).href.replace(/^http/, "ws");
}

/**
 * @param {ArrayBuffer | string} frame
 * @param {Line} line
 * @returns {End | null} null while there is more to come
 */
export function hear(frame, line) {
  try {
    const message = typeof frame === "string" ? readLine(frame) : line.reader.read(frame);
    if (message === null) return null;
    if (message.type === "error") return { how: "refused", trouble: troubleOf(message) };
    line.take(message);
    return message.type === "done" ? { how: "done" } : null;
  } catch (error) {
    const hint = "Something between the page and the server changed it, or they are of different versions: reload the page.";
    const message = `a message of the server could not be read: ${error instanceof Error ? error.message : error}`;
    return { how: "refused", trouble: { kind: "refused", message, hint } };
  }
}

/**
 * @param {{code: string, message: string, hint: string | null, retryAfter: number | null}} error
 * @returns {Trouble}
 */
export function troubleOf({ code, message, hint, retryAfter }) {
  if (code === "busy") return { kind: "busy", retryAfter: retryAfter ?? 2, message };
  return { kind: "refused", message, hint };
}
