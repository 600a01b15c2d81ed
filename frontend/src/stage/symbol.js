/** The sign that stands for an operation. */

const SYMBOLS = new Map(
  Object.entries({
    add: "+", sub: "\u2212", rsub: "\u2212", mul: "\u00d7", div: "\u00f7", true_divide: "\u00f7", floor_divide: "\u00f7", neg: "\u2212",
    mm: "@", bmm: "@", matmul: "@", addmm: "@+", baddbmm: "@+", mv: "@", dot: "\u00b7", linear: "@+", einsum: "\u03a3", outer: "\u2297",
    sum: "\u03a3", mean: "\u03bc", prod: "\u03a0", pow: "x\u207f", sqrt: "\u221a", rsqrt: "1\u2044\u221a", reciprocal: "1\u2044x",
    exp: "e\u02e3", log: "ln", sin: "sin", cos: "cos", tan: "tan", tanh: "tanh", sigmoid: "\u03c3", relu: "ReLU", gelu: "GELU",
    silu: "SiLU", softmax: "\u03c3\u20d7", log_softmax: "ln\u03c3", abs: "|x|", max: "max", min: "min", amax: "max", amin: "min",
    maximum: "max", minimum: "min", clamp: "[ ]", t: "T", transpose: "T", permute: "T", view: "\u25a6", reshape: "\u25a6",
    flatten: "\u25ad", expand: "\u2922", squeeze: "\u25a6", unsqueeze: "\u25a6", cat: "\u2293", stack: "\u2261", split: "a|b", chunk: "a|b",
    detach: "\u2702", clone: "copy", mse_loss: "L", nll_loss: "L", cross_entropy: "L", embedding: "E", dropout: "\u2059",
    convolution: "\u2217", conv2d: "\u2217", native_layer_norm: "LN", layer_norm: "LN", native_batch_norm: "BN", batch_norm: "BN",
    select: "[i]", slice: "[:]", index: "[i]", gather: "[i]", masked_fill: "\u25d1", where: "?:", eq: "=", ne: "\u2260", lt: "<", gt: ">",
    le: "\u2264", ge: "\u2265", argmax: "am", atan2: "atn", lerp: "lrp", erf: "erf",
  }),
);

/**
 * @param {string} op torch's name, with or without a trailing underscore or a leading one
 * @returns {string} at most four characters
 */
export function symbolOf(op) {
  const plain = op.replace(/^_+|_+$/g, "").replace(/_(backward|forward)$/, "");
  return SYMBOLS.get(plain) ?? "\u0192";
}
