import assert from "node:assert/strict";
import { test } from "node:test";

import { hierarchyOf } from "../../frontend/src/layout/hierarchy.js";
import { allOpen, around, openedTo, visibleCount } from "../../frontend/src/layout/opening.js";
import { visibleOf } from "../../frontend/src/layout/visible.js";
import { keptFor, measured } from "../../frontend/src/measure.js";
import { bytesText } from "../../frontend/src/number.js";
import { pathBetween } from "../../frontend/src/path.js";
import { search } from "../../frontend/src/search.js";
import { cardOf } from "../../frontend/src/stage/card.js";
import { readStep } from "../../frontend/src/wire.js";
import { chain, edges, graphOf, node, scalar } from "./graphs.js";

const GROUPS = [
  { id: "g0", parent: null, kind: "module", label: "net", type: "Net", line: 1 },
  { id: "g1", parent: "g0", kind: "module", label: "net.first", type: "Linear(2, 2)", line: 1 },
];

function nested() {
  return graphOf({
    nodes: [
      node("n0", { kind: "leaf", op: "tensor", names: ["x"], line: 1 }), node("n1", { group: "g1", op: "mul", line: 2 }),
      node("n2", { group: "g1", op: "addmm", names: ["h"], line: 2 }), node("n3", { group: "g0", op: "relu", line: 3 }), node("n4", { line: 4 }),
    ],
    edges: edges("n0>n1 n1>n2 n2>n3 n3>n4 n0>n4"),
    groups: GROUPS,
  });
}

/** @param {Record<string, object>} fields */
function stepOf(fields) {
  return readStep({ index: 0, graph: "g", events: [], values: {}, outputs: {}, grads: {}, edge_grads: {}, loss: null, loss_node: null, ...fields });
}

const seen = (/** @type {object} */ fields) => {
  const graph = nested();
  const hierarchy = hierarchyOf(graph);
  const visible = visibleOf(graph, hierarchy, new Set(["", "g0"]), null);
  return { graph, hierarchy, visible, step: stepOf(fields) };
};

test("names come before parts of names, groups before nodes, and shapes may have a star", () => {
  const searched = seen({ values: { n1: { ...scalar(1), shape: [2, 3] } } });
  const ids = (/** @type {string} */ query) => search(query, searched).map(({ id }) => id);
  assert.deepEqual(ids("h"), ["n2"]);
  assert.deepEqual(ids("net"), ["g0", "g1"]);
  assert.deepEqual(ids("[2, *]"), ["n1"]);
  assert.deepEqual(ids("2x3"), ["n1"]);
  assert.deepEqual(ids("line 2"), ["n1", "n2"]);
  assert.deepEqual(ids(":3"), ["n3"]);
  assert.deepEqual(ids("  "), []);
});

test("groups that are called the same are told apart by where they are", () => {
  const [, first] = search("net", seen({}));
  assert.equal(first.detail, "Linear(2, 2) \u00b7 2 nodes \u00b7 net");
});

test("a card says how many outputs an op has, and the shape of what is written out below", () => {
  const graph = nested();
  const whole = { ...scalar(1), shape: [2], numel: 2, dtype: "torch.int64", values: [3, 1] };
  const look = { graph, hierarchy: hierarchyOf(graph), step: stepOf({ values: { n0: whole, n2: whole } }), steady: false, room: 900, roomy: true };
  graph.nodes.set("n2", { ...graph.nodes.get("n2"), outputs: 3, grad_fn: "AddmmBackward0" });
  assert.equal(cardOf("n2", look).subtitle, "AddmmBackward0 \u00b7 3 outputs");
  const { value, heat } = cardOf("n0", look);
  assert.deepEqual([value, heat.written, heat.integer], ["[2]", true, true]);
  assert.ok(heat.cell.width < cardOf("n0", { ...look, steady: true }).heat.cell.width);
});

test("the way to the loss is what lies after the node and before the loss", () => {
  const graph = nested();
  assert.deepEqual([...pathBetween(graph, "n2", "n4").nodes].sort(), ["n2", "n3", "n4"]);
  assert.deepEqual([...pathBetween(graph, "n0", "n4").edges].sort(), ["e0", "e1", "e2", "e3", "e4"]);
  assert.equal(pathBetween(graph, "n4", "n0").nodes.size, 0);
});

