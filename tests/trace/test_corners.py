"""What autograd can do beyond one backward through plain ops: the graph and its numbers, against torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from backend.trace.records import Op, OpInfo, Value
from tests.trace.oracle import assert_same, run_plain


def _told(trace: Any, code: str) -> Any:
    """Traced, and the same bit for bit as without the tracer."""
    told = trace(code)
    assert told.answer.status == "ok", told.answer.problem
    if told.answer.notices == []:  # backward was not run for the snippet
        assert_same(told.namespace, run_plain(code))
    return told


def _groups(told: Any, index: int = -1) -> dict[str, Any]:
    return {g.label: g for g in told.graph(index).groups}


def test_the_graph_of_a_gradient_has_its_values(trace: Any) -> None:
    told = _told(
        trace,
        "x = torch.tensor(3.0, requires_grad=True)\ny = x ** 3\n"
        "g, = torch.autograd.grad(y, x, create_graph=True)\nh, = torch.autograd.grad(g, x)",
    )
    assert told.value("g") == 27.0
    inside = [n for n in told.graph().nodes if n.group == _groups(told)["backward"].id]
    assert [(n.op, n.grad_fn) for n in inside] == [
        ("pow", "PowBackward0"),
        ("mul", "MulBackward1"),
        ("mul", "MulBackward0"),
    ]
    values = told.step().values
    assert [values[n.id].values for n in inside] == [[9.0], [27.0], [27.0]]
    assert told.grad("x") == 18.0
    assert [e.phase for e in told.step(0).events] == ["forward"] + ["backward"] * 2 + ["forward"] * 3


def test_a_gradient_penalty_goes_back_through_the_gradient(trace: Any) -> None:
    code = (
        "x = torch.tensor([1.0, 2.0], requires_grad=True)\nw = torch.tensor([2.0, 3.0], requires_grad=True)\n"
        "y = (w * x ** 2).sum()\ng, = torch.autograd.grad(y, x, create_graph=True)\n"
        "penalty = (g.norm() - 1) ** 2\npenalty.backward()"
    )
    told = _told(trace, code)
    assert told.grad("w") == pytest.approx(told.namespace["w"].grad.tolist())
    assert told.grad("g") is not None
    assert sum(told.contributions("x")[0]) != 0


def test_backward_with_create_graph_gives_a_grad_that_can_be_differentiated(trace: Any) -> None:
    told = trace(
        "x = torch.tensor(3.0, requires_grad=True)\ny = x ** 3\ny.backward(create_graph=True)\n"
        "p = x.grad ** 2\np.backward()"
    )
    assert told.value("p") == 729.0
    assert told.grad("p") == 1.0
    assert told.namespace["x"].grad.item() == 27.0 + 2 * 27.0 * 18.0


def test_a_checkpoint_that_is_not_reentrant_shows_the_gradients_inside(trace: Any) -> None:
    told = _told(
        trace,
        "from torch.utils.checkpoint import checkpoint\nx = torch.ones(2, requires_grad=True)\n"
        "w = torch.tensor([2.0, 3.0], requires_grad=True)\ndef f(x):\n    inner = x * w\n    return inner.exp()\n"
        "y = checkpoint(f, x, use_reentrant=False)\ny.sum().backward()",
    )
    assert told.ops() == ["mul", "exp", "sum"]
    assert told.grad("inner") == pytest.approx(told.namespace["w"].detach().exp().tolist())


def test_a_reentrant_checkpoint_says_that_its_inside_is_out_of_sight(trace: Any) -> None:
    told = _told(
        trace,
        "from torch.utils.checkpoint import checkpoint\nx = torch.ones(2, requires_grad=True)\n"
        "w = torch.tensor([2.0, 3.0], requires_grad=True)\ndef f(x):\n    return (x * w).exp()\n"
        "y = checkpoint(f, x, use_reentrant=True)\ny.sum().backward()",
    )
    node = next(n for n in told.graph().nodes if n.op == "mul")
    assert node.kind == "break"
    assert "use_reentrant=False" in node.reason
    assert told.node("y").grad_fn == "CheckpointFunctionBackward"
    assert told.grad("x") == told.namespace["x"].grad.tolist()


def test_a_custom_function_is_one_node_or_one_group(trace: Any) -> None:
    told = _told(
        trace,
        "class Exp(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        y = x.exp()\n"
        "        ctx.save_for_backward(y)\n        return y\n    @staticmethod\n    def backward(ctx, g):\n"
        "        return g * ctx.saved_tensors[0]\nclass Twice(torch.autograd.Function):\n    @staticmethod\n"
        "    def forward(ctx, x):\n        return (x + x) * 1\n    @staticmethod\n    def backward(ctx, g):\n"
        "        return g * 2\nx = torch.ones(2, requires_grad=True)\ny = Exp.apply(x)\nz = Twice.apply(y)\n"
        "z.sum().backward()",
    )
    assert (told.node("y").op, told.node("y").grad_fn) == ("Exp", "ExpBackward")
    assert told.node("z").grad_fn == "TwiceBackward"
    assert told.node("z").group == _groups(told)["Twice"].id
    add = next(n for n in told.graph().nodes if n.op == "add")
    assert "Twice.backward" in add.reason
    assert told.grad("y") == [2.0, 2.0]


def test_inference_mode_says_so(trace: Any) -> None:
    told = trace("x = torch.ones(2, requires_grad=True)\nwith torch.inference_mode():\n    y = x * 2\n    z = y + 1")
    assert "inference_mode" in told.node("y").reason
    assert told.value("z") == [3.0, 3.0]


def test_torch_func_shows_what_it_computes(trace: Any) -> None:
    told = _told(
        trace,
        "x = torch.tensor([1.0, 2.0])\ng = torch.func.grad(lambda v: (v * v).sum())(x)\n"
        "h = torch.func.vmap(torch.sin)(x)\nj = torch.func.jacrev(lambda v: v * v)(x)",
    )
    assert told.value("g") == [2.0, 4.0]
    assert told.value("h") == pytest.approx(torch.sin(torch.tensor([1.0, 2.0])).tolist())
    assert told.node("g").grad_fn is None
    assert told.step().grads == {}


def test_an_input_that_was_broadcast_says_which_dimensions_are_summed(trace: Any) -> None:
    told = _told(
        trace,
        "x = torch.ones(2, requires_grad=True)\nb = torch.ones(3, 1, requires_grad=True)\ny = x * b\n"
        "y.sum().backward()",
    )
    edges = {e.source: e for e in told.graph().edges if e.target == told.node("y").id}
    assert edges[told.node("x").id].summed == [0]
    assert edges[told.node("b").id].summed == [1]
    shapes = {name: told.step().edge_grads[edges[told.node(name).id].id].shape for name in "xb"}
    assert shapes == {"x": [2], "b": [3, 1]}


def test_hooks_of_the_learners_own_run_and_what_they_change_is_seen(trace: Any) -> None:
    told = _told(
        trace,
        "x = torch.ones(2, requires_grad=True)\ny = x * 3\nz = y * 2\nseen = []\ny.register_hook(lambda g: g * 10)\n"
        "x.register_hook(seen.append)\ny.retain_grad()\nz.sum().backward()",
    )
    assert told.grad("y") == [20.0, 20.0]
    assert told.contributions("y") == [[2.0, 2.0]]
    assert told.grad("x") == [60.0, 60.0]
    assert len(told.namespace["seen"]) == 1


def test_full_backward_hooks_of_modules_run(trace: Any) -> None:
    told = _told(
        trace,
        "m = nn.Linear(2, 1)\ncalls = []\nm.register_full_backward_hook(lambda m, gi, go: calls.append(1))\n"
        "m.register_forward_hook(lambda m, i, o: calls.append(2))\nx = torch.ones(1, 2, requires_grad=True)\n"
        "m(x).sum().backward()",
    )
    assert told.namespace["calls"] == [2, 1]
    assert told.grad("x") == told.namespace["x"].grad.flatten().tolist()


def test_grad_of_some_inputs_reaches_only_them(trace: Any) -> None:
    told = _told(
        trace,
        "a = torch.tensor(2.0, requires_grad=True)\nb = torch.tensor(3.0, requires_grad=True)\nc = a * b\n"
        "g, = torch.autograd.grad(c * c, [a])",
    )
    assert told.namespace["b"].grad is None
    assert told.contributions("a") == [36.0]


def test_sparse_gradients_of_an_embedding(trace: Any) -> None:
    told = _told(
        trace,
        "e = nn.Embedding(5, 3, sparse=True)\nout = e(torch.tensor([1, 1, 4]))\nout.sum().backward()",
    )
    weight = next(n for n in told.graph().nodes if n.is_parameter)
    assert told.step().grads[weight.id].shape == [5, 3]


def test_complex_numbers(trace: Any) -> None:
    told = _told(
        trace, "z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)\nw = (z * z.conj()).real.sum()\nw.backward()"
    )
    assert told.grad("z") == [(2.0, 4.0), (6.0, -2.0)]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_modules(trace: Any, kind: str) -> None:
    told = _told(
        trace,
        f"m = nn.{kind}(3, 4, batch_first=True)\nx = torch.randn(2, 5, 3, requires_grad=True)\nout, state = m(x)\n"
        "out.sum().backward()",
    )
    assert told.step().grads[told.node("x").id].shape == [2, 5, 3]


def test_a_fused_encoder_layer_in_eval_shows_its_ops(trace: Any) -> None:
    told = trace(
        "m = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()\n"
        "with torch.no_grad():\n    y = m(torch.randn(1, 3, 8))"
    )
    assert told.answer.status == "ok"
    assert "native_layer_norm" in told.ops() or "layer_norm" in told.ops()


def test_ten_million_elements_are_summarised(trace: Any) -> None:
    told = _told(trace, "x = torch.ones(10_000_000, requires_grad=True)\ny = x * 2\ny.sum().backward()")
    summary = told.step().values[told.node("y").id]
    assert (summary.numel, summary.values, summary.mean) == (10_000_000, None, 2.0)


def test_nothing_and_not_a_number(trace: Any) -> None:
    told = _told(
        trace,
        "e = torch.zeros(0, 3, requires_grad=True)\nx = torch.tensor([1.0, float('nan'), float('inf')], "
        "requires_grad=True)\nz = e.sum() + (x * 2).sum()\nz.backward()",
    )
    assert told.step().grads[told.node("e").id].numel == 0
    assert told.grad("x") == [2.0, 2.0, 2.0]
    assert told.value("x") == [1.0, "NaN", "Infinity"]


def test_deep_recursion(trace: Any) -> None:
    told = _told(
        trace,
        "x = torch.tensor(1.0, requires_grad=True)\ndef f(v, n):\n    return v if n == 0 else f(v * 1.01, n - 1)\n"
        "y = f(x, 300)\ny.backward()",
    )
    assert len(told.ops()) == 300


@pytest.mark.parametrize("how", ["torch.compile", "torch.jit.script"])
def test_compiled_functions_are_traced_op_by_op(trace: Any, how: str) -> None:
    told = trace(
        f"@{how}\ndef f(x):\n    return x.sin() * 2\nx = torch.ones(2, requires_grad=True)\nf(x).sum().backward()"
    )
    assert told.ops() == ["sin", "mul", "sum"]
    assert told.grad("x") == told.namespace["x"].grad.tolist()


SCRIPTED = """
def f(x):
    y = torch.{op}(x)
    return y.detach()
