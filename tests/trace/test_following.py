"""Steps that are followed instead of recorded: what is told of them is what recording would have told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from backend.trace import following, steps
from backend.trace.kernels import summarise, summarise_all
from backend.trace.layouts import layouts

STEP = "    opt.zero_grad()\n    {loss}.backward()\n    opt.step()\n"
SGD = "opt = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)\n"
DATA = "torch.manual_seed(0)\nx, y = torch.randn(6, 4), torch.randn(6, 1)\n"
MLP = DATA + "model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 1))\n" + SGD
TURNS = 60


def loop(before: str, body: str, loss: str = "loss") -> str:
    """A training loop."""
    return f"{before}for i in range({TURNS}):\n{body}{STEP.format(loss=loss)}"


MSE = "    loss = F.mse_loss(model(x), y)\n"
SAME = {
    "a small net": loop(MLP, MSE),
    "AdamW": loop(MLP.replace("SGD(model.parameters(), lr=0.01, momentum=0.9)", "AdamW(model.parameters())"), MSE),
    "a scheduler": loop(MLP + "plan = torch.optim.lr_scheduler.StepLR(opt, 5)\n", MSE) + "    plan.step()\n",
    "two optimizers": loop(MLP + "other = torch.optim.Adam(model[3].parameters())\n", MSE) + "    other.step()\n",
    "a residual": loop(MLP, "    h = model[0](x)\n    loss = (model[1:](h + h.tanh() * h) - y).square().mean()\n"),
    "shared weights": loop(
        DATA + "model = nn.Linear(4, 4)\n" + SGD, "    loss = model(model(x).relu()).logsumexp(1).mean()\n"
    ),
    "several outputs": loop(
        DATA + "model = nn.Linear(4, 8)\n" + SGD,
        "    a, b = model(x).chunk(2, dim=1)\n    loss = torch.cat([a * b, a, b]).mean()\n",
    ),
    "attention": loop(
        DATA + "model = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)\n" + SGD,
        "    loss = model(x[None]).square().mean()\n",
    ),
    "embedding and cross entropy": loop(
        "torch.manual_seed(0)\nwords, y = torch.randint(9, (6, 2)), torch.randint(3, (6,))\n"
        "model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 3))\n" + SGD,
        "    loss = F.cross_entropy(model(words), y)\n",
    ),
    "a convolution in float64": loop(
        "torch.manual_seed(0)\nx = torch.randn(2, 1, 5, 5).double()\n"
        "model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()).double()\n" + SGD,
        "    loss = model(x).square().sum()\n",
    ),
    "batches picked at random": loop(
        MLP, "    rows = torch.randperm(6)[:3]\n    loss = F.mse_loss(model(x[rows]), y[rows])\n"
    ),
    "noise": loop(MLP, "    loss = F.mse_loss(model(x + 0.1 * torch.randn_like(x)), y)\n"),
    "a number of it": loop(MLP, MSE) + "    half = loss.item() / 2\n",
    "an accuracy behind the update": loop(MLP, MSE) + "    near = (loss.detach() < 1).float()\n",
    "printed": loop(MLP, MSE) + "    print(f'{loss:.3f}', loss)\n",
    "gradient kept": loop(MLP, "    h = model[0](x)\n    h.retain_grad()\n    loss = F.mse_loss(model[1:](h), y)\n"),
    "a module of the snippet's": loop(
        DATA + "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 1)\n    def forward(self, v):\n"
        "        for k in range(2):\n            v = self.a(v).sigmoid()\n        return self.b(v)\nmodel = Net()\n"
        + SGD,
        MSE,
    ),
    "batches of a loader": DATA + "model = nn.Linear(4, 1)\n" + SGD + "data = torch.utils.data.TensorDataset(x, y)\n"
    "for epoch in range(20):\n    for xb, yb in torch.utils.data.DataLoader(data, batch_size=2):\n"
    "        loss = F.mse_loss(model(xb), yb)\n" + STEP.format(loss="loss").replace("    ", "        "),
    "a gradient given": loop(MLP, "    out = model(x)\n").replace("loss.backward()", "out.backward(y)"),
    "no optimizer": f"{MLP}for i in range({TURNS}):\n    model.zero_grad()\n{MSE}    loss.backward()\n",
}
"""Loops that do the same in each iteration."""

UNLIKE = {
    "another op now and then": "    loss = F.mse_loss(model(x).relu() if i % 7 == 3 else model(x), y)\n",
    "another constant": "    loss = F.mse_loss(model(x) * (2.0 if i % 7 == 3 else 3.0), y)\n",
    "another place": "    if i % 7 == 3:\n        h = model(x)\n    else:\n        h = model(x)\n"
    "    loss = F.mse_loss(h, y)\n",
    "another tensor": "    loss = F.mse_loss(model(x if i % 7 == 3 else x.clone()), y)\n",
    "another tensor that looks the same": "    loss = F.mse_loss(model(z if i % 7 == 3 else x), y)\n",
    "another shape": "    loss = F.mse_loss(model(x[rows[i % 7 == 3]]), y[rows[i % 7 == 3]])\n",
    "a frozen bias": "    model[0].bias.requires_grad_(i % 7 != 3)\n" + MSE,
    "without gradients": "    with torch.set_grad_enabled(i % 7 != 3):\n        h = model[0](x)\n"
    "    loss = F.mse_loss(model[1:](h), y)\n",
    "one more op behind the loss": MSE + "    if i % 7 == 3:\n        far = loss * 2\n",
    "gradients left in place": MSE + "    opt.zero_grad = (lambda: None) if i % 7 == 3 else zero\n",
    "a hook": "    h = model[0](x)\n    if i % 7 == 3:\n        h.register_hook(lambda g: 2 * g)\n"
    "    loss = F.mse_loss(model[1:](h), y)\n",
    "a graph that is kept": MSE.replace("loss =", "kept = loss =") + "    more = {'retain_graph': i % 7 == 3}\n",
    "other hyperparameters": "    opt.param_groups[0]['lr'] = 0.01 * (1 + i % 3)\n" + MSE,
    "data written to": "    if i % 7 == 3:\n        x.mul_(1.01)\n" + MSE,
    "a loss cut off": MSE + "    if i > 1:\n        last.detach_()\n    last = loss\n",
}
"""What makes an iteration unlike others, or seem so."""

CODES = {**SAME}
for name, body in UNLIKE.items():
    code = loop(MLP + "z, rows, zero = -x, [torch.arange(6), torch.arange(4)], opt.zero_grad\n", body)
    CODES[name] = code.replace("loss.backward()", "loss.backward(**more)") if "more =" in body else code

CODES["a Function of the snippet's that writes to its gradient"] = loop(
    "class Twice(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, v):\n        return v * 2\n"
    "    @staticmethod\n    def backward(ctx, g):\n        return g.mul_(2)\n" + MLP,
    "    loss = F.mse_loss(Twice.apply(model(x)), y)\n",
)
CODES["a gradient dropped"] = loop(MLP, MSE).replace(
    "    opt.step()\n", "    if i % 7 == 3:\n        model[3].bias.grad = None\n    opt.step()\n"
)
CODES["an error in the middle"] = loop(MLP, "    loss = F.mse_loss(model(x if i != 44 else x.T), y)\n")
CODES["a break in the middle"] = loop(MLP, MSE + "    if i == 44:\n        break\n") + "after = loss * 2\n"
CODES["a break at the end"] = loop(MLP, MSE) + "    if i == 44:\n        break\nafter = loss * 2\nafter.backward()\n"
CODES["a backward behind the loop"] = (
    loop(MLP, MSE).replace(f"range({TURNS})", "iter(range(45))") + "(loss * 2).item()\n"
)
CODES["two backwards in the end"] = loop(MLP, MSE) + "    if i == 44:\n        model(x).sum().backward()\n"


def sampled(index: int) -> bool:
    """Some steps one after the other, some alone, and some beside those that are unlike."""
    return index < 8 or index % 5 < 2


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each iteration that was followed whether it was like the others."""
    found: list[bool] = []
    end: Callable[..., Any] = following.Following.end

    def noted(self: Any, step: Any) -> Any:
        done = end(self, step)
        found.append(done is not None)
        return done

    monkeypatch.setattr(following.Following, "end", noted)
    monkeypatch.setattr(steps, "is_sampled", sampled)
    return found


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_a_step_that_is_followed_is_told_as_if_it_was_recorded(trace: Any, code: str, followed: list[bool]) -> None:
    every, told = trace(code), trace(code, trace="sampled")
    assert told.answer.status == every.answer.status
    whole = {step.index: step for step in every.answer.steps}
    graphs = {graph.id: graph for graph in every.answer.graphs}
    for step in told.answer.steps[: None if told.answer.status == "ok" else -1]:
        assert step == whole[step.index], step.index
        assert next(graph for graph in told.answer.graphs if graph.id == step.graph) == graphs[step.graph]
    assert [(one.index, one.loss, one.values, one.loops) for one in told.answer.scalars] == [
        (one.index, one.loss, one.values, one.loops) for one in every.answer.scalars
    ]
    if told.answer.status == "ok" and told.answer.steps[-1].index == every.answer.steps[-1].index:
        assert [(one.name, one.state, one.text) for one in told.answer.gradients] == [
            (one.name, one.state, one.text) for one in every.answer.gradients
        ]
    if code in SAME.values():
        assert all(followed), followed
        assert sum(step.index >= 7 for step in told.answer.steps) >= len(followed) >= 10


