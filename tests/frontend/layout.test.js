import assert from "node:assert/strict";
import { test } from "node:test";

import { Graphviz } from "../../frontend/vendor/graphviz.js";
import { dotText, placed } from "../../frontend/src/layout/dot.js";
import { hierarchyOf } from "../../frontend/src/layout/hierarchy.js";
import { LIMIT, mustOpen, openings, toggled, visibleCount } from "../../frontend/src/layout/opening.js";
import { beside, monotone, pathText, samples } from "../../frontend/src/layout/route.js";
import { planOf } from "../../frontend/src/layout/plan.js";
import { railPoints, railText } from "../../frontend/src/layout/rail.js";
import { SEED, visibleOf } from "../../frontend/src/layout/visible.js";
import { chain, edges, graphOf, node } from "./graphs.js";

const GROUPS = [
  { id: "g0", parent: null, kind: "module", label: "net", type: "Net", line: 1 },
  { id: "g1", parent: "g0", kind: "module", label: "first", type: "Linear(2, 2)", line: 1 },
  { id: "g2", parent: "g0", kind: "function", label: "relu", type: null, line: 2 },
];

/** n0 goes into n1 and n2 of "first", their result through a lone relu, and out to n4; n0 also skips to n4. */
function nested() {
  return graphOf({
    nodes: [node("n0"), node("n1", { group: "g1" }), node("n2", { group: "g1" }), node("n3", { group: "g2" }), node("n4")],
    edges: edges("n0>n1 n0>n2 n1>n2 n2>n3 n3>n4 n0>n4"),
    groups: GROUPS,
  });
}

test("groups nest, and a frame around a single op is left out", () => {
  const { containers, home } = hierarchyOf(nested());
  assert.deepEqual(containers.get("").children, ["n0", "g0", "n4"]);
  assert.deepEqual(containers.get("g0").children, ["g1", "n3"]);
  assert.equal(containers.has("g2"), false);
  assert.equal(home.get("n1"), "g1");
  assert.equal(containers.get("g1").parent, "g0");
  assert.equal(containers.get("").size, 5);
});

test("a closed group stands for what is inside", () => {
  const graph = nested();
  const { items, segments, shownBy } = visibleOf(graph, hierarchyOf(graph), new Set([""]), null);
  assert.deepEqual(items, ["n0", "g0", "n4"]);
  assert.equal(shownBy.get("n2"), "g0");
  const lines = segments.map(({ from, to, edges: own }) => `${from.item}>${to.item} ${own.join()}`);
  assert.deepEqual(lines, ["n0>g0 e0,e1", "g0>n4 e4", "n0>n4 e5"]);
});

test("a line into an open group crosses its border once and branches inside", () => {
  const graph = nested();
  const { segments, open } = visibleOf(graph, hierarchyOf(graph), new Set(["", "g0", "g1"]), null);
  assert.deepEqual(open.map(({ id }) => id), ["g1", "g0", ""]);
  assert.equal(open[0].inPorts.length, 1);
  const into = segments.filter(({ container, from }) => container === "g1" && from.item === null);
  assert.deepEqual(into.map(({ to, edges: own }) => `${to.item} ${own}`), ["n1 e0", "n2 e1"]);
  const across = segments.filter(({ container, to }) => container === "" && to.item === "g0");
  assert.deepEqual(across.map(({ edges: own }) => own), [["e0", "e1"]]);
});

test("each edge is labelled once, on a line of its own where it has one", () => {
  const graph = nested();
  const { segments } = visibleOf(graph, hierarchyOf(graph), new Set(["", "g0", "g1"]), "n4");
  const labelled = segments.flatMap((segment) => segment.labelled);
  assert.deepEqual([...labelled].sort(), ["e0", "e1", "e2", "e3", "e4", "e5", SEED]);
  const first = segments.find((segment) => segment.labelled.includes("e0"));
  assert.deepEqual(first.edges, ["e0"]);
});

test("the seed hangs below the loss", () => {
  const graph = nested();
  const { items, segments } = visibleOf(graph, hierarchyOf(graph), new Set([""]), "n4");
  assert.equal(items.at(-1), SEED);
  assert.deepEqual(segments.at(-1).from, { item: "n4", port: null });
});

