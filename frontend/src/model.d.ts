/** What the page works with: the contract's answer, indexed, and the picture that is made of it. */

import type {
  Binding,
  Fix,
  Frame,
  Graph,
  GraphAnswer,
  GraphEdge,
  GraphGroup,
  GraphNode,
  Health,
  NamedGradient,
  Notice,
  Operand,
  Output,
  Problem,
  Result,
  Step,
  Timings,
} from "./contract.d.ts";

export type {
  Binding, Fix, Frame, GraphAnswer, GraphEdge, GraphGroup, GraphNode, Health, NamedGradient,
  Notice, Operand, Output, Problem, Result, Step, Timings,
};

/** How far a long run has got. `left` in seconds. */
export interface Progress {
  step: number;
  rate: number;
  total: number | null;
  left: number | null;
}

/** The numbers of one iteration. */
export interface Scalars {
  index: number;
  loss: number | null;
  values: Record<string, number>;
  loops: Record<string, number | string>;
}

/** What a stream says, read as far as everybody needs it. */
export type StreamMessage =
  | { type: "hello"; seq: number; run: string; attempt: number; protocol: number }
  | { type: "graph"; seq: number; graph: GraphModel }
  | { type: "step"; seq: number; record: StepRecord }
  | { type: "scalars"; seq: number; scalars: Scalars }
  | { type: "binding"; seq: number; binding: Binding }
  | { type: "gradient"; seq: number; gradient: NamedGradient }
  | { type: "output"; seq: number; output: Output }
  | { type: "result"; seq: number; result: Result }
  | { type: "notice"; seq: number; notice: Notice }
  | { type: "problem"; seq: number; problem: Problem }
  | { type: "progress"; seq: number; progress: Progress }
  | { type: "skipped"; seq: number; steps: number; reason: "slow" | "expired"; scalars: Scalars[] }
  | { type: "done"; seq: number; status: GraphAnswer["status"]; timings: Timings }
  | { type: "error"; code: string; message: string; hint: string | null; retryAfter: number | null };

export type Complex = [number, number];

/** A tensor's summary with real NaN and infinities in place of their JSON names. */
export interface Tensor {
  shape: number[];
  dtype: string;
  device: string;
  numel: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  std: number | null;
  nan: number;
  inf: number;
  values: (number | Complex)[] | null;
  thumb: number[][] | null;
}

/** How much there is in a group, or in a graph. */
export type Totals = Pick<Graph, "elements" | "bytes" | "parameters" | "saved_tensors" | "saved_bytes">;

/** One structure with its indices. */
export interface GraphModel {
  id: string;
  totals: Totals;
  nodes: Map<string, GraphNode>;
  edges: Map<string, GraphEdge>;
  groups: Map<string, GraphGroup>;
  /** Node id -> edges that end there, ordered by input. */
  into: Map<string, GraphEdge[]>;
  /** Node id -> edges that begin there. */
  outOf: Map<string, GraphEdge[]>;
}

/** What one step did to one parameter. */
export interface Update {
  parameter: string;
  name: string | null;
  before: Tensor | null;
  after: Tensor | null;
  gradient: Tensor | null;
  /** "Adam", or null for an update by hand. */
  optimizer: string | null;
  /** lr, betas, weight_decay … as they were when it stepped. */
  hyperparameters: Record<string, unknown>;
  /** What the optimizer keeps for the parameter, after the step: exp_avg … */
  state: Map<string, Tensor>;
}

/** One pass with its numbers. */
export interface StepModel {
  index: number;
  graph: string;
  /** Of most tensors it tells statistics alone. */
  brief: boolean;
  values: Map<string, Tensor>;
  outputs: Map<string, (Tensor | null)[]>;
  grads: Map<string, Tensor>;
  /** Of each output of a node with several. */
  outputGrads: Map<string, (Tensor | null)[]>;
  edgeGrads: Map<string, Tensor>;
  leafGrads: Map<string, Tensor>;
  loss: number | null;
  lossNode: string | null;
  /** The line where backward ran, if it did. */
  backwardLine: number | null;
  events: Step["events"];
  updates: Update[];
}

