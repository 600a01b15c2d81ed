/** Collects the messages of one run. What it holds stays bounded: old steps make room for newer ones. */

/**
 * @import {Binding, Bound, GraphModel, NamedGradient, Notice, Output, Problem, Progress, Result} from "./model.d.ts"
 * @import {Run, Scalars, StepRecord, StreamMessage, Timings} from "./model.d.ts"
 */

import { Curves } from "./curves.js";

/** Bytes of steps that are held. */
const KEPT_BYTES = 96 << 20;
/** After making room, so much of it is used. */
const FILLED = 0.7;
/** The first steps and those around the one that is shown stay. */
const FIRST = 16;
const AROUND = 16;
const ODD = "a loss that is NaN or infinite";

let count = 0;

export class Recording {
  #number = (count += 1);
  #lines;
  #keptBytes;
  /** @type {Run["status"]} */
  #status = "running";
  /** @type {Map<string, GraphModel>} */
  #graphs = new Map();
  /** @type {StepRecord[]} */
  #steps = [];
  #bytes = 0;
  /** @type {WeakSet<StepRecord>} */
  #keys = new WeakSet();
  /** @type {Set<string>} */
  #seen = new Set();
  /** Steps whose index is no multiple of this have made room. */
  #stride = 1;
  #iterations = 0;
  #looping = false;
  #curves = new Curves();
  /** @type {Map<string, Bound>} */
  #bindings = new Map();
  /** @type {NamedGradient[]} */
  #gradients = [];
  /** @type {Output[]} */
  #output = [];
  /** @type {Notice[]} */
  #notices = [];
  /** @type {Result | null} */
  #result = null;
  /** @type {Problem | null} */
  #problem = null;
  /** @type {Progress | null} */
  #progress = null;
  /** @type {Timings | null} */
  #timings = null;
  #skipped = 0;
  #expired = 0;
  #thinned = 0;
  /** Index of the step that was shown last. */
  #shown = -1;

  /**
   * @param {string} code
   * @param {number} [keptBytes]
   */
  constructor(code, keptBytes = KEPT_BYTES) {
    this.#lines = code.split("\n");
    this.#keptBytes = keptBytes;
  }

  get hasSteps() {
    return this.#steps.length > 0;
  }

  get over() {
    return this.#status !== "running";
  }

  get skipped() {
    return this.#skipped;
  }

  /** @param {"cancelled" | "lost"} status without the server's last word */
  end(status) {
    if (!this.over) this.#status = status;
  }

  /** @param {StreamMessage} message */
  take(message) {
    switch (message.type) {
      case "graph":
        this.#graphs.set(message.graph.id, message.graph);
        break;
      case "step":
        this.#addStep(message.record);
        break;
      case "scalars":
        this.#addScalars(message.scalars);
        break;
      case "binding":
        this.#bind(message.binding);
        break;
      case "gradient":
        this.#gradients.push(message.gradient);
        break;
      case "output":
        this.#output.push(message.output);
        break;
      case "notice":
        this.#notices.push(message.notice);
        break;
      case "result":
        this.#result = message.result;
        break;
      case "problem":
        this.#problem = message.problem;
        break;
      case "progress":
        this.#progress = message.progress;
        this.#iterations = Math.max(this.#iterations, message.progress.step);
        break;
      case "skipped":
        this.#skipped += message.steps;
        if (message.reason === "expired") this.#expired += message.steps;
        for (const scalars of message.scalars) this.#addScalars(scalars);
        break;
      case "done":
        this.#status = message.status;
        this.#timings = message.timings;
        break;
      default:
    }
  }

  /** @param {Binding} binding */
  #bind(binding) {
    const place = `${binding.line} ${binding.name}`;
    const nodes = new Map(this.#bindings.get(place)?.nodes);
    if (binding.node !== null && binding.graph !== null) nodes.set(binding.graph, binding.node);
    this.#bindings.set(place, { ...binding, nodes });
  }

  /** @param {Scalars} scalars */
  #addScalars(scalars) {
    this.#looping ||= Object.keys(scalars.loops).length > 0;
    this.#curves.addScalars(scalars);
    this.#count(scalars);
  }

  /** @param {StepRecord} record */
  #addStep(record) {
    const graph = this.#graphs.get(record.graph);
    if (!graph) return; // its graph was too large for the server to send
    if (this.#isKey(record)) this.#keys.add(record);
    this.#steps.push(record);
    this.#bytes += record.bytes;
    this.#looping ||= this.#steps.length > 1;
    this.#curves.addStep(record, graph);
    this.#count(record);
    if (this.#bytes > this.#keptBytes) this.#thin();
  }

  /**
   * What a snippet computes after its last loss makes a step too, but is no iteration.
   *
   * @param {{index: number, loss: number | null}} iteration
   */
  #count({ index, loss }) {
    if (loss !== null || !this.#curves.loss) this.#iterations = Math.max(this.#iterations, index + 1);
  }

  /**
   * @param {number} [shown] index of the step that is shown: it and those around it stay
   * @returns {Run} as it is now; what comes later does not change its steps
   */
  snapshot(shown = -1) {
    this.#shown = shown;
    return {
      number: this.#number, lines: this.#lines, status: this.#status,
      graphs: this.#graphs, steps: [...this.#steps], iterations: this.#iterations, looping: this.#looping,
      curves: this.#curves, progress: this.#progress,
      gradients: this.#gradients, output: this.#output, notices: this.#notices,
      bindings: [...this.#bindings.values()].sort((a, b) => a.line - b.line),
      result: this.#result, problem: this.#problem, skipped: this.#skipped, expired: this.#expired,
      thinned: this.#thinned,
      timings: this.#timings ?? { queue: 0, run: 0, trace: 0, encode: 0, total: 0 },
    };
  }

  /** Also while nothing is shown: a page in the background draws nothing, but a run goes on. */
  #thin() {
    const wanted = this.#keptBytes * FILLED;
    this.#letGo();
    while (this.#bytes > wanted && this.#stride <= this.#iterations) {
      this.#stride *= 2;
      this.#letGo();
    }
  }

  #letGo() {
    const kept = this.#steps.filter((step, place) => this.#stays(step, place));
    this.#thinned += this.#steps.length - kept.length;
    this.#steps = kept;
    this.#bytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * @param {StepRecord} step
   * @param {number} place
   */
  #stays(step, place) {
    const shown = this.#shown;
    if (step.index % this.#stride === 0 || step.index === shown || place === this.#steps.length - 1) return true;
    if (this.#stride > this.#iterations) return false; // all that may stay is too much: the steps are huge
    return place < FIRST || this.#keys.has(step) || (shown >= 0 && Math.abs(step.index - shown) <= AROUND);
  }

  /**
   * A step is worth keeping where a structure or a loss that is no number comes for the first time.
   *
   * @param {StepRecord} step
   */
  #isKey({ graph, loss }) {
    const odd = loss !== null && !Number.isFinite(loss);
    const fresh = !this.#seen.has(graph) || (odd && !this.#seen.has(ODD));
    this.#seen.add(graph);
    if (odd) this.#seen.add(ODD);
    return fresh;
  }
}
