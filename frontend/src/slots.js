/** Where a graph's tensors lie in the buffers of its steps, and how to read them there. */

/** @import {Statistics, Tensor} from "./model.d.ts" */
/** @import {Graph} from "./contract.d.ts" */

/**
 * Rows as `backend/wire/messages.py` packs them:
 * [target, kind, output, shape, dtype, device, wide, offset, count, thumb]
 * @typedef {[number, number, number, number[], string, string, boolean, number, number, Size | null]} SlotRow
 * [phase, node or -1 - edge, line (0 is none)]
 * @typedef {[number, number, number]} EventRow
 * [parameter, name, place of the optimizer in the step's own list, names of its state by the slots' output]
 * @typedef {[number, string | null, number | null, string[]]} UpdateRow
 * [floats, doubles, offsets, places of the slots that are told whole]
 * @typedef {[number, number, number[], number[]]} BriefRow
 *
 * @typedef {object} Laid
 * @property {SlotRow[]} slots
 * @property {EventRow[]} events of its steps that do not bring their own
 * @property {UpdateRow[]} updates likewise
 * @property {BriefRow | null} brief
 *
 * @typedef {Graph & Laid} GraphFrame
 */

/** @typedef {[number, number]} Size height and width */
/** @typedef {{floats: Float32Array, doubles: Float64Array}} Buffers the numbers of one step */
/** @typedef {{floats: Uint8Array, doubles: Uint8Array}} Packed the same, as they came: little-endian, at any address */

/** What a slot summarises, by its place in the row. */
export const SLOT_KINDS = { value: 0, grad: 1, edgeGrad: 2, leafGrad: 3, after: 4, state: 5 };
/** Numbers before a slot's values: min, max, mean, std, nan, inf. */
const STATISTICS = 6;

/** One slot, with what does not change from step to step worked out. */
export class Slot {
  /** @param {SlotRow} row */
  constructor([, , output, shape, dtype, device, wide, offset, count, thumb]) {
    this.output = output;
    this.shape = shape;
    this.dtype = dtype;
    this.device = device;
    this.wide = wide;
    this.offset = offset;
    this.thumb = thumb;
    this.numel = shape.reduce((product, size) => product * size, 1);
    this.sendsAll = count === this.numel;
    this.complex = dtype.startsWith("torch.complex");
    this.start = offset + STATISTICS;
    this.end = this.start + count * (this.complex ? 2 : 1);
  }

  /**
   * @param {Buffers} buffers
   * @returns {Tensor | null} null where the step has no such tensor
   */
  read({ floats, doubles }) {
    const numbers = this.wide ? doubles : floats;
    const [min = NaN, max = NaN, mean = NaN, std = NaN, nan = -1, inf = 0] = numbers.subarray(this.offset, this.start);
    if (nan === -1) return null;
    const { shape, dtype, device, numel } = this;
    return {
      shape, dtype, device, numel, min: known(min), max: known(max), mean: known(mean), std: known(std), nan, inf,
      values: this.sendsAll ? this.#values(numbers) : null, thumb: this.thumb && this.#thumb(numbers, this.thumb),
    };
  }

  /** @param {Float32Array | Float64Array} numbers */
  #values(numbers) {
    const values = Array.from(numbers.subarray(this.start, this.end));
    if (!this.complex) return values;
    return Array.from({ length: this.numel }, (_, i) => complex(values[2 * i], values[2 * i + 1]));
  }

  /**
   * @param {Float32Array | Float64Array} numbers
   * @param {[number, number]} size
   */
  #thumb(numbers, [height, width]) {
    const starts = Array.from({ length: height }, (_, row) => this.start + row * width);
    return starts.map((start) => Array.from(numbers.subarray(start, start + width)));
  }

  /**
   * @param {Packed} packed
   * @returns {Statistics | null}
   */
  statistics({ floats, doubles }) {
    const bytes = this.wide ? doubles : floats;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const number = (/** @type {number} */ i) =>
      this.wide ? view.getFloat64((this.offset + i) * 8, true) : view.getFloat32((this.offset + i) * 4, true);
    const nan = number(4);
    if (nan === -1) return null;
    return { numel: this.numel, mean: known(number(2)), std: known(number(3)), nan, inf: number(5) };
  }
}

/**
 * @param {number} [real]
 * @param {number} [imaginary]
 * @returns {[number, number]}
 */
function complex(real = NaN, imaginary = NaN) {
  return [real, imaginary];
}

/** @param {number} statistic NaN where it is missing */
function known(statistic) {
  return Number.isNaN(statistic) ? null : statistic;
}

/**
 * What is the same in every step of one graph: its structure, where its tensors lie, and what those steps share that do
 * not bring their own.
 */
export class Plan {
  #rows;
  #brief;
  #whole;
  /** @type {Slot[] | null} */
  #short = null;

  /** @param {GraphFrame} graph */
  constructor({ nodes, edges, slots, events, updates, brief }) {
    this.nodes = nodes;
    this.edges = edges;
    this.events = events;
    this.updates = updates;
    this.#rows = slots;
    this.#brief = brief;
    this.#whole = slots.map((row) => new Slot(row));
    /** Kind -> node or edge -> places of its slots. @type {Map<string, number[]>[]} */
    this.places = Array.from({ length: Object.keys(SLOT_KINDS).length }, () => new Map());
    slots.forEach(([target, kind], place) => {
      const id = (kind === SLOT_KINDS.edgeGrad ? edges : nodes)[target]?.id ?? "";
      const places = this.places[kind]?.get(id);
      if (places) places.push(place);
      else this.places[kind]?.set(id, [place]);
    });
  }

  /**
   * @param {boolean} isBrief the step tells statistics of everything, values and thumbs of few
   * @returns {Slot[]} in the order of the table
   */
  layout(isBrief) {
    if (!isBrief || !this.#brief) return this.#whole;
    this.#short ??= shortened(this.#rows, this.#brief);
    return this.#short;
  }
}

/**
 * @param {SlotRow[]} rows
 * @param {BriefRow} brief
 * @returns {Slot[]}
 */
function shortened(rows, [, , offsets, told]) {
  const whole = new Set(told);
  return rows.map(([target, kind, output, shape, dtype, device, wide, , count, thumb], place) => {
    const [values, block] = whole.has(place) ? [count, thumb] : [0, null];
    return new Slot([target, kind, output, shape, dtype, device, wide, offsets[place] ?? 0, values, block]);
  });
}
