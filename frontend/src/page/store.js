/** Holds the state, and tells whoever watches what it was before. */

/** @import {Message, State} from "../model.d.ts" */

import { START } from "../run.js";

/**
 * @callback Watcher called after each change, in the order of `watch`
 * @param {State} state
 * @param {State} before
 * @returns {void}
 */

export class Store {
  #state = START;
  #next;
  /** @type {Watcher[]} */
  #watchers = [];
  /** @type {Message[]} */
  #waiting = [];
  #telling = false;

  /** @param {(state: State, message: Message) => State} next */
  constructor(next) {
    this.#next = next;
  }

  get state() {
    return this.#state;
  }

  /** @param {Watcher} watcher */
  watch(watcher) {
    this.#watchers.push(watcher);
  }

  /**
   * A message that a watcher sends waits until all have heard of the one before.
   *
   * @param {Message} message
   */
  send(message) {
    this.#waiting.push(message);
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let first = this.#waiting.shift(); first; first = this.#waiting.shift()) this.#take(first);
    } finally {
      this.#telling = false;
    }
  }

  /** @param {Message} message */
  #take(message) {
    const before = this.#state;
    this.#state = this.#next(before, message);
    if (this.#state === before) return;
    for (const watcher of this.#watchers) watcher(this.#state, before);
  }
}
