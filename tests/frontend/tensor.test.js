import assert from "node:assert/strict";
import { test } from "node:test";

import { gradText, heatOf, matrixOf, norm, valueText } from "../../frontend/src/tensor.js";

const ROOM = { width: 50, height: 50 };

/** @param {Partial<import("../../frontend/src/model.d.ts").Tensor>} fields */
function tensor(fields) {
  return {
    shape: [], dtype: "torch.float32", device: "cpu", numel: 1, min: null, max: null, mean: null, std: null, nan: 0, inf: 0,
    values: null, thumb: null, ...fields,
  };
}

test("the norm from the statistics is the norm from the values", () => {
  const values = [1, -2, 4, 8];
  const mean = 2.75;
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 3);
  const known = norm(tensor({ shape: [4], numel: 4, values }));
  const derived = norm(tensor({ shape: [4], numel: 4, mean, std }));
  assert.ok(Math.abs(known - Math.sqrt(85)) < 1e-12);
  assert.ok(Math.abs(derived - known) < 1e-12);
});

test("a tensor without values and statistics has no norm, and shows its shape", () => {
  const meta = tensor({ shape: [4096, 4096], numel: 4096 ** 2, device: "meta" });
  assert.equal(norm(meta), null);
  assert.equal(gradText(meta), "[4096, 4096]");
});

test("scalars show their value, short vectors their elements, others their shape", () => {
  assert.equal(valueText(tensor({ values: [5] })), "5.0");
  assert.equal(valueText(tensor({ values: [1], dtype: "torch.bool" })), "True");
  assert.equal(valueText(tensor({ shape: [2], numel: 2, values: [1, 2.5] })), "[1.0, 2.5]");
  assert.equal(valueText(tensor({ shape: [2, 2], numel: 4, values: [1, 2, 3, 4] })), "[2, 2]");
});

test("leading dims are stacked into rows", () => {
  const matrix = matrixOf(tensor({ shape: [2, 2, 3], numel: 12, values: Array.from({ length: 12 }, (_, i) => i) }));
  assert.deepEqual([matrix.rows, matrix.columns], [4, 3]);
});

test("numbers are written where there is room for them, and an image is drawn where there is not", () => {
  const small = heatOf(tensor({ shape: [3, 2], numel: 6, values: [1, -2, 3, NaN, 5, -6] }), { room: ROOM, write: true });
  assert.equal(small.written, true);
  assert.equal(small.scale, 6);
  const large = heatOf(tensor({ shape: [64, 64], numel: 4096, thumb: [[1, 2], [3, 4]] }), { room: ROOM, write: true });
  assert.equal(large.written, false);
});

test("scalars, empty and complex tensors have no heat", () => {
  for (const fields of [
    { values: [1] },
    { shape: [0], numel: 0, values: [] },
    { shape: [2], numel: 2, values: [[1, 2], [3, 4]], dtype: "torch.complex64" },
  ]) {
    assert.equal(heatOf(tensor(fields), { room: ROOM, write: true }), null);
  }
});
