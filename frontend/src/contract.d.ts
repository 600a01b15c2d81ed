// Made from backend/schema by `make types`. Do not edit.

/** One attack of the self-test, run for real in a real child at start. */
export interface Attack {
  name: string;
  held: boolean;
  detail: string;
}

/** A value that a line gave a name to: what the editor shows beside the line. */
export interface Binding {
  line: number;
  name: string;
  /** "Tensor", "float", "Linear" … */
  type_name: string;
  /** The value, short enough to stand beside the line. */
  text: string;
  grad_fn: string | null;
  node: string | null;
  /** The graph that has the node. */
  graph: string | null;
  /** The step in which it had this value. */
  step: number | null;
}

/** What a client sends on the socket to stop the run. */
export interface Cancel {
  type: "cancel";
}

/** One number of a leaf, moved up and down. */
export interface CheckedElement {
  index: Array<number>;
  /** What autograd says. */
  analytical: number;
  /** (loss up - loss down) / (2 * epsilon). */
  numerical: number;
  difference: number;
  /** False: the slopes to both sides differ, as at the corner of a relu. */
  smooth: boolean;
}

/** One leaf, in the order of first use. */
export interface CheckedLeaf {
  /** null for one that has no name, such as a leaf in a dictionary. */
  name: string | null;
  node: string | null;
  /** The step whose node it is. */
  step: number | null;
  shape: Array<number>;
  /** All of a small leaf; of a larger one, spread over it. */
  elements: Array<CheckedElement>;
  /** The largest one. */
  difference: number | null;
  /** Whether the differences are as small as rounding makes them. */
  agrees: boolean | null;
  /** Why it was not checked, or not to its end. */
  reason: string | null;
}

/** The derivative rule for one input. */
export interface Derivative {
  /** The input's name in torch's definition: "self", "other". */
  input: string;
  /** The same input as `GraphEdge.target_input` counts it. */
  target_input: number;
  /** As torch code: "grad * other". The names are `grad` (the gradient that entered the node; `grad1` … that of further outputs), those of the inputs, and `result` (`result1` …). */
  text: string;
  /** In words: "the gradient times the other factor". */
  words: string;
  latex: string;
  /** The entry of torch's derivatives.yaml that says so. */
  source: string;
  /** formula: `text` computes the gradient. function: no formula is written down; `text` names the function that computes it, and what it uses. */
  kind: "formula" | "function";
}

/** The last message of a run. */
export interface Done {
  status: "ok" | "error" | "timeout" | "memory" | "crashed" | "cancelled";
  timings: Timings;
}

/** Every answer with a status of 400 or more looks like this. */
export interface ErrorAnswer {
  error: ErrorBody;
}

/** What was wrong, where, and what to do. */
export interface ErrorBody {
  /** For programs: "busy", "unknown_format", "invalid_request". */
  code: string;
  /** For people. */
  message: string;
  /** What to do about it. */
  hint: string | null;
  /** Which part of the request: "options.preview". */
  where: string | null;
}

/** One moment: a node computed, a gradient arriving at a node or leaving along an edge, an update, a zero_grad. */
export interface Event {
  phase: "forward" | "backward" | "update" | "zero_grad";
  node: string | null;
  edge: string | null;
  line: number | null;
}

/** Code that would get past this error: it takes the place of whole lines. */
export interface Fix {
  /** 1-based first line that is replaced. */
  line: number;
  /** The last one. */
  end_line: number;
  /** What stands there instead, indentation included, without a last line break. */
  code: string;
  /** The part that changes, and what comes of it: "x @ w.T gives [2, 4]". */
  label: string;
}

/** One frame of the traceback, in the learner's own code. */
export interface Frame {
  line: number;
  function: string;
  code: string;
}

/** Finite differences beside autograd's gradient, in float64, for the first backward of the snippet. */
export interface GradientCheck {
  /** Where backward was called. */
  line: number | null;
  /** How far each element was moved. */
  epsilon: number;
  loss: number | null;
  leaves: Array<CheckedLeaf>;
  /** Why nothing, or not everything, could be checked. */
  reason: string | null;
}

