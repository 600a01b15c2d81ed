/** Small graphs and the pictures that the page makes of them, through the code of the worker, in round numbers. */

import { Graphviz } from "../../frontend/vendor/graphviz.js";
import { layOut } from "../../frontend/src/layout/engine.js";
import { hierarchyOf } from "../../frontend/src/layout/hierarchy.js";
import { pictureOf } from "../../frontend/src/layout/picture.js";
import { sceneOf } from "../../frontend/src/stage/scene.js";
import { readStep } from "../../frontend/src/wire.js";
import { edges, graphOf, node, scalar } from "../frontend/graphs.js";

/** @param {string} id @param {string | null} parent @param {string} kind @param {string} label */
const group = (id, parent, kind, label) => ({ id, parent, kind, label, type: null, line: 1 });
const leaf = (/** @type {string} */ id, /** @type {string} */ name) => node(id, { kind: "leaf", op: "tensor", names: [name], is_leaf: true });

/** What is laid out: a graph, the groups that are open in it, and where backward starts. */
export const SUBJECTS = {
  /** y = a + b; z = x * y */
  expression: {
    open: [""], loss: "n4",
    graph: {
      nodes: [leaf("n0", "a"), leaf("n1", "b"), leaf("n2", "x"), node("n3", { names: ["y"] }), node("n4", { op: "mul", names: ["z"] })],
      edges: edges("n0>n3 n1>n3 n2>n4 n3>n4"),
    },
  },
  /** b = a * 3; c = b * b; d = b + c: three gradients meet in b. */
  meeting: {
    open: [""], loss: "n3",
    graph: {
      nodes: [leaf("n0", "a"), node("n1", { op: "mul", names: ["b"] }), node("n2", { op: "mul", names: ["c"] }), node("n3", { names: ["d"] })],
      edges: edges("n0>n1 n1>n2 n1>n2 n1>n3 n2>n3"),
    },
  },
  /** A module in a module, with a line that goes past both. */
  nested: {
    open: ["", "g0", "g1"], loss: "n5",
    graph: {
      nodes: [
        node("n0", { kind: "data", op: "randn", names: ["x"], requires_grad: false }), leaf("n1", "weight"),
        node("n2", { op: "mm", group: "g1" }), node("n3", { op: "relu", group: "g1" }), node("n4", { op: "sum", group: "g0" }), node("n5", { names: ["loss"] }),
      ],
      edges: edges("n0>n2 n1>n2 n2>n3 n3>n4 n4>n5 n0>n5"),
      groups: [group("g0", null, "module", "net"), group("g1", "g0", "module", "net.0")],
    },
  },
  /** A loop whose second iteration is open. */
  loop: {
    open: ["", "g0", "g2"], loss: "n7",
    graph: {
      nodes: [
        leaf("n0", "w"), ...["g1", "g2", "g3"].flatMap((id, i) => [node(`n${2 * i + 1}`, { op: "mul", group: id }), node(`n${2 * i + 2}`, { op: "sin", group: id })]),
        node("n7", { op: "sum", names: ["loss"] }),
      ],
      edges: edges("n0>n1 n1>n2 n0>n3 n2>n3 n3>n4 n0>n5 n4>n5 n5>n6 n6>n7"),
      groups: [group("g0", null, "loop", "for i"), ...["g1", "g2", "g3"].map((id, i) => group(id, "g0", "loop", `i = ${i}`))],
    },
  },
  /** Six blocks that all use one mask, which runs down a rail. */
  blocks: {
    open: [""], loss: "n13",
    graph: {
      nodes: [
        node("n0", { kind: "data", op: "ones", names: ["mask"], requires_grad: false }),
        ...Array.from({ length: 6 }, (_, i) => [node(`n${2 * i + 1}`, { op: "mul", group: `g${i}` }), node(`n${2 * i + 2}`, { op: "add", group: `g${i}` })]).flat(),
        node("n13", { op: "sum", names: ["loss"] }),
      ],
      edges: edges(Array.from({ length: 6 }, (_, i) => `${i ? `n${2 * i}>n${2 * i + 1} ` : ""}n0>n${2 * i + 1} n${2 * i + 1}>n${2 * i + 2}`).concat("n12>n13").join(" ")),
      groups: Array.from({ length: 6 }, (_, i) => group(`g${i}`, null, "module", `blocks.${i}`)),
    },
  },
};

/** @param {keyof typeof SUBJECTS} name */
export async function picture(name) {
  const { graph: given, open, loss } = SUBJECTS[name];
  const graph = graphOf(given);
  const learns = (/** @type {string} */ id) => graph.nodes.get(id).requires_grad;
  const every = (/** @type {Iterable<string>} */ ids) => Object.fromEntries([...ids].map((id) => [id, scalar(1)]));
  const step = readStep({
    index: 0, graph: "g", events: [], outputs: {}, output_grads: {}, leaf_grads: {}, loss: 1, loss_node: loss, updates: [], values: every(graph.nodes.keys()),
    grads: every([...graph.nodes.keys()].filter(learns)), edge_grads: every([...graph.edges.values()].filter(({ source }) => learns(source)).map(({ id }) => id)),
  });
  const { plan, visible, cards } = sceneOf(graph, hierarchyOf(graph), step, new Set(open), { steady: false, room: 900 });
  const layout = { placed: layOut(await Graphviz.load(), plan, new Map()) };
  return rounded(pictureOf(visible, layout, (item) => cards.get(item) ?? { width: 0, height: 0 }));
}

/** @param {import("../../frontend/src/model.d.ts").Picture} made */
function rounded({ boxes, frames, segments }) {
  const round = (/** @type {object} */ value) => Object.values(value).map((length) => Math.round(length));
  const places = (/** @type {Map<string, object>} */ all) => Object.fromEntries([...all].map(([id, box]) => [id, round(box).join(" ")]));
  const ways = segments.map(({ segment, points, label }) => [segment.id, [...points, ...(label ? [label] : [])].map((point) => round(point).join(",")).join(" ")]);
  return { boxes: places(boxes), frames: places(frames), segments: Object.fromEntries(ways) };
}