f = torch.jit.{how}
w = torch.tensor(1.5, requires_grad=True)
z = f(w) * w
z.backward()
"""


@pytest.mark.parametrize("how", ["script(f)", "trace(f, torch.tensor(1.0), check_trace=False)"])
@pytest.mark.parametrize("op", ["sin", "exp"])  # exp saves its result, and autograd detaches it for that
def test_a_detach_inside_torchscript_is_seen(trace: Any, op: str, how: str) -> None:
    code = SCRIPTED.format(op=op, how=how)
    if "script" in how:
        code = code.replace("\nf = torch.jit.script(f)\n", "\n").replace("def f", "@torch.jit.script\ndef f")
    told = trace(code)
    assert told.answer.status == "ok", told.answer.problem
    ops = [(n.id, n.op, n.kind) for n in told.graph().nodes if n.line is not None and n.kind in ("op", "break")]
    (made, *_), (cut, *_), (last, *_) = ops[-3:]
    assert [(op, kind) for _, op, kind in ops[-3:]] == [(op, "op"), ("detach", "break"), ("mul", "op")]
    uses = {(e.source, e.target) for e in told.graph().edges}
    assert {(made, cut), (cut, last)} <= uses


def test_what_python_functions_of_torch_return_has_its_name_inside_a_function(trace: Any) -> None:
    told = trace(
        "x = torch.tensor([1.0, 2.0], requires_grad=True)\nlayer = nn.Linear(2, 2)\ndef train():\n    p = x ** 2\n"
        "    q = F.softmax(p, dim=0)\n    h = layer(q)\n    s, t = torch.split(h, 1)\n    m = torch.norm(s)\n"
        "    e = torch.einsum('i,i->', p, q)\n    loss = F.mse_loss(h, x) + m + e + t.sum()\n    loss.backward()\n"
        "train()"
    )
    names = {name for node in told.graph().nodes for name in node.names}
    assert {"p", "q", "h", "s", "t", "m", "e", "loss"} <= names


def test_numbers_of_every_kind_are_attributes_of_the_op_and_no_inputs(trace: Any) -> None:
    told = _told(
        trace,
        "x = torch.tensor([1.0, 2.0], requires_grad=True)\na = x * 3\nb = a + 0.5\nc = b.sum(0, True)\n"
        "d = (c * (1 + 2j)).real\nd.backward()",
    )
    given = {name: told.node(name).attributes for name in "abc"}
    assert given == {"a": {"other": 3}, "b": {"other": 0.5}, "c": {"dim": [0], "keepdim": True}}
    complex_one = next(node for node in told.graph().nodes if node.op == "mul" and not node.names)
    assert complex_one.attributes == {"other": "(1+2j)"}
    assert [len([e for e in told.graph().edges if e.target == told.node(name).id]) for name in "abc"] == [1, 1, 1]


def test_one_place_gives_its_name_to_what_a_subclass_and_a_list_return(trace: Any) -> None:
    """Plain tensors take a shorter way than parameters and lists do."""
    told = _told(
        trace,
        "w = nn.Parameter(torch.ones(2))\np = nn.Parameter(torch.ones(4))\ndef run():\n    for _ in range(2):\n"
        "        h = p * 2\n        first, second = h.split(2)\n        y = (first * w + second).sum()\n"
        "        y.backward()\nrun()",
    )
    names = [node.names for node in told.graph().nodes]
    assert all([name] in names for name in "wphy")
    assert [name for some in names for name in some if name in ("first", "second")] == ["first", "second"]


def test_what_is_recorded_of_an_op_can_be_shown_in_a_word() -> None:
    """Ops hold values and values ops: told in full, one would be the whole graph."""
    info = OpInfo(torch.ops.aten.mul.Tensor)
    op = Op(info, 0)
    op.values.append(Value.of(torch.ones(2), op))
    assert "info" not in repr(op)
    assert op != Op(info, 0)
    assert op in {op}
