import assert from "node:assert/strict";
import { test } from "node:test";

import { countText, durationText, numberText } from "../../frontend/src/number.js";

test("a float keeps its point and loses its trailing zeros", () => {
  assert.equal(numberText(5), "5.0");
  assert.equal(numberText(0), "0.0");
  assert.equal(numberText(20.5), "20.5");
  assert.equal(numberText(4.84216), "4.842");
  assert.equal(numberText(0.0195, { digits: 3 }), "0.0195");
});

test("an integer dtype has no point", () => {
  assert.equal(numberText(3, { integer: true }), "3");
  assert.equal(numberText(-12, { integer: true }), "\u221212");
});

test("what is very large or very small has an exponent", () => {
  assert.equal(numberText(1234567), "1.23e6");
  assert.equal(numberText(-0.000012), "\u22121.2e\u22125");
});

test("nothing is longer than its digits and five characters", () => {
  for (const value of [0.001234567, -0.001234567, 99999.9, -123456789, 1e-30, -9.9999e-12, 0.099999]) {
    assert.ok(numberText(value).length <= 9, `${value} became ${numberText(value)}`);
  }
});

test("NaN, infinities and nothing have their signs", () => {
  assert.equal(numberText(NaN), "NaN");
  assert.equal(numberText(Infinity), "\u221e");
  assert.equal(numberText(-Infinity), "\u2212\u221e");
  assert.equal(numberText(null), "\u2013");
});

test("a complex number shows both parts", () => {
  assert.equal(numberText([1, -2]), "1.0\u22122.0i");
});

test("counts and durations read as words", () => {
  assert.equal(countText(1, "op"), "1 op");
  assert.equal(countText(9960, "more op"), "9,960 more ops");
  assert.equal(durationText(14.2), "14 ms");
  assert.equal(durationText(2400), "2.4 s");
});
