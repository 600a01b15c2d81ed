"""Copies, states and initial values are no computation: they leave nothing on the graph but what they made."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.trace.oracle import run_plain

MODEL = "import copy, io\nmodel = nn.Linear(2, 1)\nx = torch.ones(3, 2)\n"
TRAINED = "loss = model(x).pow(2).mean()\nloss.backward()\n"
PLAIN = ["t", "addmm", "pow", "mean"]

QUIET = {
    "a copy": "old = copy.deepcopy(model)\n",
    "the state": "kept = model.state_dict()\n",
    "a copy of the state": "kept = copy.deepcopy(model.state_dict())\n",
    "a state that is loaded": "model.load_state_dict({k: v + 0 for k, v in nn.Linear(2, 1).state_dict().items()})\n",
    "a state that is saved and loaded": "file = io.BytesIO()\ntorch.save(model.state_dict(), file)\nfile.seek(0)\n"
    "model.load_state_dict(torch.load(file))\n",
    "a model that is saved and loaded": "file = io.BytesIO()\ntorch.save(model, file)\nfile.seek(0)\n"
    "model = torch.load(file, weights_only=False)\n",
    **{
        f"nn.init.{name}": f"with torch.no_grad():\n    nn.init.{name}(model.weight)\n"
        for name in ("xavier_uniform_", "kaiming_normal_", "trunc_normal_", "orthogonal_", "eye_", "zeros_")
    },
    "nn.init.sparse_": "nn.init.sparse_(model.weight, 0.5)\n",
}


@pytest.mark.parametrize("code", QUIET.values(), ids=list(QUIET))
def test_it_leaves_no_ops_on_the_graph(trace: Any, code: str) -> None:
    told = trace(MODEL + code + TRAINED)
    assert told.answer.problem is None
    assert len(told.answer.steps) == 1
    assert [op for op in told.ops() if op != "add"] == PLAIN, "the sums are the snippet's own"


LAYERS = {
    "Linear": ("nn.Linear(2, 2)", "x"),
    "Conv1d": ("nn.Conv1d(2, 2, 1)", "x.T"),
    "BatchNorm1d": ("nn.BatchNorm1d(2)", "x"),
    "LSTM": ("nn.LSTM(2, 2)", "x"),
    "TransformerEncoderLayer": ("nn.TransformerEncoderLayer(2, 1, 4, dropout=0.0)", "x"),
    "lazy": ("nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d(affine=False), nn.LazyLinear(2))", "x"),
    "of the learner's own": ("Own(2, 2)", "x"),
}
OWN = (
    "class Own(nn.Linear):\n    def reset_parameters(self):\n"
    "        with torch.no_grad():\n            self.weight.fill_(2.0)\n            self.bias.zero_()\n"
)


@pytest.mark.parametrize(("layer", "given"), LAYERS.values(), ids=list(LAYERS))
def test_how_a_layer_is_built_is_not_told_and_its_weights_are_torchs(trace: Any, layer: str, given: str) -> None:
    code = f"{OWN}torch.manual_seed(3)\nlayer = {layer}\nafter = torch.rand(1)\nx = torch.ones(3, 2)\n"
    told = trace(
        code + f"out = layer({given})\nout = out[0] if isinstance(out, tuple) else out\nout.sum().backward()\n"
    )
    plain = run_plain(f"{code}layer({given})")
    assert not {"empty", "uniform_", "fill_", "zero_", "kaiming_uniform_"} & set(told.ops())
    built = told.namespace["layer"]
    assert [(n, p.tolist()) for n, p in built.named_parameters()] == [
        (n, p.tolist()) for n, p in plain["layer"].named_parameters()
    ]
    assert torch.equal(told.namespace["after"], plain["after"]), "the same random numbers were drawn"
    assert all(p.grad is not None for p in built.parameters())


def test_buffers_were_made_where_the_layer_was_built(trace: Any) -> None:
    told = trace("norm = nn.BatchNorm1d(2)\nx = torch.ones(3, 2)\nnorm(x).sum().backward()")
    mean = told.node("running_mean")
    assert (mean.kind, mean.op, mean.line) == ("data", "BatchNorm1d", 1)


def test_a_mode_of_the_learners_own_stays_on_while_a_layer_is_built(trace: Any) -> None:
    told = trace("with torch.device('meta'):\n    layer = nn.Linear(3, 4)\ny = layer(torch.ones(2, 3, device='meta'))")
    assert told.namespace["layer"].weight.is_meta
    fake = "from torch._subclasses.fake_tensor import FakeTensorMode\nwith FakeTensorMode():\n"
    told = trace(fake + "    layer = nn.Linear(3, 4)\n    nn.init.ones_(layer.bias)\n    y = layer(torch.ones(2, 3))\n")
    assert (told.answer.problem, told.answer.output) == (None, []), "no warning either"
    assert "addmm" in told.ops()
    assert "device" not in {node.op for node in told.graph().nodes}


WRAPPER = """
class W(torch.Tensor):
    seen = []
    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
    def __init__(self, inner):
        self.inner = inner
    __torch_function__ = torch._C._disabled_torch_function_impl
    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        cls.seen.append(str(func))
        given = [arg.inner if isinstance(arg, W) else arg for arg in args]
        out = func(*given, **{k: v.inner if isinstance(v, W) else v for k, v in (kwargs or {}).items()})
        return W(out) if isinstance(out, torch.Tensor) else out
