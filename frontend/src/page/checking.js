/** Gradient checks that were asked for: one for each snippet, kept while the page is open. */

/** @import {GradientCheck} from "../contract.d.ts" */

import { checkGradients } from "../http.js";

/** @typedef {{phase: "checking"} | {phase: "done", found: GradientCheck} | {phase: "failed", why: string}} Check */

export class Checking {
  /** @type {Map<string, Check>} */
  #checks = new Map();
  #changed;

  /** @param {() => void} changed is called when there is more to show */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string} code @returns {Check | null} null where nobody has asked */
  of(code) {
    return this.#checks.get(code) ?? null;
  }

  /** @param {string} code */
  async ask(code) {
    if (this.#checks.get(code)?.phase === "checking") return;
    this.#tell(code, { phase: "checking" });
    const reply = await checkGradients(code);
    this.#tell(code, "found" in reply ? { phase: "done", found: reply.found } : { phase: "failed", why: reply.why });
  }

  /** @param {string} code @param {Check} check */
  #tell(code, check) {
    this.#checks.set(code, check);
    this.#changed();
  }
}
