"""Looking changes nothing: numbers, gradients and the random state are those of a run that nobody watches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

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


def _plain(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "__name__": "__main__"}
    torch.manual_seed(0)
    exec(compile(code, "plain.py", "exec"), namespace)
    return namespace


def _tensors(namespace: dict[str, Any]) -> dict[str, torch.Tensor]:
    found = {k: v for k, v in namespace.items() if isinstance(v, torch.Tensor)}
    for name, held in namespace.items():
        if isinstance(held, torch.nn.Module):
            found |= {f"{name}.{k}": p for k, p in held.named_parameters()}
    return found


def _assert_same(watched: dict[str, Any], plain: dict[str, Any]) -> None:
    mine, theirs = _tensors(watched), _tensors(plain)
    assert mine.keys() == theirs.keys()
    for name in mine:
        if mine[name].is_meta:
            continue
        assert torch.equal(mine[name], theirs[name]), name
        grads = mine[name].grad if mine[name].is_leaf else None, theirs[name].grad if theirs[name].is_leaf else None
        assert (grads[0] is None) == (grads[1] is None), name
        if grads[0] is not None and grads[1] is not None:
            assert torch.equal(grads[0], grads[1]), name


@pytest.mark.parametrize("path", [p for p in SNIPPETS if p.stem[:2] not in ("w6", "w8", "w9")], ids=lambda p: p.stem)
def test_a_snippet_computes_the_same_bit_for_bit(trace: Any, path: Path) -> None:
    code = path.read_text()
    told = trace(code)
    state = torch.random.get_rng_state()
    assert told.answer.status == "ok", told.answer.problem
    plain = _plain(code)
    assert torch.equal(state, torch.random.get_rng_state()), "the random state differs after the run"
    _assert_same(told.namespace, plain)


@pytest.mark.parametrize("code", [LOOP, DROPOUT], ids=["by hand", "dropout and adam"])
def test_a_training_loop_computes_the_same_bit_for_bit(trace: Any, code: str) -> None:
    told = trace(code)
    state = torch.random.get_rng_state()
    assert told.answer.status == "ok", told.answer.problem
    plain = _plain(code)
    assert torch.equal(state, torch.random.get_rng_state())
    _assert_same(told.namespace, plain)


def test_every_loss_and_gradient_that_is_told_is_torchs_own(trace: Any) -> None:
    told = trace(LOOP)
    losses = [s.loss for s in told.answer.steps]
    namespace: dict[str, Any] = {"torch": torch, "losses": []}
    torch.manual_seed(0)
    exec(LOOP.replace("    loss.backward()", "    loss.backward(); losses.append(loss.item())"), namespace)
    assert losses == pytest.approx(namespace["losses"], rel=1e-7)
    assert len(told.answer.graphs) <= 2
