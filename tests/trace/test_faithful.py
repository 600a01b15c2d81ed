"""Looking changes nothing: numbers, gradients and the random state are those of a run that nobody watches."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from backend.trace.records import OpInfo
from tests.trace.learning_path import SNIPPETS as LEARNING_PATH
from tests.trace.oracle import assert_same, run_plain

SNIPPETS = sorted((Path(__file__).parents[1] / "bench" / "snippets").glob("*.py"))

LOOP = """
X = torch.linspace(-1, 1, 20).reshape(-1, 1)
y = 2 * X + 1
W = torch.randn(1, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for epoch in range(5):
    loss = ((X @ W + b - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        W -= 0.1 * W.grad
        b -= 0.1 * b.grad
    W.grad.zero_()
    b.grad = None
"""

DROPOUT = """
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
opt = torch.optim.Adam(model.parameters())
for _ in range(3):
    opt.zero_grad()
    loss = model(torch.randn(6, 4)).pow(2).mean()
    loss.backward()
    opt.step()
"""


@pytest.mark.parametrize("path", [p for p in SNIPPETS if p.stem[:2] not in ("w6", "w8", "w9")], ids=lambda p: p.stem)
def test_a_snippet_computes_the_same_bit_for_bit(trace: Any, path: Path) -> None:
    code = path.read_text()
    told = trace(code)
    state = torch.random.get_rng_state()
    assert told.answer.status == "ok", told.answer.problem
    plain = run_plain(code)
    assert torch.equal(state, torch.random.get_rng_state()), "the random state differs after the run"
    assert_same(told.namespace, plain)


@pytest.mark.parametrize("code", [LOOP, DROPOUT], ids=["by hand", "dropout and adam"])
def test_a_training_loop_computes_the_same_bit_for_bit(trace: Any, code: str) -> None:
    told = trace(code)
    state = torch.random.get_rng_state()
    assert told.answer.status == "ok", told.answer.problem
    plain = run_plain(code)
    assert torch.equal(state, torch.random.get_rng_state())
    assert_same(told.namespace, plain)


def test_every_loss_and_gradient_that_is_told_is_torchs_own(trace: Any) -> None:
    told = trace(LOOP)
    losses = [s.loss for s in told.answer.steps]
    namespace: dict[str, Any] = {"torch": torch, "losses": []}
    torch.manual_seed(0)
    exec(LOOP.replace("    loss.backward()", "    loss.backward(); losses.append(loss.item())"), namespace)
    assert losses == pytest.approx(namespace["losses"], rel=1e-7)
    assert len(told.answer.graphs) <= 2


@pytest.mark.parametrize("name", LEARNING_PATH)
def test_the_learning_path_runs_and_computes_the_same(trace: Any, name: str) -> None:
    told = trace(LEARNING_PATH[name], backward="never")
    assert told.answer.status == "ok", told.answer.problem
    plain = run_plain(LEARNING_PATH[name])
    assert_same(told.namespace, plain)


def test_each_edge_into_a_node_is_a_part_of_its_gradient(trace: Any) -> None:
    told = trace(LEARNING_PATH["acts"])
    step, graph = told.step(), told.graph()
    checked = 0
    for node in graph.nodes:
        parts = [step.edge_grads[e.id].values for e in graph.edges if e.source == node.id and e.id in step.edge_grads]
        if len(parts) > 1:
            total = [sum(column) for column in zip(*parts, strict=True)]
            assert total == pytest.approx(step.grads[node.id].values, rel=1e-5, abs=1e-7)
            checked += 1
    assert checked


def test_the_seed_decides_and_without_one_every_run_differs(trace: Any) -> None:
    code = "import random, numpy\nt = torch.rand(1).item()\np = random.random()\nn = numpy.random.rand()"
    runs = [{k: trace(code, seed=seed).namespace[k] for k in "tpn"} for seed in (7, 7, 8, None, None)]
    assert runs[0] == runs[1]
    assert all(len({run[k] for run in runs[1:]}) == 4 for k in "tpn")


class _Heard(TorchDispatchMode):
    """Which overloads run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch annotates no argument of it
        self.overloads: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.overloads.append(str(func))
        return func(*args, **(kwargs or {}))


def _called(function: Callable[..., Any], given: list[Any]) -> tuple[list[str], Any]:
    torch.manual_seed(0)
    with _Heard() as heard, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = function(*given)
    values = out.nan_to_num().tolist() if out.layout is torch.strided and not out.is_quantized else None
    return heard.overloads[:1], (out.dtype, out.shape, values)


def test_an_op_that_is_called_as_a_function_of_torch_is_that_very_op() -> None:
    """For each overload of which that is done: the same op runs, with the same result."""
    tensors = [torch.tensor([[0.5, 1.0], [2.0, 0.25]]), torch.tensor([[3, 1], [2, 4]]), torch.tensor([True, False])]
    compared, others = 0, []
    # those that anybody calls: others return handles, each time another
    names = [name for name in dir(torch.ops.aten) if not name.startswith(("_", "fbgemm", "quantized"))]
    packets = [getattr(torch.ops.aten, name) for name in names]
    for overload in (getattr(p, name) for p in packets if hasattr(p, "overloads") for name in p.overloads()):
        info = OpInfo(overload)
        if info.run is overload._op:
            continue
        schema = overload._schema.arguments
        for tensor in tensors:
            given = [2 if str(a.type) == "number" else tensor for a in schema if not a.kwarg_only]
            try:
                expected = _called(overload._op, given)
            except Exception:  # not for such a tensor, or not on this machine
                continue
            compared += 1
            others += [] if _called(info.run, given) == expected else [f"{overload} of {tensor.dtype}"]
    assert compared > 300
    assert others == []


def test_a_scalar_overload_takes_its_numbers_in_its_own_order(trace: Any) -> None:
    told = trace("y = torch.ops.aten.add.Scalar(torch.arange(3), 2.5, 2)\nz = torch.ops.aten.sub.Scalar(y, 1.0, 3)")
    assert (told.answer.problem, told.answer.output) == (None, [])
    assert (told.namespace["y"].tolist(), told.namespace["z"].tolist()) == ([5.0, 6.0, 7.0], [2.0, 3.0, 4.0])