/** One structure. Equal structures have equal ids, so a loop of equal steps has one graph. */
export interface Graph {
  /** Numbers in the values of its nodes; a value with a `base` lies in the memory of another. */
  elements: number;
  /** Of the memory that those values are in. */
  bytes: number;
  /** Numbers in the parameters of its modules, and in those that are used otherwise; each counts once. */
  parameters: number;
  /** Pieces of memory that backward keeps alive for its nodes. */
  saved_tensors: number;
  /** Bytes of them. */
  saved_bytes: number;
  id: string;
  nodes: Array<GraphNode>;
  edges: Array<GraphEdge>;
  groups: Array<GraphGroup>;
}

/** What the snippet did. A snippet that fails has `status` other than "ok", a `problem`, and the trace so far. */
export interface GraphAnswer {
  status: "ok" | "error" | "timeout" | "memory" | "crashed" | "cancelled";
  graphs: Array<Graph>;
  steps: Array<Step>;
  /** The numbers of every iteration, also of those that have no step. */
  scalars: Array<Scalars>;
  bindings: Array<Binding>;
  output: Array<Output>;
  result: Result | null;
  problem: Problem | null;
  /** Of each tensor that the snippet named: its .grad at the end, or why it is None. */
  gradients: Array<NamedGradient>;
  /** With the option `gradcheck`. */
  gradcheck: GradientCheck | null;
  notices: Array<Notice>;
  timings: Timings;
}

/** One use of a tensor, from the node that made it to the node that used it. */
export interface GraphEdge {
  id: string;
  source: string;
  target: string;
  source_output: number;
  target_input: number;
  /** Dimensions of the target's output along which this input was broadcast: backward sums the gradient over them. */
  summed: Array<number>;
}

/** A module, a composite function or a loop body: nodes that are seen as one until it is opened. */
export interface GraphGroup {
  /** Numbers in the values of its nodes; a value with a `base` lies in the memory of another. */
  elements: number;
  /** Of the memory that those values are in. */
  bytes: number;
  /** Numbers in the parameters of its modules, and in those that are used otherwise; each counts once. */
  parameters: number;
  /** Pieces of memory that backward keeps alive for its nodes. */
  saved_tensors: number;
  /** Bytes of them. */
  saved_bytes: number;
  id: string;
  parent: string | null;
  kind: "module" | "function" | "loop";
  /** "layer1", "cross_entropy", "for block in self.blocks", "iteration 3". */
  label: string;
  /** "Linear(64, 256)", "12 iterations". */
  type: string | null;
  /** Of a loop: the line of its header. */
  line: number | null;
  /** Of a loop: how many of its iterations ran in this step. */
  iterations: number | null;
  /** Of one iteration in a loop: which, counted from 0. */
  iteration: number | null;
}

/** A tensor, or the operation that made it (not `torch.autograd.graph.Node`, which is its grad_fn). */
export interface GraphNode {
  /** n0, n1, … by first appearance in this graph. */
  id: string;
  /** leaf: requires_grad and made by the user. data: no gradient wanted. op: computed. break: computed, and the gradient does not pass. */
  kind: "leaf" | "data" | "op" | "break";
  /** torch's name: "mul", "addmm", "randn". */
  op: string;
  /** "MulBackward0", or null. */
  grad_fn: string | null;
  /** What the snippet calls it. */
  names: Array<string>;
  /** 1-based line of the snippet. */
  line: number | null;
  /** 1-based first column of the expression. */
  column: number | null;
  end_line: number | null;
  /** 1-based column after the expression. */
  end_column: number | null;
  /** The innermost group around it. */
  group: string | null;
  is_leaf: boolean;
  requires_grad: boolean;
  is_parameter: boolean;
  /** How many tensors it returned. */
  outputs: number;
  /** torch's name of each tensor input, in the order of `GraphEdge.target_input`: ["self", "other"]. */
  inputs: Array<string>;
  /** dim=1, eps=1e-05, other=3 … */
  attributes: Record<string, boolean | number | string | Array<number | string | boolean> | null>;
  /** numel of its value; of several outputs together. */
  elements: number;
  /** nbytes of its value; of several outputs together. */
  bytes: number;
  /** The node whose memory its value lies in: it is a view, or was written to in place. */
  base: string | null;
  saved: Array<SavedTensor>;
  /** Bytes of the memory that `saved` keeps alive, each piece counted once. */
  saved_bytes: number;
  next_functions: Array<NextFunction>;
  derivatives: Array<Derivative>;
  /** For "break": why no gradient passes. */
  reason: string | null;
}