x = W(torch.ones(3)).requires_grad_()
"""
"""A tensor without memory of its own."""


@pytest.mark.parametrize(
    "code",
    ["(x**3).sum().backward()\ngrad = x.grad", "grad, = torch.autograd.grad((x**3).sum(), x, create_graph=True)"],
    ids=["backward", "create_graph"],
)
def test_a_tensor_that_does_its_ops_itself_does_those_of_backward_too(trace: Any, code: str) -> None:
    told = trace(WRAPPER + code)
    plain = run_plain(WRAPPER + code)
    assert told.answer.problem is None
    assert told.namespace["grad"].inner.tolist() == [3.0, 3.0, 3.0]
    assert [f for f in told.namespace["W"].seen if "detach" not in f] == [
        f for f in plain["W"].seen if "detach" not in f
    ]


def test_a_mode_of_the_learners_own_hears_backward(trace: Any) -> None:
    mode = (
        "from torch.utils._python_dispatch import TorchDispatchMode\nseen = []\n"
        "class Mode(TorchDispatchMode):\n    def __torch_dispatch__(self, func, types, args=(), kwargs=None):\n"
        "        seen.append(str(func))\n        return func(*args, **(kwargs or {}))\n"
    )
    code = mode + "x = torch.ones(2, 2, requires_grad=True)\ny = x.exp().sum()\nwith Mode():\n    y.backward()\n"
    told = trace(code)
    plain = run_plain(code)
    assert told.namespace["seen"] == plain["seen"]
    assert told.grad("x") == pytest.approx([2.718282] * 4)


def test_an_error_in_a_layers_constructor_leaves_the_modes_on(trace: Any) -> None:
    told = trace("try:\n    nn.Linear(2, -1)\nexcept RuntimeError:\n    pass\n" + MODEL + TRAINED)
    assert told.ops() == PLAIN


def test_it_leaves_none_behind_the_backward_either(trace: Any) -> None:
    told = trace(MODEL + TRAINED + QUIET["a copy"] + QUIET["a copy of the state"])
    assert (len(told.answer.steps), told.ops()) == (1, PLAIN)


def test_a_copy_is_a_leaf_of_its_own_that_the_copying_made(trace: Any) -> None:
    told = trace(MODEL + "twin = copy.deepcopy(model)\n(model(x) - twin(x)).sum().backward()\n")
    twin = told.node("twin.weight")
    assert (twin.kind, twin.op, twin.line, twin.is_parameter) == ("leaf", "deepcopy", 4, True)
    assert told.grad("twin.weight") == [-3.0, -3.0]
    assert told.grad("model.weight") == [3.0, 3.0]


def test_a_parameter_that_is_overwritten_is_updated(trace: Any) -> None:
    loaded = "model.load_state_dict({'weight': torch.zeros(1, 2), 'bias': torch.ones(1)})\n"
    told = trace(MODEL + TRAINED + "nn.init.ones_(model.weight)\n" + loaded)
    updates = {u.name: u for u in told.step(0).updates}
    assert {name: update.after.values for name, update in updates.items()} == {"weight": [0.0, 0.0], "bias": [1.0]}
    lines = [e.line for e in told.step(0).events if e.phase == "update"]
    assert lines == [6, 7], "of the weight what overwrote it first, of the bias what loaded it"


def test_a_write_through_the_state_is_one_to_the_parameter(trace: Any) -> None:
    told = trace(MODEL + TRAINED + "model.state_dict()['weight'].fill_(5)\n")
    assert [(u.name, u.after.values) for u in told.step(0).updates] == [("weight", [5.0, 5.0])]


def test_what_comes_from_the_state_says_so(trace: Any) -> None:
    told = trace(MODEL + "w = model.state_dict()['weight'] * 2\n" + TRAINED)
    why = next(g for g in told.answer.gradients if g.name == "w")
    assert (why.reason, "comes from state_dict()" in why.text) == ("data", True)


def test_the_run_has_the_same_numbers_as_an_untraced_one(trace: Any) -> None:
    code = (
        "lin = nn.Linear(3, 3)\nnn.init.orthogonal_(lin.weight)\nnn.init.sparse_(lin.weight, 0.3)\nw = torch.rand(3)\n"
    )
    told = trace(code)
    torch.manual_seed(0)
    plain: dict[str, Any] = {"torch": torch, "nn": torch.nn}
    exec(code, plain)
    assert torch.equal(told.namespace["lin"].weight, plain["lin"].weight)
    assert torch.equal(told.namespace["w"], plain["w"])


TIED = """
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, t):
        return self.head(self.embedding(t))