def test_what_is_unlike_is_told_as_well(trace: Any, followed: list[bool]) -> None:
    told = trace(CODES["another op now and then"], trace="sampled")
    assert followed.count(True) > followed.count(False) > 0
    assert len({step.graph for step in told.answer.steps[8:]}) > 1


def test_a_loop_that_is_seldom_as_it_was_is_not_followed_for_ever(trace: Any, followed: list[bool]) -> None:
    body = "    loss = F.mse_loss(model(x) * (1.0 + i), y)\n"
    told = trace(loop(MLP, body).replace(f"range({TURNS})", "range(400)"), trace="sampled")
    assert followed.count(False) <= 8
    assert len(told.answer.steps) > 140


def test_several_tensors_are_read_as_each_would_be() -> None:
    tensors = [
        torch.randn(3, 5),
        torch.randn(40, 30),
        torch.arange(7),
        torch.tensor(2.5),
        torch.randn(6, 4).double().t(),
    ]
    found = [layouts(64)[one.shape, one.stride(), one.dtype] for one in tensors]
    one_by_one = [torch.zeros(layout.room, dtype=torch.uint8) for layout in found]
    for layout, tensor, out in zip(found, tensors, one_by_one, strict=True):
        summarise(layout.plan, tensor.data_ptr(), out.data_ptr())
    together = [torch.zeros(layout.room, dtype=torch.uint8) for layout in found]
    columns = [
        torch.tensor([layout.plan for layout in found]),
        torch.tensor([tensor.data_ptr() for tensor in tensors]),
        torch.tensor([out.data_ptr() for out in together]),
    ]
    summarise_all(*[column.data_ptr() for column in columns], len(tensors))
    assert all(torch.equal(one, other) for one, other in zip(one_by_one, together, strict=True))
    assert any(out.any() for out in together)
