"""Elements, bytes, parameters, and what backward keeps alive: per node, per group, in the whole graph; torch counts."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves

from backend.wire.messages import GraphMessage
from tests.trace.exceptions import SAVED
from tests.trace.kept import Kept, count_plain
from tests.trace.test_torch_ops import Sample, _modules, _ops
from tests.trace.watching import _copy, _Watched

SNIPPETS = Path(__file__).parent.parent / "bench" / "snippets"


def _saved(whole: Any) -> tuple[int, int]:
    return whole.saved_tensors, whole.saved_bytes


@pytest.mark.parametrize("name", ["w1_expression", "w3_ffn", "w4_encoder", "w7b_dag2k"])
def test_the_graph_tells_what_torch_saves(trace: Any, name: str) -> None:
    code = (SNIPPETS / f"{name}.py").read_text()
    assert _saved(trace(code).graph()) == count_plain(code)


SAVING = {
    "a tensor that is saved twice": "y = x * x\nz = (y * y).sum()",
    "a view and what it is a view of": "y = x * 3\nz = (y.exp() * y.view(-1).view(4, 3)).sum()",
    "a view keeps the whole": "y = x.exp()\nd = torch.randn(1000)[:3]\nz = (y * d).sum()",
    "views of one view": "y = x.sin()\na, b = y.split(2)\nz = (a * b).sum()",
    "written in place": "y = x * 2\ny.add_(1)\nz = (y * y).sum()",
    "written in place through a view": "y = x * 2\ny[0] = 5.0\nz = (y * y).sum()",
    "a transposed weight": "w = torch.randn(5, 3, requires_grad=True)\nz = F.linear(x, w).sum()",
    "a product that views its result": "z = torch.einsum('ij,kj->ik', x, x).sum()",
    "a mask and a random state": "z = F.dropout(x, 0.5).sum()",
    "what was expanded": "b = torch.ones(1, 1).expand(4, 3)\nz = (x * b).sum()",
    "numbers that are no tensors": "z = (x * 2 / 3.5).sum()",
    "a custom Function": (
        "class Square(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        ctx.save_for_backward(x, x.t())\n        return x * x\n    @staticmethod\n"
        "    def backward(ctx, g):\n        return 2 * g * ctx.saved_tensors[0]\nz = Square.apply(x).sum()"
    ),
    "a custom Function that saves its result": (
        "class Exp(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n        y = x.exp()\n"
        "        ctx.save_for_backward(x, y, torch.ones(5))\n        return y\n    @staticmethod\n"
        "    def backward(ctx, g):\n        return g * ctx.saved_tensors[1]\nz = Exp.apply(x).sum()"
    ),
    "complex": "z = torch.view_as_complex(x[:, :2].contiguous()).abs().sum()",
    "outputs without a gradient come first": "p, l, u = torch.linalg.lu(x[:3])\nz = l.sum() + u.sum()",
    "an index": "z = x[torch.tensor([0, 2]), torch.tensor([1, 1])].sum()",
    "recurrent": "m = nn.LSTM(3, 4)\no, _ = m(x)\nz = o.sum()",
    "nothing": "z = (x + 1).sum()",
}


@pytest.mark.parametrize("code", SAVING.values(), ids=SAVING.keys())
def test_memory_that_is_shared_counts_once(trace: Any, code: str) -> None:
    code = f"x = torch.randn(4, 3, requires_grad=True)\n{code}\nz.backward()"
    told = trace(code)
    assert told.answer.status == "ok", told.answer.problem
    assert _saved(told.graph()) == count_plain(code)


@pytest.mark.parametrize("database", [_ops, _modules], ids=["ops", "modules"])
def test_every_op_tells_what_torch_saves_for_it(entry: Any, database: Any) -> None:
    differing, compared = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, samples in database(1):
            for sample in samples:
                both = _both(sample)
                compared += both is not None
                if both is not None and both[0] != both[1] and name not in SAVED:
                    differing.append((name, *both))
    assert not differing
    assert compared > 100


def _both(sample: Sample) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """What torch saved, and what was told; None where the call is not possible, or has no backward."""
    watched = _Watched()
    try:
        torch.manual_seed(1)
        with Kept() as kept:
            plain = sample.call(_copy(sample.inputs))
        count = kept.count()
        torch.manual_seed(1)
        with watched:
            made = sample.call(_copy(sample.inputs))
            roots = [t for t in tree_leaves(made) if isinstance(t, torch.Tensor) and t.requires_grad]
            if roots:
                torch.autograd.backward(roots, [torch.ones_like(t) for t in roots])
    except Exception:  # as `test_torch_ops` finds out, it is not the tracer that is to blame
        return None
    del plain
    watched.recorder.next_step()
    told = [_saved(m) for m in watched.messages if isinstance(m, GraphMessage)]
    return (count, told[0]) if roots and len(told) == 1 else None


def test_a_graph_on_the_meta_device_has_its_size(trace: Any) -> None:
    code = (SNIPPETS / "w8_llama3_8b_meta.py").read_text().replace("range(32)", "range(2)")
    told = trace(code)
    model = next(v for v in told.namespace.values() if isinstance(v, torch.nn.Module))
    assert told.graph().parameters == sum(p.numel() for p in model.parameters())
    assert _saved(told.graph()) == count_plain(code)
    assert told.graph().bytes > told.graph().saved_bytes


def test_a_node_tells_the_size_of_its_value_and_where_it_lies(trace: Any) -> None:
    told = trace(
        "x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)\ny = x.t()\nv = y.reshape(2, 6)\n"
        "w = v.view(-1)\nw += 1\nm, i = w.view(3, 4).max(dim=1)\nm.sum().backward()"
    )
    node = {name: told.node(name) for name in "xyvwm"}
    assert {name: (n.elements, n.bytes) for name, n in node.items()} == {
        "x": (12, 96),
        "y": (12, 96),
        "v": (12, 96),
        "w": (12, 96),
        "m": (6, 48),
    }
    assert node["y"].base == node["x"].id
    assert node["x"].base is None
    # reshape of a transposed tensor copies it; the view lies in the copy
    named = {n.id: n for n in told.graph().nodes}
    assert named[node["w"].base].op in ("clone", "reshape")
    assert node["m"].base is None


def test_a_node_tells_the_bytes_of_what_it_saves(trace: Any) -> None:
    told = trace(
        "x = torch.randn(50, 10, requires_grad=True)\nd = torch.randn(100, 10)[0].requires_grad_()\ny = x * d\n"
        "z = x * x\n(y.sum() + z.sum()).backward()"
    )
    saved = {s.name: s.bytes for s in told.node("y").saved}
    assert saved == {"self": 2000, "other": 4000}  # of ten numbers: the view keeps all of what it was cut from
    assert told.node("y").saved_bytes == 6000
    assert told.node("z").saved_bytes == 2000  # saved twice, there once


def test_a_group_adds_up_what_is_inside(trace: Any) -> None:
    told = trace(
        "block = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))\nx = torch.randn(5, 4)\n"
        "block.unused = nn.Linear(3, 3)\ny = block[2](block[1](block[0](x)))\n"
        "outer = nn.Sequential(nn.Linear(4, 8), nn.ReLU())\nz = outer(x)\n(y.sum() + z.sum()).backward()"
    )
    groups = {g.type: g for g in told.graph().groups}
    assert groups["Linear(8, 2)"].parameters == 8 * 2 + 2
    assert groups["Sequential"].parameters == 4 * 8 + 8
    assert told.graph().parameters == 40 + 18 + 40
    outer = groups["Sequential"]
    # weight, bias, their product, and what relu made of it
    assert (outer.elements, outer.bytes) == (32 + 8 + 40 + 40, 4 * 120)
    inside = [g for g in told.graph().groups if g.parent == outer.id]
    assert [g.elements for g in inside] == [80, 40]
    assert _saved(outer) == (2, 4 * (20 + 40))  # x for the weight, the result of relu


def test_parameters_that_are_shared_or_frozen_count_once(trace: Any) -> None:
    told = trace(
        "class Tied(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a = nn.Linear(4, 4)\n        self.b = nn.Linear(4, 4)\n        self.b.weight = self.a.weight\n"
        "        self.a.bias.requires_grad_(False)\n        self.never = nn.Linear(7, 7)\n"
        "    def forward(self, x):\n        for i in range(3):\n            x = self.b(self.a(x))\n        return x\n"
        "m = Tied()\nout = m(torch.randn(2, 4)).sum()\nout.backward()\n"
        "scale = nn.Parameter(torch.ones(3))\n(scale * 2).sum().backward()"
    )
    model = told.namespace["m"]
    groups = {(g.label, g.type): g for g in told.graph(0).groups}
    assert groups["Tied", "Tied"].parameters == sum(p.numel() for p in model.parameters())
    loop = next(g for g in told.graph(0).groups if g.iterations == 3)
    assert loop.parameters == 16 + 4 + 4
    assert told.graph(0).parameters == sum(p.numel() for p in model.parameters())
    assert told.graph(1).parameters == 3


def test_sizes_that_no_message_can_hold_are_cut(trace: Any) -> None:
    told = trace("x = torch.ones(1, device='meta', dtype=torch.float64)\ny = x.expand(2**61)")
    assert told.node("y").bytes == 2**63 - 1
    assert told.graph().bytes == 8


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_keeps_its_input_alone_and_is_not_run_to_look(trace: Any, reentrant: bool) -> None:
    code = (
        "from torch.utils.checkpoint import checkpoint\nruns = []\ndef block(x):\n    runs.append(1)\n"
        "    return (x.exp() * x.sin()).tanh()\nx = torch.randn(4, 3, requires_grad=True)\n"
        f"z = checkpoint(block, x, use_reentrant={reentrant}).sum()\nz.backward()"
    )
    told = trace(code)
    assert len(told.namespace["runs"]) == 2
    texts = {s.text for n in told.graph().nodes for s in n.saved if s.text}
    if reentrant:
        assert _saved(told.graph()) == (1, 48)
    else:
        # torch keeps the input as an argument of the closure that runs again, and saves nothing
        assert _saved(told.graph()) == (0, 0)
        assert texts == {"not kept: checkpoint computes it again in backward"}


def test_what_a_hook_packs_is_not_unpacked_to_look(trace: Any) -> None:
    code = (
        "calls = []\ndef pack(t):\n    return ('half', t.half())\ndef unpack(p):\n    calls.append(1)\n"
        "    return p[1].float()\nx = torch.randn(4, 3, requires_grad=True)\n"
        "with torch.autograd.graph.saved_tensors_hooks(pack, unpack):\n    y = x.exp()\nz = y.sum()\nz.backward()"
    )
    told = trace(code)
    assert told.namespace["calls"] == [1]
    assert [(s.name, s.bytes, s.dtype) for s in told.node("y").saved] == [("result", 24, "torch.float16")]
    assert told.graph().saved_bytes == 24


def test_a_hook_of_a_single_saved_tensor_is_not_run_to_look(trace: Any) -> None:
    told = trace(
        "calls = []\nx = torch.ones(3, requires_grad=True)\ny = x.exp()\n"
        "y.grad_fn._raw_saved_result.register_hooks(lambda t: t.half(), lambda t: calls.append(1) or t.float())\n"
        "y.sum().backward()"
    )
    assert told.namespace["calls"] == [1]
    assert [(s.name, s.bytes, s.dtype) for s in told.node("y").saved] == [("result", 6, "torch.float16")]


@pytest.mark.parametrize("layout", ["coo", "csr", "csc"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_sparse_tensor_has_the_bytes_that_it_stores(trace: Any, layout: str, gone: bool) -> None:
    """Whether it is still there at the end or not: 3 values of 4 bytes, and their places as whole numbers of 8."""
    told = trace(
        "def f(x):\n    s = x.to_sparse_" + layout + "()\n    return (s if " + str(not gone) + " else None), s @ d\n"
        "d = torch.ones(50, 2, requires_grad=True)\nx = torch.zeros(40, 50)\nx[0, 0] = x[0, 7] = x[9, 3] = 1.0\n"
        "x.requires_grad_()\nkept, y = f(x)\ny.sum()",
        backward="never",
    )
    assert told.answer.problem is None
    node = next(n for n in told.graph().nodes if n.op.startswith("to_sparse"))
    places = {"coo": 3 * 2, "csr": 3 + 41, "csc": 3 + 51}[layout]
    assert node.bytes == 3 * 4 + places * 8
    assert node.elements == 40 * 50
    saved = [s for n in told.graph().nodes for s in n.saved if s.node == node.id]
    assert {s.bytes for s in saved} == {node.bytes}


def test_a_sparse_tensor_that_is_given_has_the_bytes_that_it_stores(trace: Any) -> None:
    told = trace(
        "i = torch.tensor([[0, 1], [2, 0]])\ns = torch.sparse_coo_tensor(i, torch.ones(2), (1000, 1000))\n"
        "w = torch.ones(1000, 1, requires_grad=True)\ny = torch.sparse.mm(s, w).sum()\ny.backward()"
    )
    node = told.node("s")
    assert node.bytes == 2 * 4 + 4 * 8
    assert told.graph().saved_bytes < 10_000
