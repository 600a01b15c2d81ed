/** Runs the snippet and stops it: the Run and Stop buttons, Ctrl+Enter, and what comes back, while it comes. */

/** @import {Request} from "../connection.js" */
/** @import {StreamMessage} from "../model.d.ts" */
/** @import {Store} from "./store.js" */

import { RunConnection } from "../connection.js";
import { Recording } from "../recording.js";
import { part } from "./parts.js";

/** A run shorter than this, in milliseconds, shows no Stop button: it would only flicker. */
const BRIEF = 250;
/** What a run has to say in so many milliseconds after its first step is shown at once. */
const TOGETHER = 40;
/** After something was shown, the page rests for so many times as long as that took. */
const SHARE = 3;
/**
 * Of long loops all iterations give their numbers, but only the first hundred or so and then ever fewer all of their
 * tensors: else watching would take longer than running.
 * @type {Request["options"]}
 */
const OPTIONS = { trace: "sampled" };
/** How long the word about a connection that is there again stays, in milliseconds. */
const WORD = 5000;

/** One run, from the click to its end. */
class Follow {
  #store;
  #request;
  #text;
  #recording;
  #connection;
  #began = performance.now();
  /** Timers: of what is shown next, and of the word about the connection. */
  #due = 0;
  #word = 0;
  #rest = TOGETHER;
  #shown = false;
  /** Steps that were missing when the connection broke. */
  #skippedBefore = 0;

  /**
   * @param {Store} store
   * @param {Request} request
   * @param {() => string} text of the editor
   */
  constructor(store, request, text) {
    this.#store = store;
    this.#request = request;
    this.#text = text;
    this.#recording = new Recording(request.code);
    this.#connection = new RunConnection(request, {
      message: (message) => this.#hear(message),
      restarted: () => {
        this.#recording = new Recording(request.code);
        this.#skippedBefore = 0;
      },
      link: (state) => this.#tellLink(state),
    });
  }

  stop() {
    this.#connection.stop();
  }

  /** @returns {Promise<void>} when it is over and shown */
  async end() {
    const ending = await this.#connection.follow();
    clearTimeout(this.#due);
    if (this.#store.state.link.state === "lost") this.#forgetLink(); // nobody resumes it any more
    if (ending.how !== "done") this.#recording.end(ending.how === "stopped" ? "cancelled" : "lost");
    if (ending.how === "stopped" && !this.#shown) this.#store.send({ type: "stopped" });
    else if (ending.how === "done" || this.#shown) this.#show();
    if (ending.how === "trouble") this.#store.send({ type: "trouble", trouble: ending.trouble });
  }

  /** @param {StreamMessage} message */
  #hear(message) {
    this.#recording.take(message);
    if (this.#due || message.type === "done") return;
    const patience = this.#recording.hasSteps ? 0 : BRIEF - (performance.now() - this.#began);
    this.#due = setTimeout(() => requestAnimationFrame(() => this.#showMore()), Math.max(patience, this.#rest));
  }

  #showMore() {
    this.#due = 0;
    if (this.#recording.over) return;
    const began = performance.now();
    this.#show();
    requestAnimationFrame(() => {
      this.#rest = Math.max(TOGETHER, SHARE * (performance.now() - began));
    });
  }

  #show() {
    const { state } = this.#store;
    const shown = this.#shown ? state.run?.steps[state.step]?.index : undefined;
    const { code } = this.#request;
    this.#store.send({ type: "received", run: this.#recording.snapshot(shown) });
    if (!this.#shown && code !== this.#text()) this.#store.send({ type: "edited" });
    this.#shown = true;
    const missed = this.#recording.skipped - this.#skippedBefore;
    if (state.link.state === "resumed" && state.link.missed !== missed) this.#store.send({ type: "link", link: { state: "resumed", missed } });
  }

  /** @param {"lost" | "resumed"} word */
  #tellLink(word) {
    clearTimeout(this.#word);
    if (word === "lost") this.#skippedBefore = this.#recording.skipped;
    else this.#word = setTimeout(() => this.#forgetLink(), WORD);
    this.#store.send({ type: "link", link: { state: word, missed: 0 } });
  }

  #forgetLink() {
    this.#store.send({ type: "link", link: { state: "fine", missed: 0 } });
  }

  /** Another run takes its place: what is still to be said of this one's connection is not. */
  yield() {
    clearTimeout(this.#word);
  }
}

export class Running {
  #store;
  #text;
  /** The last run. @type {Follow | null} */
  #follow = null;
  #busy = false;

  /**
   * @param {Store} store
   * @param {() => string} text of the editor
   */
  constructor(store, text) {
    this.#store = store;
    this.#text = text;
    part("run").addEventListener("click", () => void this.run());
    part("stop").addEventListener("click", () => this.#follow?.stop());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
      event.preventDefault();
      void this.run();
    });
  }

  async run() {
    if (this.#busy) return;
    this.#busy = true;
    this.#follow?.yield();
    this.#follow = new Follow(this.#store, { code: this.#text(), options: OPTIONS }, this.#text);
    this.#store.send({ type: "run" });
    const patience = setTimeout(() => document.body.classList.add("long"), BRIEF);
    await this.#follow.end();
    clearTimeout(patience);
    document.body.classList.remove("long");
    this.#busy = false;
  }
}