test("a closed group has the largest gradient of what is inside, and one that is not a number wins", () => {
  const { items, ticks } = measured("gradient", seen({ grads: { n1: scalar(1e-8), n2: scalar(0.01), n4: { ...scalar(0), nan: 1, values: ["NaN"] } } }));
  assert.equal(items.get("g1").value, 0.01);
  assert.equal(items.get("g1").level, 0.5);
  assert.equal(items.get("n4").alarm, "odd");
  assert.equal(items.has("n0"), false);
  assert.deepEqual(ticks, ["1e\u22127", "0.01", "1000.0"]);
  assert.equal(measured("gradient", seen({ grads: { n3: scalar(1e-8) } })).items.get("n3").alarm, "vanishing");
  assert.equal(measured("gradient", seen({ grads: { n3: scalar(1e5) } })).items.get("n3").alarm, "exploding");
});

test("what several nodes save for backward is there once, and a view is what it is a view of", () => {
  const saves = (/** @type {string | null} */ of, bytes = 48, output = 0) => ({ name: "self", node: of, output, bytes });
  const nodes = [
    node("n0", { kind: "leaf" }),
    node("n1", { group: "g0", base: "n0", saved: [] }),
    node("n2", { group: "g0", saved: [saves("n0"), saves("n1"), saves(null, 8)], saved_bytes: 56 }),
    node("n3", { group: "g0", saved: [saves("n1"), saves("n2", 4, 1), saves(null, 0)], saved_bytes: 52 }),
  ];
  const groups = [{ id: "g0", parent: null, kind: "module", label: "m" }];
  const graph = graphOf({ nodes, groups, edges: edges("n0>n1 n0>n2 n1>n2 n2>n3") });
  const kept = [...keptFor(graph.nodes.values(), graph).values()];
  assert.deepEqual(kept.map(({ bytes, of }) => [bytes, of?.id]), [[48, "n0"], [8, undefined], [4, "n2"]]);
  const hierarchy = hierarchyOf(graph);
  const figures = (/** @type {Set<string>} */ open) =>
    measured("saved", { graph, hierarchy, step: stepOf({}), visible: visibleOf(graph, hierarchy, open, null) });
  const closed = figures(new Set([""]));
  assert.equal(closed.items.get("g0").text, "60 B");
  assert.equal(closed.items.has("n0"), false);
  const open = figures(new Set(["", "g0"]));
  assert.deepEqual(["n1", "n2", "n3"].map((id) => open.items.get(id)?.value), [undefined, 56, 52]);
  // n0 to the group's border, from there to n2, n1 to n2, n2 to n3
  assert.deepEqual([...open.segments.values()].map(({ value }) => value), [48, 48, 48, 4]);
  assert.equal(bytesText(160), "160 B");
  assert.equal(bytesText(3_145_728), "3.1 MB");
});

test("a closed group counts the numbers in its parameters, or else its leaves", () => {
  const nodes = [node("n0", { kind: "leaf", group: "g0" }), node("n1", { group: "g0" }), node("n2", { group: "g0" })];
  const subtitle = (/** @type {number} */ parameters) => {
    const graph = graphOf({ nodes, groups: [{ id: "g0", parent: null, kind: "module", label: "m", type: "M", parameters }], edges: [] });
    return cardOf("g0", { graph, hierarchy: hierarchyOf(graph), step: stepOf({}), steady: false, room: 900 }).subtitle;
  };
  assert.equal(subtitle(8_030_261_248), "2 ops \u00b7 8,030,261,248 parameters");
  assert.equal(subtitle(0), "2 ops \u00b7 1 leaf");
});

test("all opens level by level and stops before there is too much", () => {
  const hierarchy = hierarchyOf(chain(10_000));
  const { open, closed } = allOpen(hierarchy, 300);
  assert.ok(closed > 0);
  assert.ok(visibleCount(hierarchy, open) <= 300);
  assert.equal(allOpen(hierarchyOf(nested())).closed, 0);
});

test("to see a node the groups around it open, and nothing else", () => {
  const hierarchy = hierarchyOf(nested());
  assert.deepEqual(around(hierarchy, "n2"), ["g0", "g1"]);
  assert.deepEqual([...openedTo(hierarchy, new Set([""]), "n2")], ["", "g0", "g1"]);
  const open = new Set(["", "g0", "g1"]);
  assert.equal(openedTo(hierarchy, open, "n2"), open);
});
