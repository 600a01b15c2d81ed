/** What of a step is there at a moment of it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { soFar } from "../../frontend/src/sofar.js";
import { scalar } from "./graphs.js";
import { meetingStep } from "./moments.js";

const NONE = new Map();

/** @param {object} step @param {number} events @param {Map<string, object>} [leftover] */
function at(step, events, leftover = NONE) {
  return soFar(step, { events, leftover });
}

/** @param {object} step @param {(event: object) => boolean} isIt */
function after(step, isIt) {
  return step.events.findIndex(isIt) + 1;
}

test("a value is there once its op has run, and no gradient before backward", () => {
  const step = meetingStep();
  assert.deepEqual([...at(step, 0).values.keys()], ["n0"]);
  const half = at(step, after(step, ({ node }) => node === "n1"));
  assert.deepEqual([...half.values.keys()].sort(), ["n0", "n1"]);
  assert.equal(half.loss, null);
  assert.equal(half.grads.size + half.edgeGrads.size + half.leafGrads.size, 0);
});

test("contributions come before the gradient that they add up to", () => {
  const step = meetingStep();
  const first = after(step, ({ edge }) => edge !== null);
  assert.equal(at(step, first).edgeGrads.size, 1);
  const met = after(step, ({ phase, node }) => phase === "backward" && node === "n1");
  assert.equal(at(step, met - 1).grads.has("n1"), false);
  assert.ok(at(step, met - 1).edgeGrads.size > 1);
  assert.equal(at(step, met).grads.has("n1"), true);
});

test("at the end all of it is there, but what zero_grad emptied", () => {
  const step = meetingStep();
  const end = at(step, step.events.length);
  for (const field of ["values", "edgeGrads", "loss", "updates"]) assert.deepEqual(end[field], step[field], field);
  assert.deepEqual([...end.grads.keys()].sort(), ["n1", "n2", "n3"]);
  assert.equal(at(step, step.events.length - 1).grads.has("n0"), true);
});

test("a leaf holds what the step before left, until zero_grad empties it", () => {
  const leftover = new Map([["n0", scalar(7)]]);
  const step = meetingStep({ leafGrads: new Map([["n0", scalar(46)]]) });
  assert.equal(at(step, 0, leftover).leafGrads.get("n0"), leftover.get("n0"));
  const arrived = after(step, ({ phase, node }) => phase === "backward" && node === "n0");
  assert.deepEqual(at(step, arrived, leftover).leafGrads.get("n0"), scalar(46));
  assert.equal(at(step, step.events.length, leftover).leafGrads.has("n0"), false);
});

test("an update is there once it was made", () => {
  const step = meetingStep();
  const made = after(step, ({ phase }) => phase === "update");
  assert.equal(at(step, made - 1).updates.length, 0);
  assert.equal(at(step, made).updates.length, 1);
});
