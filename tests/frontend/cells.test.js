import assert from "node:assert/strict";
import { test } from "node:test";

import { originOf } from "../../frontend/src/cells.js";

/** @param {number[]} values */
const row = (values) => ({ shape: [values.length], numel: values.length, values });

/** @param {string} op @param {Record<string, unknown>} attributes @param {number[]} input @param {number[]} output */
function origin(op, attributes, input, output) {
  const node = { id: "n1", op, attributes };
  const graph = { into: new Map([["n1", [{ source: "n0", source_output: 0 }]]]) };
  const step = { values: new Map([["n0", row(input)], ["n1", row(output)]]), outputs: new Map() };
  return originOf(/** @type {any} */ (node), /** @type {any} */ (graph), /** @type {any} */ (step));
}

test("a slice with its numbers shows which cells it took", () => {
  const found = origin("slice", { start: 2, end: 4 }, [5, 6, 7, 8], [7, 8]);
  assert.deepEqual(found?.of(1).cells, [[3]]);
});

test("a slice that a loop moves on does not say which cells, even where the first ones would fit", () => {
  assert.equal(origin("slice", { index: "i:i + 2" }, [5, 5, 5, 5], [5, 5]), null);
  assert.equal(origin("select", { index: "i" }, [5, 5], [5]), null);
});