test("a chain of 10,000 ops folds into few things and unfolds step by step to every one", () => {
  const graph = chain(10_000);
  const hierarchy = hierarchyOf(graph);
  assert.ok(visibleCount(hierarchy, new Set([""])) <= 40);
  for (const container of hierarchy.containers.values()) assert.ok(container.children.length <= 48, container.id);
  const all = new Set(hierarchy.containers.keys());
  assert.equal(visibleCount(hierarchy, all), 10_000);
  assert.equal(hierarchy.containers.get("").size, 10_000);
});

test("what was opened longest ago closes when there would be too much", () => {
  const hierarchy = hierarchyOf(chain(10_000));
  let open = /** @type {ReadonlySet<string>} */ (new Set([""]));
  let newest = "";
  for (const { id } of [...hierarchy.containers.values()].filter((container) => container.kind === "fold")) {
    open = toggled(hierarchy, open, id);
    newest = id;
    assert.ok(visibleCount(hierarchy, open) <= LIMIT);
  }
  assert.ok(open.has(newest));
});

test("first views open level by level and end at about forty things", () => {
  const hierarchy = hierarchyOf(nested());
  const found = openings(hierarchy);
  assert.deepEqual(found.map((open) => open.size), [1, 2, 3]);
  assert.equal(mustOpen(hierarchy, found[0], found[1]), true);
  assert.deepEqual(openings(hierarchyOf(chain(3))).length, 1);
});

test("equal containers give equal texts, whatever they are called", () => {
  const plan = {
    id: "a", items: [{ width: 100, height: 60 }, { width: 80, height: 60 }], inPorts: 1, outPorts: 0, first: [],
    header: { width: 50, height: 40 }, edges: [{ from: 2, to: 0, label: null, main: false, rail: null }, { from: 0, to: 1, label: null, main: true, rail: null }],
  };
  assert.equal(dotText(plan, plan.items), dotText({ ...plan, id: "b" }, plan.items));
});

test("Graphviz' answer becomes positions: no overlap, ports on the border, the label on its line", async () => {
  const graphviz = await Graphviz.load();
  const sizes = [{ width: 100, height: 60 }, { width: 80, height: 60 }, { width: 90, height: 60 }];
  const plan = {
    id: "inner", items: sizes, inPorts: 1, outPorts: 1, first: [], header: { width: 50, height: 40 },
    edges: [
      { from: 3, to: 0, label: null, main: false, rail: null },
      { from: 0, to: 1, label: { width: 70, height: 30 }, main: true, rail: null },
      { from: 0, to: 2, label: null, main: false, rail: null },
      { from: 1, to: 4, label: null, main: true, rail: null },
    ],
  };
  const place = placed(plan, sizes, JSON.parse(graphviz.layout(dotText(plan, sizes), "json0", "dot")));
  const [a, b, c, into, out] = place.centres;
  assert.ok(b.y - a.y >= 60 + 30);
  assert.ok(Math.abs(b.x - c.x) >= 85 || Math.abs(b.y - c.y) >= 60);
  assert.equal(into.y, 0);
  assert.equal(out.y, place.height);
  const { label } = place.routes[1];
  assert.ok(label.y > a.y + 30 && label.y < b.y - 30);
});

test("labels side by side get the room that they need", async () => {
  const graphviz = await Graphviz.load();
  const sizes = [{ width: 60, height: 60 }, { width: 60, height: 60 }, { width: 60, height: 60 }];
  const label = { width: 240, height: 30 };
  const plan = {
    id: "", items: sizes, inPorts: 0, outPorts: 0, first: [], header: { width: 0, height: 0 },
    edges: [{ from: 0, to: 1, label, main: true, rail: null }, { from: 0, to: 2, label, main: true, rail: null }],
  };
  const { routes } = placed(plan, sizes, JSON.parse(graphviz.layout(dotText(plan, sizes), "json0", "dot")));
  assert.ok(Math.abs(routes[0].label.x - routes[1].label.x) >= 240);
});

test("a path goes through its points and is monotone", () => {
  const points = monotone([{ x: 0, y: 0 }, { x: 50, y: 40 }, { x: 48, y: 41 }, { x: 10, y: 90 }, { x: 10, y: 120 }]);
  assert.equal(points.length, 4);
  assert.match(pathText(points), /^M0\.0,0\.0 C/);
  const drawn = samples(points);
  drawn.slice(1).forEach((point, i) => assert.ok(point.y > drawn[i].y));
  for (const { x } of drawn) assert.ok(x >= -0.01 && x <= 50.01, `${x} is beyond the points`);
});