/** A snippet and how to run it. */
export interface GraphRequest {
  /** Python with torch, nn, F and math at hand. */
  code: string;
  options?: Options;
}

/** Is it well, and how safe is it. */
export interface Health {
  status: "ok" | "degraded" | "starting";
  version: string;
  python: string;
  torch: string | null;
  /** Version of the `dot` program, or null when it is missing. */
  graphviz: string | null;
  sandbox: SandboxReport;
  /** running, queued, finished. */
  runs: Record<string, number>;
}

/** The first message of every connection: whom it follows. Its seq is 0, also when it is repeated. */
export interface Hello {
  /** Which version of these messages; a client knows the one it was written for. */
  protocol: number;
  /** Whoever knows it may follow and cancel the run. */
  run_id: string;
  /** Counted from 1; another one begins at seq 0 again. */
  attempt: number;
  limits: RunLimits;
}

/** One layer of the sandbox and whether it HELD in the self-test, not whether it was asked for. */
export interface Layer {
  /** "seccomp", "landlock", "namespaces", "rlimits", "setuid", "clean_zygote". */
  name: string;
  held: boolean;
  /** Part of the minimum without which the server does not start. */
  required: boolean;
  detail: string;
}

/** The .grad of one tensor that the snippet named, as it is when the snippet has ended. */
export interface NamedGradient {
  name: string;
  /** Where the name was given. */
  line: number | null;
  node: string | null;
  /** The step whose node it is. */
  step: number | null;
  /** gone: the tensor itself is no longer there (a local variable, or its name was given again). */
  state: "present" | "none" | "gone";
  /** Why there is no .grad; null where there is one. */
  reason: "not_leaf" | "reassigned" | "no_requires_grad" | "frozen" | "dtype" | "detach" | "no_grad" | "inference" | "item" | "data" | "no_derivative" | "not_called" | "autograd_grad" | "func" | "inputs" | "unused" | "not_on_path" | "undefined" | "failed" | "zeroed" | "untraced" | null;
  /** The reason in a sentence. */
  text: string;
  /** What to do, where something can be done. */
  suggestion: string | null;
  /** The line that is the reason. */
  cause: number | null;
}

/** One entry of `grad_fn.next_functions`: where the gradient of one input goes. */
export interface NextFunction {
  /** "AccumulateGrad", "AddBackward0", or null: this input needs no gradient. */
  name: string | null;
  /** The node of the graph that it belongs to. */
  node: string | null;
  /** Which output of that function. */
  output: number;
}

/** Something the learner should know that is not an error: backward was run for them, gradients pile up. */
export interface Notice {
  /** "auto_backward", "output_cut", "gradients_pile_up" … */
  kind: string;
  message: string;
  line: number | null;
  /** warning: the result is probably not what is meant. */
  level: "info" | "warning";
  /** What to do. */
  suggestion: string | null;
  /** The node of `step` that it is about. */
  node: string | null;
  step: number | null;
}

/** One thing that the failing expression worked with, as it was then. */
export interface Operand {
  /** What the snippet calls it: "x", "x.T", "net.0.weight"; else its part: "input". */
  name: string;
  /** "Tensor", "float", "Linear" … */
  type_name: string;
  /** Of a tensor. */
  shape: Array<number> | null;
  /** Of a tensor: "torch.float32". */
  dtype: string | null;
  /** Places in `shape` of the sizes that do not fit. */
  clash: Array<number>;
  /** Its value, in short, where that is what matters. */
  text: string | null;
  /** 1-based line that made it. */
  line: number | null;
  /** Its node in the graph of `step`. */
  node: string | null;
  step: number | null;
}