model = LM()
t = torch.tensor([0, 1, 2])
loss = F.cross_entropy(model(t), t)
"""


def test_a_tied_parameter_has_both_its_names(trace: Any) -> None:
    told = trace(TIED + "loss.backward()")
    assert told.node("embedding.weight").names == ["embedding.weight", "head.weight"]
    assert len(told.contributions("head.weight")) == 2
    told = trace(TIED, backward="never")
    whys = [g for g in told.answer.gradients if "weight" in g.name]
    assert [g.name for g in whys] == ["model.embedding.weight"]
    assert "(model.head.weight is the same tensor)" in whys[0].text


def test_one_module_in_two_variables_gives_one_name(trace: Any) -> None:
    told = trace(
        "inner = nn.Linear(2, 2)\nmodel = nn.Sequential(inner, nn.ReLU())\nmodel(torch.ones(1, 2)).sum().backward()"
    )
    assert [n.names for n in told.graph().nodes if n.is_parameter] == [["inner.weight"], ["inner.bias"]]


def test_what_is_switched_on_is_a_leaf_from_then_on(trace: Any) -> None:
    told = trace(
        "w = torch.tensor([1.0, 2.0], requires_grad=True)\nw.requires_grad_(False)\ny = (w * 2).sum()\n"
        "w.requires_grad_()\nz = (w * 3).sum()\nz.backward()\n"
    )
    nodes = [n for n in told.graph().nodes if n.names == ["w"]]
    assert [n.kind for n in nodes] == ["data", "leaf"]
    assert told.grad("w") == [3.0, 3.0]
    assert told.node("y").kind == "op"
    assert [g.name for g in told.answer.gradients if g.reason == "frozen"] == []