test("a path does not swing beyond a turn", () => {
  const turn = samples([{ x: 0, y: 0 }, { x: 50, y: 40 }, { x: 45, y: 120 }, { x: 45, y: 160 }]);
  assert.ok(Math.max(...turn.map(({ x }) => x)) <= 50);
});

test("a line beside another keeps to the label", () => {
  const moved = beside([{ x: 0, y: 0 }, { x: 5, y: 50 }], 7, { x: 5, y: 50 });
  assert.deepEqual(moved, [{ x: 7, y: 0 }, { x: 5, y: 50 }]);
});

/** Twelve masks, each made in two steps, and a group of two ops for each of them; x goes through the groups. */
function masked() {
  const each = Array.from({ length: 12 }, (_, i) => i);
  const fixed = { requires_grad: false };
  const nodes = each.flatMap((i) => [node(`ones${i}`, { ...fixed, kind: "data" }), node(`tril${i}`, fixed)]);
  const inside = each.flatMap((i) => [node(`a${i}`, { group: `g${i}` }), node(`b${i}`, { group: `g${i}` })]);
  const groups = each.map((i) => ({ id: `g${i}`, parent: null, kind: "module", label: `blocks.${i}`, type: "Block", line: 1 }));
  const lines = each.map((i) => `ones${i}>tril${i} tril${i}>b${i} a${i}>b${i} ${i === 0 ? "x" : `b${i - 1}`}>a${i}`);
  const graph = { nodes: [node("x", { ...fixed, kind: "data" }), ...nodes, ...inside], edges: edges(lines.join(" ")), groups };
  return graphOf(graph);
}

test("constants beside groups are folded into one; the input stays", () => {
  const { containers } = hierarchyOf(masked());
  const [x, fold, ...blocks] = containers.get("").children;
  assert.equal(x, "x");
  assert.equal(containers.get(fold).label, "24 without gradient");
  assert.equal(containers.get(fold).size, 24);
  assert.deepEqual(blocks, Array.from({ length: 12 }, (_, i) => `g${i}`));
});

test("ops without gradient stay in sight where there is no model beside them", () => {
  const nodes = Array.from({ length: 20 }, (_, i) => node(`n${i}`, { requires_grad: false }));
  const line = Array.from({ length: 19 }, (_, i) => `n${i}>n${i + 1}`).join(" ");
  const { containers } = hierarchyOf(graphOf({ nodes, edges: edges(line) }));
  assert.equal(containers.get("").children.length, 20);
});

test("what goes to many things without a gradient runs on a rail, which leaves the row of things alone", async () => {
  const graph = masked();
  const visible = visibleOf(graph, hierarchyOf(graph), new Set([""]), null);
  const size = { width: 100, height: 60 };
  const spine = new Set(visible.segments.filter(({ from }) => /^g/.test(from.item)).map(({ id }) => id));
  const { containers } = planOf(visible, {
    sizeOf: () => size, labelOf: () => null, headerOf: () => size, isSource: () => false,
    isMain: (id) => spine.has(id), isPlain: (id) => !spine.has(id),
  });
  const [plan] = containers;
  assert.equal(plan.edges.filter(({ rail }) => rail === 0).length, 12);
  const sizes = plan.items.map(() => size);
  const graphviz = await Graphviz.load();
  const place = placed(plan, sizes, JSON.parse(graphviz.layout(dotText(plan, sizes), "json0", "dot")));
  const blocks = place.centres.slice(2).map(({ x }) => x);
  assert.ok(Math.max(...blocks) - Math.min(...blocks) < 1, String(blocks));
  const rail = place.routes.find((route) => route.rail !== null);
  assert.ok(place.centres.every(({ x }) => x + 50 < rail.rail));
});

test("a rail leaves its source at the side and reaches the side of its target", () => {
  const boxes = new Map([["a", { x: 0, y: 0, width: 100, height: 60 }], ["b", { x: 20, y: 200, width: 60, height: 40 }]]);
  const ground = { boxes, frames: new Map(), ports: new Map(), root: { x: 0, y: 0, width: 200, height: 300 }, open: new Map() };
  const points = railPoints({ from: { item: "a", port: null }, to: { item: "b", port: null } }, 160, ground);
  assert.deepEqual(points, [{ x: 100, y: 30 }, { x: 160, y: 30 }, { x: 160, y: 220 }, { x: 87, y: 220 }]);
  assert.match(railText(points), /^M100\.0,30\.0 L150\.0,30\.0 Q160\.0,30\.0 160\.0,40\.0 /);
});
