/** One container -> DOT text, and Graphviz' answer -> positions. One point there is one pixel here. */

/** @import {PlacedContainer, PlannedContainer, Point, Size} from "../model.d.ts" */

const INCH = 72;
/** Room around what is inside an open group. */
export const PADDING = 16;
/** A whole picture of up to so many things has them further apart. */
const ROOMY = 8;
/** How much straighter the lines that gradients come along are drawn. */
const SPINE = 12;
/** Room for a line that runs down the right side of everything. */
const RAIL = 26;

/**
 * Only local numbers appear in the text, so that equal structures have equal texts.
 *
 * @param {PlannedContainer} plan
 * @param {Size[]} sizes of the items
 * @returns {string}
 */
export function dotText(plan, sizes) {
  const many = sizes.length > 150;
  const labelled = plan.edges.some((edge) => edge.label !== null);
  const loose = plan.id === "" && sizes.length <= ROOMY ? 0.65 : 0.5;
  const rows = (many ? 0.4 : loose) / (labelled ? 2.5 : 1);
  const lines = [
    "digraph {",
    `graph [rankdir=TB nodesep=${many ? 0.35 : 0.42} ranksep=${rows} splines=${many ? "polyline" : "true"}`,
    `nslimit=${many ? 2 : 20} nslimit1=${many ? 2 : 20} mclimit=${many ? 0.5 : 2}]`,
    'node [shape=box fixedsize=true label=""] edge [arrowhead=none]',
    ...sizes.map((size, i) => `${i} [width=${inches(size.width)} height=${inches(size.height)}]`),
    ...ports(plan.inPorts, sizes.length, "source"),
    ...ports(plan.outPorts, sizes.length + plan.inPorts, "sink"),
    ...plan.edges.flatMap((edge, i) => (edge.rail === null ? edgeLines(edge, i, labelled ? 2 : 1) : [])),
    ...railStarts(plan),
  ];
  if (plan.first.length > 0 && plan.inPorts === 0) lines.push(`{rank=source ${plan.first.join(" ")}}`);
  return [...lines, "}"].join("\n");
}

/**
 * The lines on a rail pull nothing, but what they come from stands above what it feeds first.
 *
 * @param {PlannedContainer} plan
 * @returns {string[]}
 */
function railStarts({ edges }) {
  /** @type {Map<number, string>} */
  const first = new Map();
  for (const { rail, from, to } of edges) {
    if (rail !== null && !first.has(rail)) first.set(rail, `${from}->${to}`);
  }
  return [...first.values()];
}

/** @param {number} length */
function inches(length) {
  return (length / INCH).toFixed(4);
}

/**
 * @param {number} count
 * @param {number} first
 * @param {string} rank
 */
function ports(count, first, rank) {
  if (count === 0) return [];
  const names = Array.from({ length: count }, (_, i) => first + i);
  return [`{rank=${rank} node [width=0.3 height=0.02] ${names.join(" ")}}`];
}

/**
 * A label is a node on its line, so that it stands in the middle of it; Graphviz' own labels stand to the right.
 *
 * @param {PlannedContainer["edges"][number]} edge
 * @param {number} i
 * @param {number} rows that a line without a label spans at least
 * @returns {string[]}
 */
function edgeLines({ from, to, label, main }, i, rows) {
  const weight = main ? SPINE : 1;
  if (!label) return [`${from}->${to} [id=e${i} minlen=${rows} weight=${weight}]`];
  return [
    `l${i} [width=${inches(label.width)} height=${inches(label.height)}]`,
    `${from}->l${i} [id=e${i} weight=${weight}]`,
    `l${i}->${to} [id=f${i} weight=${weight}]`,
  ];
}

/**
 * @typedef {{name: string, pos?: string}} DotNode
 * @typedef {{id: string, pos?: string}} DotEdge
 * @typedef {{bb: string, objects?: DotNode[], edges?: DotEdge[]}} DotAnswer
 */

/**
 * @param {PlannedContainer} plan
 * @param {Size[]} sizes
 * @param {DotAnswer} answer Graphviz' `json0`
 * @returns {PlacedContainer} with the header and the padding around, y downward
 */
export function placed(plan, sizes, answer) {
  const [left = 0, bottom = 0, right = 0, top = 0] = answer.bb.split(",").map(Number);
  const inner = plan.id !== "";
  const pad = inner ? PADDING : 0;
  const head = inner ? plan.header.height : 0;
  const rails = 1 + Math.max(-1, ...plan.edges.map(({ rail }) => rail ?? -1));
  const width = Math.max(right - left + 2 * pad, inner ? plan.header.width : 0) + rails * RAIL;
  const shift = (width - rails * RAIL - (right - left)) / 2 - left;
  /** @param {string} text @returns {Point} */
  const point = (text) => {
    const [x = 0, y = 0] = text.split(",").map(Number);
    return { x: x + shift, y: top - y + pad + head };
  };
  const height = top - bottom + 2 * pad + head;
  const nodes = new Map((answer.objects ?? []).map((node) => [node.name, node.pos ?? "0,0"]));
  const count = sizes.length + plan.inPorts + plan.outPorts;
  const centres = Array.from({ length: count }, (_, i) => point(nodes.get(String(i)) ?? "0,0"));
  settle(plan, sizes.length, centres, height);
  const edges = new Map((answer.edges ?? []).map((edge) => [edge.id, edge]));
  const routes = plan.edges.map(({ rail, from }, i) => {
    if (rail !== null) {
      const x = width - pad - rail * RAIL;
      const port = from < sizes.length ? undefined : centres[from];
      if (port) port.x = x;
      return { points: [], label: null, rail: x };
    }
    const above = curvePoints(edges.get(`e${i}`)?.pos ?? "", point);
    const below = curvePoints(edges.get(`f${i}`)?.pos ?? "", point);
    const label = nodes.get(`l${i}`);
    return { points: [...above, ...below], label: label ? point(label) : null, rail: null };
  });
  return { id: plan.id, width, height, centres, routes };
}

/**
 * Ports lie on the border, whatever row Graphviz gave them.
 *
 * @param {PlannedContainer} plan
 * @param {number} first
 * @param {Point[]} centres
 * @param {number} height
 */
function settle(plan, first, centres, height) {
  centres.forEach((centre, i) => {
    if (i < first) return;
    centre.y = i < first + plan.inPorts ? 0 : height;
  });
}

/**
 * Points on a Graphviz spline: three for each Bezier piece, without the ends, which are set anew.
 *
 * @param {string} text `e,x,y x,y x,y x,y x,y …`
 * @param {(text: string) => Point} point
 * @returns {Point[]}
 */
export function curvePoints(text, point) {
  const controls = text
    .split(" ")
    .filter((part) => part !== "" && !/^[es],/.test(part))
    .map(point);
  const result = [];
  for (let i = 0; i + 3 < controls.length; i += 3) {
    for (const t of [1 / 3, 2 / 3, 1]) result.push(onCurve(/** @type {Point[]} */ (controls.slice(i, i + 4)), t));
  }
  return result.slice(0, -1);
}

/**
 * @param {Point[]} controls four of a cubic Bezier
 * @param {number} t
 * @returns {Point}
 */
function onCurve(controls, t) {
  const u = 1 - t;
  const weights = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return controls.reduce(
    (sum, control, i) => ({ x: sum.x + control.x * (weights[i] ?? 0), y: sum.y + control.y * (weights[i] ?? 0) }),
    { x: 0, y: 0 },
  );
}
