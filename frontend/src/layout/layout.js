/** Asks the worker for layouts. Only the newest request counts; a worker that is stuck in an older one is replaced. */

/** @import {Layout, LayoutPlan} from "../model.d.ts" */

/** A request may hold the worker for so long, in milliseconds, before a newer one takes its place. */
const PATIENCE = 1500;
/** After this long a layout is given up. */
const LIMIT = 20_000;

/** The first worker, if it was started before anything was to be laid out. @type {Worker | null} */
let early = null;

export function startEarly() {
  early ??= start();
}

export class Superseded extends Error {}

export class Layouter {
  #worker = early ?? start();
  #count = 0;
  #began = 0;
  /** @type {((error: Error) => void) | null} */
  #giveUp = null;

  /**
   * @param {LayoutPlan} plan
   * @returns {Promise<Layout>}
   * @throws {Superseded} when a newer request came before the answer
   * @throws {Error} when the worker failed or took longer than 20 s
   */
  request(plan) {
    this.#supersede();
    this.#count += 1;
    const id = this.#count;
    const worker = this.#worker;
    this.#began = performance.now();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#replace(new Error("the layout took longer than 20 s and was stopped")), LIMIT);
      const done = () => {
        clearTimeout(timer);
        worker.removeEventListener("message", hear);
        this.#giveUp = null;
      };
      const hear = (/** @type {MessageEvent<{id: number, layout?: Layout, error?: string}>} */ { data }) => {
        if (data.id !== id) return;
        done();
        if (data.layout) resolve(data.layout);
        else reject(new Error(data.error ?? "no layout"));
      };
      this.#giveUp = (error) => {
        done();
        reject(error);
      };
      worker.addEventListener("message", hear);
      worker.postMessage({ id, plan });
    });
  }

  #supersede() {
    if (!this.#giveUp) return;
    const error = new Superseded("a newer layout was asked for");
    if (performance.now() - this.#began > PATIENCE) this.#replace(error);
    else this.#giveUp(error);
  }

  /** @param {Error} error */
  #replace(error) {
    this.#worker.terminate();
    this.#worker = start();
    this.#giveUp?.(error);
  }
}

function start() {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "layout" });
}
