/**
 * Many things that are seen from afar, as one image while the view is moved by hand: thousands of elements take a
 * browser longer to paint than a frame lasts. It looks as the style sheet has them look.
 */

/** @import {Size} from "../model.d.ts" */
/** @import {Layers} from "./layers.js" */
/** @import {View} from "./stage.js" */

/** Fewer things are moved themselves. */
const MANY = 250;

/**
 * Shapes of one look that come one after the other.
 *
 * @typedef {object} Batch
 * @property {string} look
 * @property {Path2D} path
 * @property {string} fill
 * @property {string} stroke
 * @property {number} width of the stroke
 * @property {number} opacity
 */

export class Afar {
  #root;
  #canvas = document.createElement("canvas");
  /** @type {Batch[]} */
  #batches = [];
  #going = false;

  /** @param {SVGSVGElement} root of the stage, whose place the image takes */
  constructor(root) {
    this.#root = root;
    this.#canvas.className = "afar";
    this.#canvas.ariaHidden = "true";
  }

  get going() {
    return this.#going;
  }

  /**
   * @param {Layers} layers
   * @returns {boolean} false where the things themselves are few enough
   */
  begin(layers) {
    if (this.#going || layers.nodes.size + layers.edges.size < MANY) return this.#going;
    this.#going = true;
    this.#batches = [...framesOf(layers), ...linesOf(layers), ...bodiesOf(layers)];
    this.#root.before(this.#canvas);
    this.#root.classList.add("afar-shown");
    return true;
  }

  end() {
    if (!this.#going) return;
    this.#going = false;
    this.#batches = [];
    this.#canvas.remove();
    this.#root.classList.remove("afar-shown");
  }

  /**
   * @param {View} view
   * @param {Size} size of the stage
   */
  draw({ k, x, y }, { width, height }) {
    const grain = devicePixelRatio;
    const [columns, rows] = [Math.round(width * grain), Math.round(height * grain)];
    if (this.#canvas.width !== columns) this.#canvas.width = columns;
    if (this.#canvas.height !== rows) this.#canvas.height = rows;
    const context = this.#canvas.getContext("2d");
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, columns, rows);
    context.setTransform(k * grain, 0, 0, k * grain, x * grain, y * grain);
    for (const { path, fill, stroke, width: line, opacity } of this.#batches) {
      context.globalAlpha = opacity;
      if (fill !== "none") {
        context.fillStyle = fill;
        context.fill(path);
      }
      if (stroke === "none") continue;
      context.strokeStyle = stroke;
      context.lineWidth = line;
      context.stroke(path);
    }
  }
}

/** @param {Layers} layers */
function framesOf({ frames }) {
  const batches = new Batches();
  for (const { frame, box } of [...frames.values()].reverse()) {
    const look = frame.getAttribute("class") ?? "";
    const path = batches.next(look, () => styleOf(frame));
    path.roundRect(box.x, box.y, box.width, box.height, 18);
  }
  return batches.all;
}

/** @param {Layers} layers */
function bodiesOf({ nodes }) {
  const batches = new Batches();
  for (const { element, box } of byLook([...nodes.values()], (drawn) => lookOf(drawn.element))) {
    const body = element.querySelector(":scope > .body");
    if (!body) continue;
    const path = batches.next(lookOf(element), () => styleOf(body, element));
    path.roundRect(box.x, box.y, box.width, box.height, Number(body.getAttribute("rx")));
  }
  return batches.all;
}

/** @param {Layers} layers */
function linesOf(layers) {
  const batches = new Batches();
  const lines = [...layers.edges.keys()].flatMap((id) => layers.fillEdge(id) ?? []);
  const sorted = byLook(lines, lookOf);
  for (const name of ["forward", "backward"]) {
    for (const line of sorted) {
      const found = line.querySelector(`.${name}`);
      if (!found) continue;
      const path = batches.next(`${name} ${lookOf(line)}`, () => styleOf(found, line));
      path.addPath(new Path2D(found.getAttribute("d") ?? ""));
    }
  }
  return batches.all;
}

class Batches {
  /** @type {Batch[]} */
  all = [];

  /**
   * @param {string} look
   * @param {() => Omit<Batch, "look" | "path">} style
   * @returns {Path2D} to add a shape of this look to
   */
  next(look, style) {
    const last = this.all.at(-1);
    if (last?.look === look) return last.path;
    const made = { look, path: new Path2D(), ...style() };
    this.all.push(made);
    return made.path;
  }
}

/**
 * @param {Element} element
 * @returns {string} equal for what the style sheet treats alike; whether it is in sight does not matter
 */
function lookOf(element) {
  const { classList } = element;
  const level = element instanceof SVGElement ? element.style.getPropertyValue("--level") : "";
  const now = element.getAttribute("data-now") ?? "";
  return `${[...classList].filter((name) => name !== "unseen").join(" ")} ${now} ${level}`;
}

/**
 * @template Thing
 * @param {Thing[]} things
 * @param {(thing: Thing) => string} look
 * @returns {Thing[]} those that look alike together
 */
function byLook(things, look) {
  /** @type {Map<string, Thing[]>} */
  const groups = new Map();
  for (const thing of things) {
    const key = look(thing);
    const group = groups.get(key);
    if (group) group.push(thing);
    else groups.set(key, [thing]);
  }
  return [...groups.values()].flat();
}

/**
 * @param {Element} shape
 * @param {Element} [around] the group that it stands in, which may be faint
 * @returns {Omit<Batch, "look" | "path">}
 */
function styleOf(shape, around = shape) {
  const { fill, stroke, strokeWidth, opacity, visibility } = getComputedStyle(shape);
  const faint = visibility === "hidden" ? 0 : Number(opacity) * (around === shape ? 1 : Number(getComputedStyle(around).opacity));
  return { fill, stroke, width: Number.parseFloat(strokeWidth), opacity: faint };
}
