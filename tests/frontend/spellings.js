/** Reads one run as frames and as JSON and compares what the page makes of them: `node spellings.js RUN`. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { answerParts } from "../../frontend/src/answer.js";
import { FrameReader } from "../../frontend/src/frames.js";
import { Recording } from "../../frontend/src/recording.js";
import { messagesOf } from "../../frontend/src/wire.js";

const { frames, answer } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const reader = new FrameReader();
const framed = new Recording("");
for (const text of frames) {
  // A buffer of its own for each, as a socket gives them; where in it the numbers lie is as it comes.
  const bytes = Buffer.from(text, "base64");
  const message = reader.read(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  if (message) framed.take(message);
}
const spelled = new Recording("");
for (const message of messagesOf(answer)) spelled.take(message);

const [a, b] = [framed.snapshot(), spelled.snapshot()];
assert.deepEqual([...a.graphs.keys()], [...b.graphs.keys()]);
for (const [id, graph] of a.graphs) assert.deepEqual(graph, b.graphs.get(id));
assert.equal(a.steps.length, b.steps.length);
assert.deepEqual(a.output, b.output);
// an answer has the last word on each name, a stream also told of it in the structures before
const last = (/** @type {object[]} */ bindings) => bindings.map((binding) => ({ ...binding, nodes: null }));
assert.deepEqual(last(a.bindings), last(b.bindings));
for (const [i, { nodes }] of b.bindings.entries()) for (const [graph, node] of nodes) assert.equal(a.bindings[i].nodes.get(graph), node);
assert.deepEqual(a.result, b.result);
a.steps.forEach((step, i) => {
  const [one, other] = [step.read(), b.steps[i].read()];
  for (const field of Object.keys(other)) assert.deepEqual(one[field], other[field], `${field} of step ${i}`);
  for (const id of a.graphs.get(step.graph).nodes.keys()) {
    for (const kind of ["value", "gradient"]) {
      assert.deepEqual(step.statistics(kind, id), b.steps[i].statistics(kind, id), `${kind} of ${id} in step ${i}`);
    }
  }
});
for (const kind of ["loss", "parameter", "gradient"]) {
  const told = a.curves.of(kind).map(({ name, steps, values }) => [name, steps, values]);
  assert.deepEqual(told, b.curves.of(kind).map(({ name, steps, values }) => [name, steps, values]));
  assert.ok(told.length > 0 || kind !== "parameter" || answer.steps.every(({ loss }) => loss === null), `no ${kind}`);
}
// What the page saves of the run is the server's answer again; the scalars lack the loop variables, and say so.
for (const run of [a, b]) {
  const saved = JSON.parse([...answerParts(run)].join(""));
  for (const field of ["status", "graphs", "bindings", "output", "result", "problem", "gradients", "notices"]) {
    assert.deepEqual(saved[field] ?? [], answer[field] ?? [], field);
  }
  assert.deepEqual(saved.steps, plain(answer.steps));
  assert.deepEqual(saved.scalars.map(({ index, loss }) => [index, loss]), b.curves.loss
    ? answer.scalars.filter(({ loss }) => loss !== null).map(({ index, loss }) => [index, loss]) : []);
  assert.deepEqual(saved.missing, b.looping ? ["the loop variables of each iteration"] : []);
}
process.stdout.write(`${a.steps.length} steps are the same\n`);

/** JSON writes 1.0 and 1 alike in JavaScript, and no key that is undefined. */
function plain(value) {
  return JSON.parse(JSON.stringify(value));
}
