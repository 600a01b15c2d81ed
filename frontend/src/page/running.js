/** Runs the snippet and stops it: the Run and Stop buttons, Ctrl+Enter, and what comes back. */

/** @import {Store} from "./store.js" */

import { runSnippet } from "../connection.js";
import { readAnswer } from "../wire.js";
import { part } from "./parts.js";

/** A run shorter than this, in milliseconds, shows no Stop button: it would only flicker. */
const BRIEF = 250;

export class Running {
  #store;
  #code;
  /** @type {AbortController | null} */
  #control = null;

  /**
   * @param {Store} store
   * @param {() => string} code
   */
  constructor(store, code) {
    this.#store = store;
    this.#code = code;
    part("run").addEventListener("click", () => void this.run());
    part("stop").addEventListener("click", () => this.#control?.abort());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
      event.preventDefault();
      void this.run();
    });
  }

  async run() {
    if (this.#control) return;
    const control = new AbortController();
    const code = this.#code();
    this.#control = control;
    this.#store.send({ type: "run" });
    const patience = setTimeout(() => document.body.classList.add("long"), BRIEF);
    const reply = await runSnippet(code, control.signal);
    clearTimeout(patience);
    document.body.classList.remove("long");
    this.#control = null;
    if (reply.type !== "answer") {
      this.#store.send(reply);
      return;
    }
    this.#store.send({ type: "answer", run: readAnswer(reply.answer, code) });
    if (code !== this.#code()) this.#store.send({ type: "edited" });
  }
}