/** How to run and watch a snippet. */
export interface Options {
  /** auto: if the last value is a differentiable tensor and the snippet never called backward, seed it with ones and run backward. never: only what the snippet does itself. */
  backward?: "auto" | "never";
  /** torch.manual_seed and random.seed before the snippet; null for none. */
  seed?: number | null;
  /** Values kept per tensor; larger tensors get a thumbnail. */
  preview?: number;
  /** Run the snippet again with each number of its leaves moved a little, and put finite differences beside the gradients of its first backward. */
  gradcheck?: boolean;
  /** every: each step in full. sampled: the first steps and a thinning sample in full. */
  trace?: "every" | "sampled";
}

/** Text that was printed. */
export interface Output {
  stream: "stdout" | "stderr";
  text: string;
  line: number | null;
}

/** What went wrong, where, and what to do. */
export interface Problem {
  /** The exception's type ("RuntimeError") or what stopped the run ("timeout"). */
  kind: string;
  status: "error" | "timeout" | "memory" | "crashed" | "cancelled";
  /** torch's or Python's own words, or ours where they have none. */
  message: string;
  /** What that means here. */
  explanation: string | null;
  /** What to do. */
  suggestion: string | null;
  /** 1-based line of the snippet. */
  line: number | null;
  /** 1-based first column. */
  column: number | null;
  end_line: number | null;
  /** 1-based column after the span. */
  end_column: number | null;
  /** Which limit stopped it: "cpu", "wall", "memory", "messages". */
  limit: string | null;
  /** The signal that ended it: "SIGSEGV". */
  signal: string | null;
  traceback: Array<Frame>;
  /** Which of the known families it is: "matmul", "backward_twice". */
  family: string | null;
  /** What the failing expression worked with. */
  operands: Array<Operand>;
  /** Exact ones. Each would work; which one is meant only the author knows. */
  fixes: Array<Fix>;
}

/** How far a long run has got; a few a second at most. */
export interface Progress {
  /** Iterations that are done. */
  step: number;
  /** Iterations per second. */
  rate: number;
  /** How many there will be, where the loops' lengths are known. */
  total: number | null;
  /** Seconds left, where `total` is known. */
  left: number | null;
}

/** Sent before the server closes a socket: why. The same words as `ErrorBody`. */
export interface Refusal {
  type: "error";
  code: string;
  message: string;
  hint: string | null;
  where: string | null;
  /** Seconds after which there may be a place. */
  retry_after: number | null;
}

/** The value of the last expression. */
export interface Result {
  line: number;
  /** repr of the value, cut to a readable length. */
  text: string;
  node: string | null;
  step: number | null;
}

/** What the run may use. */
export interface RunLimits {
  cpu_seconds: number;
  wall_seconds: number;
  memory_bytes: number;
  output_bytes: number;
}

/** A run that has been accepted, and where it is. */
export interface RunLinks {
  run_id: string;
  /** Path of the WebSocket that follows it. */
  socket: string;
  /** Path of its messages as NDJSON; DELETE `cancel` stops it. */
  events: string;
  /** Path to DELETE. */
  cancel: string;
}

/** Which layers held when the server started. */
export interface SandboxReport {
  /** Every required layer held. */
  safe: boolean;
  /** Started with --unsafe-local. */
  unsafe_local: boolean;
  layers: Array<Layer>;
  attacks: Array<Attack>;
}

/** One thing that backward keeps alive. */
export interface SavedTensor {
  /** torch's name without the prefix: "self", "other", "result". */
  name: string;
  /** The node whose value it is, when it is one of the graph's. */
  node: string | null;
  /** Which output of that node. */
  output: number;
  shape: Array<number> | null;
  dtype: string | null;
  /** Of the memory that it keeps alive: a view keeps the whole of what it is a view of. */
  bytes: number;
  /** What is saved, in short, when it is not a tensor of the graph. */
  text: string | null;
}

/** The numbers of one iteration. It comes for every one, also for those that are not traced in full. */
export interface Scalars {
  /** Counted like `Step.index`. */
  index: number;
  loss: number | "NaN" | "Infinity" | "-Infinity" | null;
  /** Name -> what it held at its end, of numbers and one-element tensors; label -> what was printed. */
  values: Record<string, number | "NaN" | "Infinity" | "-Infinity">;
  /** Whether there is a step of that index. */
  traced: boolean;
  /** Loop variable -> its value, outermost loop first. */
  loops: Record<string, number | string>;
}