/** What a slot says of its tensor in six numbers; statistics look at the finite elements. */
export interface Statistics {
  numel: number;
  mean: number | null;
  std: number | null;
  nan: number;
  inf: number;
}

/** A step as it came; what is in it is read when it is looked at. */
export interface StepRecord {
  index: number;
  graph: string;
  loss: number | null;
  /** How many events it has. */
  events: number;
  /** What it holds in memory, about. */
  bytes: number;
  read(): StepModel;
  /** `gradient`: what was in `.grad` after backward. Null where the step has none. */
  statistics(kind: "value" | "gradient", node: string): Statistics | null;
}

export interface Run {
  /** Counts the runs of this page: two runs with the same number are the same run, further on. */
  number: number;
  /** Of the snippet that was run. */
  lines: string[];
  /** "lost": the rest cannot be had any more. */
  status: GraphAnswer["status"] | "running" | "lost";
  graphs: Map<string, GraphModel>;
  /** Ordered by index, with gaps where steps were not traced, were skipped, or had to make room. */
  steps: StepRecord[];
  /** Iterations that are known of, those without a step included. */
  iterations: number;
  /** There are several steps, or it is known that there will be. */
  looping: boolean;
  curves: import("./curves.js").Curves;
  progress: Progress | null;
  /** Steps that the server left out: they came faster than they could be sent, or it no longer had them. */
  skipped: number;
  /** Those of them that it no longer had. */
  expired: number;
  /** Steps that this page has let go of, to keep its memory bounded. */
  thinned: number;
  bindings: Bound[];
  gradients: NamedGradient[];
  output: Output[];
  result: Result | null;
  problem: Problem | null;
  notices: Notice[];
  timings: Timings;
}

/** "edges": all that one line on the stage stands for, their ids with spaces between. */
export type Target = "node" | "edge" | "edges" | "group" | "line";
export interface Selection {
  type: Target;
  id: string;
}

export type Trouble =
  | { kind: "busy"; retryAfter: number; message: string }
  | { kind: "refused"; message: string; hint: string | null }
  | { kind: "unreachable"; message: string }
  | { kind: "lost"; message: string };

/** What a line bound, as it was told last, and which node that is in each graph. */
export interface Bound extends Binding {
  nodes: ReadonlyMap<string, string>;
}

/** How the connection of a running run is. */
export interface Link {
  state: "fine" | "lost" | "resumed";
  /** Steps that are missing since it was lost. */
  missed: number;
}

export interface State {
  phase: "idle" | "running" | "done" | "stopped" | "trouble";
  run: Run | null;
  /** Place in `run.steps`, not the step's own index. */
  step: number;
  /** The newest step is shown as it comes. */
  live: boolean;
  link: Link;
  /** Curves of the run before, to compare with. */
  previous: import("./curves.js").Curves | null;
  selection: Selection | null;
  /** The line of the code that happens, where it is not that of what is selected. */
  line: number | null;
  /** Opened groups, by group id, per graph id. */
  open: ReadonlyMap<string, ReadonlySet<string>>;
  trouble: Trouble | null;
  health: Health | null;
  /** The editor's text is no longer what the run was made of. */
  stale: boolean;
}

export type Message =
  | { type: "run" }
  | { type: "received"; run: Run }
  | { type: "live"; live: boolean }
  | { type: "link"; link: Link }
  | { type: "stopped" }
  | { type: "trouble"; trouble: Trouble }
  | { type: "health"; health: Health }
  | { type: "edited" }
  | { type: "select"; selection: Selection | null; line?: number | null }
  | { type: "open"; graph: string; groups: ReadonlySet<string> }
  | { type: "toggle"; graph: string; group: string }
  | { type: "step"; step: number };

/** A group, or a run of items folded because there are too many of them. The root has the id "". */
export interface Container {
  id: string;
  kind: "root" | "module" | "function" | "loop" | "fold";
  label: string;
  detail: string;
  parent: string | null;
  depth: number;
  line: number | null;
  /** Ids of nodes and containers, in order of first appearance. */
  children: string[];
  /** Nodes inside, at any depth. */
  size: number;
}

