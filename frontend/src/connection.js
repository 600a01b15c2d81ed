/**
 * A run over the network: started, followed, and resumed where the connection broke. With `socket.js` and `http.js` the
 * only network code. What goes wrong comes back as an ending, not as an exception.
 */

/** @import {Health, StreamMessage, Trouble} from "./model.d.ts" */

import { FrameReader } from "./frames.js";
import { converse } from "./http.js";
import { talk } from "./socket.js";

/**
 * @typedef {object} Request
 * @property {string} code
 * @property {{trace?: "every" | "sampled"}} options
 *
 * @typedef {object} Ears
 * @property {(message: StreamMessage) => void} message each once, in order
 * @property {() => void} restarted the run begins anew: what was heard so far is void
 * @property {(state: "lost" | "resumed") => void} link
 *
 * @typedef {{how: "done"} | {how: "stopped"} | {how: "trouble", trouble: Trouble}} Ending
 *
 * How one connection ended. `cut`: `reached` if it had been answered. `absent`: the server has no such address.
 * @typedef {{how: "done"} | {how: "cut", reached: boolean} | {how: "absent"} | {how: "refused", trouble: Trouble}} End
 *
 * What a connection is given.
 * @typedef {object} Line
 * @property {Request} request
 * @property {{run: string | null, attempt: number, seq: number}} cursor the last message that was heard
 * @property {FrameReader} reader
 * @property {(message: StreamMessage) => void} take
 * @property {AbortSignal} stop the learner wants the run to end
 * @property {AbortSignal} abandon nobody waits any more
 */

const UNREACHABLE = "The server does not answer. Is it running?";
const GONE = "The connection was lost, and the server did not come back. What had come until then is shown.";
/** Pauses between attempts to resume, in milliseconds; the last is repeated. */
const PAUSES = [100, 300, 1000, 2000, 4000, 8000];
/** A lost connection is given up after so long, in milliseconds. */
const GIVE_UP = 180_000;
/** A run that was told to stop is left alone after so long, in milliseconds. */
const LAST_WORDS = 3000;

/** @type {Line["cursor"]} */
const START = { run: null, attempt: 0, seq: 0 };

/** WebSockets have been seen to be blocked while plain HTTP works. */
let blocked = false;

export class RunConnection {
  #ears;
  #stop = new AbortController();
  #abandon = new AbortController();
  #line;
  #lost = false;

  /**
   * @param {Request} request
   * @param {Ears} ears
   */
  constructor(request, ears) {
    this.#ears = ears;
    this.#line = {
      request, cursor: { ...START }, reader: new FrameReader(),
      take: (/** @type {StreamMessage} */ message) => this.#take(message),
      stop: this.#stop.signal, abandon: this.#abandon.signal,
    };
  }

  /** Asks the server to end the run; its last messages still come. */
  stop() {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    setTimeout(() => this.#abandon.abort(), LAST_WORDS);
  }

  /** @returns {Promise<Ending>} when the run is over, or cannot be followed any more */
  async follow() {
    let end = await (blocked ? converse : talk)(this.#line);
    if (end.how === "cut" && !end.reached && !this.#begun && !this.#over) end = await this.#withoutSocket();
    while (end.how === "cut" && this.#begun && !this.#over) end = await this.#resume();
    if (end.how === "done") return { how: "done" };
    if (this.#over) return { how: "stopped" };
    if (end.how === "refused") return { how: "trouble", trouble: this.#begun ? lost(end.trouble.message) : end.trouble };
    return { how: "trouble", trouble: this.#begun ? lost(GONE) : { kind: "unreachable", message: UNREACHABLE } };
  }

  /** The run has an id: it can be resumed. */
  get #begun() {
    return this.#line.cursor.run !== null;
  }

  get #over() {
    return this.#abandon.signal.aborted;
  }

  /** @returns {Promise<End>} */
  async #withoutSocket() {
    const end = await converse(this.#line);
    blocked = this.#begun || end.how === "done";
    return end;
  }

  /** @returns {Promise<End>} of the first connection that was answered, or of the last attempt */
  async #resume() {
    this.#lost = true;
    this.#ears.link("lost");
    const began = performance.now();
    /** @type {End} */
    let end = { how: "cut", reached: false };
    for (let i = 0; end.how === "cut" && !end.reached && !this.#over; i += 1) {
      if (performance.now() - began > GIVE_UP) return { how: "refused", trouble: lost(GONE) };
      await pause(PAUSES[Math.min(i, PAUSES.length - 1)] ?? 0, this.#abandon.signal);
      end = await (blocked ? converse : talk)(this.#line);
    }
    return end;
  }

  /** @param {StreamMessage} message */
  #take(message) {
    const { cursor } = this.#line;
    if (message.type === "error") return;
    if (message.type === "hello") {
      this.#greeted(message);
      return;
    }
    if (message.seq <= cursor.seq) return;
    cursor.seq = message.seq;
    this.#ears.message(message);
  }

  /** @param {{run: string, attempt: number}} hello */
  #greeted({ run, attempt }) {
    const { cursor } = this.#line;
    if (cursor.attempt !== 0 && attempt !== cursor.attempt) {
      cursor.seq = 0;
      this.#line.reader = new FrameReader();
      this.#ears.restarted();
    }
    cursor.run = run;
    cursor.attempt = attempt;
    if (!this.#lost) return;
    this.#lost = false;
    this.#ears.link("resumed");
  }
}

/**
 * @param {string} message
 * @returns {Trouble}
 */
function lost(message) {
  return { kind: "lost", message };
}

/**
 * @param {number} milliseconds shortened where the browser says that the network is there again
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds * (0.75 + Math.random() / 2));
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
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