/** Messages `first` to `last` are not sent; it stands in their place. */
export interface Skipped {
  /** Sequence number of the first. */
  first: number;
  last: number;
  /** How many of them were steps. */
  steps: number;
  /** slow: this viewer could not take them in time. expired: the server no longer has them. */
  reason: "slow" | "expired";
  /** The iterations' numbers, which are kept longer. */
  scalars: Array<Scalars>;
}

/** What a client sends on the socket to run a snippet. */
export interface Start {
  /** Python with torch, nn, F and math at hand. */
  code: string;
  options?: Options;
  type: "start";
}

/** One pass: forward, loss, backward, update, zero_grad, as far as the snippet did them. */
export interface Step {
  /** Counted from 0; with trace="sampled" some are left out. */
  index: number;
  graph: string;
  /** Statistics of everything, values and thumbs only of the most telling: a large graph's step. */
  brief: boolean;
  events: Array<Event>;
  /** Node id -> its (first) output. */
  values: Record<string, TensorSummary>;
  /** Node id -> all outputs, for nodes with several; null for one not looked at. */
  outputs: Record<string, Array<TensorSummary | null>>;
  /** Node id -> the accumulated gradient that entered it. */
  grads: Record<string, TensorSummary>;
  /** Node id -> the gradient that entered each output, for nodes with several. */
  output_grads: Record<string, Array<TensorSummary | null>>;
  /** Edge id -> that edge's own contribution. */
  edge_grads: Record<string, TensorSummary>;
  /** Leaf id -> its .grad after backward, where older gradients were piled up in it. */
  leaf_grads: Record<string, TensorSummary>;
  loss: number | "NaN" | "Infinity" | "-Infinity" | null;
  /** Where backward started. */
  loss_node: string | null;
  updates: Array<Update>;
}

/** Shape, statistics and, when the tensor is small, every value. Statistics look at the finite elements only; they are null when there is none (empty, meta, complex). */
export interface TensorSummary {
  shape: Array<number>;
  /** torch's own name: "torch.float32". */
  dtype: string;
  /** "cpu" or "meta". */
  device: string;
  numel: number;
  min: number | "NaN" | "Infinity" | "-Infinity" | null;
  max: number | "NaN" | "Infinity" | "-Infinity" | null;
  mean: number | "NaN" | "Infinity" | "-Infinity" | null;
  /** torch.std (with Bessel's correction); null below two elements. */
  std: number | "NaN" | "Infinity" | "-Infinity" | null;
  /** How many elements are NaN. */
  nan: number;
  /** How many elements are infinite. */
  inf: number;
  /** Row-major, all of them if numel <= preview, else null. */
  values: Array<number | "NaN" | "Infinity" | "-Infinity" | [number | "NaN" | "Infinity" | "-Infinity", number | "NaN" | "Infinity" | "-Infinity"]> | null;
  /** Block means of the last two dims, at most 32x32, when not all values are there. */
  thumb: Array<Array<number | "NaN" | "Infinity" | "-Infinity">> | null;
}

/** Where the time went, in milliseconds. */
export interface Timings {
  /** Waiting for a place. */
  queue: number;
  /** The snippet, with the tracer watching. */
  run: number;
  /** Resolving, explaining and packing the trace, after the snippet's own code. */
  trace: number;
  /** Unpacking, checking and writing the answer. */
  encode: number;
  /** From the request's arrival to the answer. */
  total: number;
}

/** What an optimizer step, or the learner's own line, did to one parameter. */
export interface Update {
  /** The leaf's node id. */
  parameter: string;
  name: string | null;
  before: TensorSummary | null;
  after: TensorSummary | null;
  gradient: TensorSummary | null;
  /** "Adam", or null for an update by hand. */
  optimizer: string | null;
  /** lr, betas, weight_decay … as they were when it stepped. */
  hyperparameters: Record<string, boolean | number | string | Array<number | string | boolean> | null>;
  /** What the optimizer keeps for the parameter, after the step: exp_avg, momentum_buffer … */
  state: Record<string, TensorSummary>;
}