export interface Hierarchy {
  containers: Map<string, Container>;
  /** Node id -> the container that directly holds it. */
  home: Map<string, string>;
}

export interface End {
  /** The item inside the segment's container, or null where the segment meets the container's own border. */
  item: string | null;
  /** Where the line crosses the border: of `item` if it is an open container, else of the segment's container. */
  port: string | null;
}

/** A line between two things of one container. It may stand for several edges. */
export interface Segment {
  id: string;
  container: string;
  from: End;
  to: End;
  edges: string[];
  /** Edges whose label belongs on this segment. */
  labelled: string[];
}

/** An open container: what is directly in it and where lines cross its border. */
export interface OpenContainer {
  id: string;
  items: string[];
  inPorts: string[];
  outPorts: string[];
}

export interface Visible {
  /** Bottom up: every container comes after those inside it. */
  open: OpenContainer[];
  segments: Segment[];
  /** Node id -> the visible item that shows it. */
  shownBy: Map<string, string>;
  /** Visible items that are not open containers. */
  items: string[];
}

export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Box extends Point, Size {}

/** A matrix to be drawn with heat. */
export interface Heat {
  rows: number;
  columns: number;
  /** Row-major. */
  cells: number[];
  /** Of the tensor whose elements the cells are; null where they are means of blocks. */
  shape: number[] | null;
  /** Largest finite magnitude, the end of the scale. */
  scale: number;
  /** Width and height of one cell, in pixels. */
  cell: Size;
  /** Numbers are written into the cells. */
  written: boolean;
  /** They are whole numbers. */
  integer: boolean;
}

/** Gradients of tensors that meet, all in one scale. */
export interface Terms {
  /** In the engine's order. */
  parts: { edge: string; heat: Heat }[];
  total: Heat;
  /** False: a hook makes something else of the sum. */
  adds: boolean;
  /** So many parts are not drawn. */
  more: number;
}

/** What one visible item says. */
export interface Card extends Size {
  id: string;
  kind: "leaf" | "data" | "op" | "break" | "group" | "fold" | "seed";
  title: string;
  /** Small text beside the title. */
  tag: string;
  symbol: string;
  subtitle: string;
  value: string;
  grad: string;
  /** `1.0 + 6.0 + 6.0 = 13.0` where several gradients meet. */
  sum: string;
  /** The same for tensors. */
  terms: Terms | null;
  /** `5.0 → 4.4 · SGD`: what the step made of a parameter. */
  after: string;
  heat: Heat | null;
  gradHeat: Heat | null;
  /** "NaN starts here", "NaN", "∞"; "" where all is finite. */
  alarm: string;
  /** What a screen reader says. */
  spoken: string;
  line: number | null;
}

/** What the worker is asked: containers bottom up, all in local numbers. */
export interface LayoutPlan {
  containers: PlannedContainer[];
}

export interface PlannedContainer {
  id: string;
  /** Size of each item, or the id of the open container that it is. */
  items: (Size | string)[];
  inPorts: number;
  outPorts: number;
  /** Ends: 0.. are items, then in-ports, then out-ports. `rail`: at the side, counted from the right. */
  edges: { from: number; to: number; label: Size | null; main: boolean; rail: number | null }[];
  /** Items that stand in the first row. */
  first: number[];
  header: Size;
}

export interface PlacedContainer extends Size {
  id: string;
  /** Centre of each item, then of each in-port, then of each out-port. */
  centres: Point[];
  /** `rail`: the x of the upright part, for a line that Graphviz did not draw. */
  routes: { points: Point[]; label: Point | null; rail: number | null }[];
}

export interface Layout {
  placed: PlacedContainer[];
}

/** One segment on the stage. */
export interface DrawnSegment {
  segment: Segment;
  /** From the source's border to the target's, forward. */
  points: Point[];
  label: Point | null;
  /** Level and upright parts, down the side of the container. */
  rail: boolean;
}

/** Everything with absolute positions. */
export interface Picture {
  boxes: Map<string, Box>;
  frames: Map<string, Box>;
  segments: DrawnSegment[];
  bounds: Box;
}
