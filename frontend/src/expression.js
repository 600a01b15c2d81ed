/** The torch code of a derivative rule -> a tree. Only what rules are made of: names, numbers, operators and calls. */

/**
 * @typedef {{kind: "name", name: string}} Name
 * @typedef {{kind: "number", text: string}} Constant
 * @typedef {{kind: "unary", sign: string, of: Expression}} Unary
 * @typedef {{kind: "binary", sign: string, left: Expression, right: Expression}} Binary
 * @typedef {{kind: "call", name: string, of: Expression | null, given: Expression[]}} Call `of`: null for `torch.where`
 * @typedef {{kind: "attribute", name: string, of: Expression}} Attribute
 * @typedef {{kind: "item", of: Expression, place: string}} Item
 * @typedef {{kind: "list", text: string}} List
 * @typedef {Name | Constant | Unary | Binary | Call | Attribute | Item | List} Expression
 */

const WORD = /\s*(?:(\d+\.?\d*(?:e[-+]?\d+)?)|([A-Za-z_]\w*)|(\*\*|[<>=!]=|[-+*/@<>()[\].,~=:]))/gy;

/** From loose to tight. */
const LEVELS = [["<", ">", "<=", ">=", "==", "!="], ["+", "-"], ["*", "/", "@"]];

/** Names that are modules: what is called on them is a plain function. */
const MODULES = new Set(["torch", "F", "linalg"]);

/**
 * @param {string} text `grad * (1 - result ** 2)`
 * @returns {Expression | null} null where it is anything else
 */
export function parse(text) {
  const words = split(text);
  if (!words) return null;
  const reader = new Reader(words);
  const tree = reader.level(0);
  return reader.atEnd ? tree : null;
}

/** @param {string} text */
function split(text) {
  const words = [];
  WORD.lastIndex = 0;
  while (WORD.lastIndex < text.length) {
    const match = WORD.exec(text);
    if (!match) return null;
    words.push(match[1] ?? match[2] ?? match[3] ?? "");
  }
  return words;
}

class Reader {
  #place = 0;
  #words;

  /** @param {string[]} words */
  constructor(words) {
    this.#words = words;
  }

  get atEnd() {
    return this.#place === this.#words.length;
  }

  get #next() {
    return this.#words[this.#place] ?? "";
  }

  #take() {
    this.#place += 1;
    return this.#words[this.#place - 1] ?? "";
  }

  /** @param {number} depth @returns {Expression | null} */
  level(depth) {
    const signs = LEVELS[depth];
    if (!signs) return this.#unary();
    let left = this.level(depth + 1);
    while (left && signs.includes(this.#next)) {
      const sign = this.#take();
      const right = this.level(depth + 1);
      left = right && { kind: "binary", sign, left, right };
    }
    return left;
  }

  /** @returns {Expression | null} */
  #unary() {
    if (this.#next !== "-" && this.#next !== "~") return this.#power();
    const sign = this.#take();
    const of = this.#unary();
    return of && { kind: "unary", sign, of };
  }

  /** @returns {Expression | null} */
  #power() {
    const left = this.#tail(this.#atom());
    if (!left || this.#next !== "**") return left;
    this.#take();
    const right = this.#unary();
    return right && { kind: "binary", sign: "**", left, right };
  }

  /** @returns {Expression | null} */
  #atom() {
    const word = this.#take();
    if (word === "(") {
      const inside = this.level(0);
      return this.#take() === ")" ? inside : null;
    }
    if (word === "[") {
      this.#place -= 1;
      return { kind: "list", text: this.#bracketed() };
    }
    if (/^\d/.test(word)) return { kind: "number", text: word };
    return /^[A-Za-z_]/.test(word) ? { kind: "name", name: word } : null;
  }

  /** What follows an atom: `.cos()`, `.mT`, `[0]`. @param {Expression | null} first @returns {Expression | null} */
  #tail(first) {
    let tree = first;
    while (tree) {
      if (this.#next === ".") {
        this.#take();
        tree = this.#member(tree, this.#take());
      } else if (this.#next === "[") {
        tree = { kind: "item", of: tree, place: this.#bracketed() };
      } else return tree;
    }
    return tree;
  }

  /** @param {Expression} of @param {string} name @returns {Expression | null} */
  #member(of, name) {
    if (this.#next !== "(") return { kind: "attribute", name, of };
    const given = this.#arguments();
    const plain = of.kind === "name" ? MODULES.has(of.name) : of.kind === "attribute" && MODULES.has(of.name);
    return given && { kind: "call", name, of: plain ? null : of, given };
  }

  /** @returns {Expression[] | null} those given by position and by name */
  #arguments() {
    /** @type {Expression[]} */
    const given = [];
    this.#take();
    while (this.#next !== ")") {
      if (this.#words[this.#place + 1] === "=") this.#place += 2;
      const one = this.level(0);
      if (!one) return null;
      given.push(one);
      if (this.#next === ",") this.#take();
      else if (this.#next !== ")") return null;
    }
    this.#take();
    return given;
  }

  /** `[0, 2]` as it is written. */
  #bracketed() {
    let depth = 0;
    const words = [];
    do {
      const word = this.#take();
      if (word === "") return "";
      depth += word === "[" ? 1 : word === "]" ? -1 : 0;
      words.push(word === "," ? ", " : word);
    } while (depth > 0);
    return words.join("");
  }
}

/**
 * @param {Expression} tree
 * @returns {Expression[]} the tree itself and all that is in it, from left to right
 */
export function parts(tree) {
  const inner = {
    name: [], number: [], list: [],
    unary: "of" in tree ? [tree.of] : [],
    attribute: "of" in tree ? [tree.of] : [],
    item: "of" in tree ? [tree.of] : [],
    binary: "left" in tree ? [tree.left, tree.right] : [],
    call: "given" in tree ? [tree.of, ...tree.given] : [],
  }[tree.kind];
  return [tree, ...inner.flatMap((one) => (one ? parts(one) : []))];
}
