import assert from "node:assert/strict";
import { test } from "node:test";

import { travel } from "../../frontend/src/stage/travel.js";

const box = (/** @type {number} */ x, /** @type {number} */ y) => ({ x, y, width: 10, height: 10 });
const BOXES = new Map([["a", box(0, 0)], ["b", box(40, 0)], ["c", box(300, 50)], ["d", box(0, 60)]]);
const LINKS = [{ from: "a", to: "c" }, { from: "c", to: "d" }];

test("down follows an edge even where something else is nearer, up goes back along it", () => {
  assert.equal(travel("a", "ArrowDown", BOXES, LINKS), "c");
  assert.equal(travel("c", "ArrowUp", BOXES, LINKS), "a");
  assert.equal(travel("d", "ArrowUp", BOXES, LINKS), "c");
});

test("without an edge the nearest thing in that direction is next, and at the rim there is none", () => {
  assert.equal(travel("b", "ArrowDown", BOXES, LINKS), "d");
  assert.equal(travel("a", "ArrowRight", BOXES, LINKS), "b");
  assert.equal(travel("a", "ArrowLeft", BOXES, LINKS), null);
});
