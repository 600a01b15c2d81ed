"""`trace: "sampled"`: what is told of a loop is what "every" tells of it, though the modes are off in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch

from backend.trace import coasting, counting, steps
from tests.trace.test_recurring import PROGRAMS

SPARSE: dict[str, Callable[[int], bool]] = {
    "every fifth": lambda index: index < 6 or index % 5 == 0,
    "pairs": lambda index: index < 8 or index % 11 in (3, 4),
}

START = """
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.3), nn.Tanh(), nn.Linear(4, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
data = torch.utils.data.TensorDataset(torch.randn(12, 2), torch.randn(12, 1))
x, y = data.tensors
"""

STEP = "    opt.zero_grad()\n    loss = F.mse_loss(model(x), y)\n    loss.backward()\n    opt.step()\n"

LOOPS = {
    "zero_grad at the end": "for i in range(40):\n    F.mse_loss(model(x), y).backward()\n"
    "    opt.step()\n    opt.zero_grad()\n",
    "a number that changes": "n = 0\nfor i in range(40):\n    n += 1\n" + STEP + "    half = loss.item() / 2\n",
    "gradients that pile up": "for i in range(40):\n    F.mse_loss(model(x), y).backward()\n"
    "    if i % 3 == 2:\n        opt.step()\n        opt.zero_grad()\n",
    "a batch of a DataLoader": "for epoch in range(9):\n"
    "    for x, y in torch.utils.data.DataLoader(data, batch_size=2, shuffle=True):\n"
    + STEP.replace("    ", "        "),
    "a batch made by hand": "for i in range(40):\n    rows = torch.randint(12, (4,))\n    xb, yb = x[rows], y[rows]\n"
    + STEP.replace("(x), y", "(xb), yb"),
    "a batch from a generator": "def batches():\n    while True:\n        rows = torch.randperm(12)[:4]\n"
    "        yield x[rows], y[rows]\nfor i, (xb, yb) in zip(range(40), batches()):\n"
    + STEP.replace("(x), y", "(xb), yb"),
    "noise from torch": "for i in range(40):\n" + STEP.replace("(x)", "(x + 0.1 * torch.randn_like(x))"),
    "a while loop that tests its loss": "loss = torch.ones(())\nwhile loss > 0.85:\n" + STEP,
    "a break": "for i in range(99):\n" + STEP + "    if i == 33:\n        break\n" + "y2 = model(x).mean()\n",
    "a break before backward": "for i in range(99):\n    loss = F.mse_loss(model(x), y)\n"
    "    if i == 33:\n        break\n"
    "    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
    "a break at the top": "for i in range(99):\n    if i == 33:\n        break\n" + STEP,
    "a second backward now and then": "for i in range(40):\n"
    + STEP
    + "    if i % 7 == 6:\n        model(x).sum().backward()\n",
    "a second backward, but not from the first on": "for i in range(60):\n"
    + STEP
    + "    if i in (21, 25, 26, 41):\n        model(x).sum().backward()\n",
    "discriminator and generator in turn": "for i in range(60):\n"
    + STEP
    + "    F.mse_loss(model(-x), y).backward()\n    opt.step()\n    opt.zero_grad()\n    model(x).sum().backward()\n",
    "as many backwards as it takes": "for i in range(60):\n    for k in range(1):\n        pass\n    n = 1 + i % 3\n"
    "    while n:\n        n -= 1\n        model(x).sum().backward()\n    opt.step()\n    opt.zero_grad()\n",
    "a closure": "def closure():\n" + STEP.replace("    opt.step()\n", "") + "    return loss\n"
    "for i in range(40):\n    last = opt.step(closure)\n",
    "LBFGS": "opt = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=3)\ndef closure():\n"
    + STEP.replace("    opt.step()\n", "")
    + "    return loss\nfor i in range(60):\n    last = opt.step(closure)\n",
    "an iteration left out": "for i in range(40):\n    if i % 9 == 8:\n        continue\n" + STEP,
    "an update without backward": "for i in range(40):\n"
    + STEP
    + "    if i % 3 == 2:\n        model(x)\n        with torch.no_grad():\n            model[0].weight.mul_(0.9)\n",
    "losses summed with their graphs": "total = 0\nfor i in range(40):\n" + STEP + "    total = total + loss\n",
    "accuracy with gradients on": "for i in range(40):\n"
    + STEP
    + "    near = ((model(x) - y).abs() < 1).float().mean()\n",
    "validation after every epoch": "for epoch in range(8):\n    for k in range(5):\n"
    + STEP.replace("    ", "        ")
    + "    with torch.no_grad():\n        valid = F.mse_loss(model(x), y)\n",
    "two loops": "for i in range(30):\n" + STEP + "for j in range(30):\n" + STEP,
    "a loop in a function": "def train(n):\n    for i in range(n):\n"
    + STEP.replace("    ", "        ")
    + "        if i == 25:\n            return loss\nlast = train(40)\nafter = last * 2\n",
    "a loop in a generator": "def train():\n    for i in range(40):\n"
    + STEP.replace("    ", "        ")
    + "        yield loss\nfor loss in train():\n    seen = (loss * 2).item()\n",
    "discriminator and generator": "for i in range(20):\n    for k in range(2):\n"
    + STEP.replace("    ", "        ")
    + "    model(x).mean().backward()\n",
    "a loop in the model": "for i in range(40):\n    h = x\n    for layer in model:\n        h = layer(h)\n"
    "    opt.zero_grad()\n    loss = F.mse_loss(h, y)\n    loss.backward()\n    opt.step()\n"
    "    sizes = [p.numel() for p in model.parameters()]\n",
    "torch.autograd.grad": "for i in range(40):\n"
    "    found = torch.autograd.grad(F.mse_loss(model(x), y), model[0].weight)[0]\n"
    "    with torch.no_grad():\n        model[0].weight -= 0.1 * found\n",
    "gradients of gradients": "w = torch.tensor(2.0, requires_grad=True)\nfor i in range(30):\n"
    "    (slope,) = torch.autograd.grad(w**3, w, create_graph=True)\n    (slope**2).backward()\n"
    "    with torch.no_grad():\n        w -= 1e-4 * w.grad\n    w.grad.zero_()\n",
    "a graph kept": "for i in range(40):\n    a = model(x).sum()\n    b = a * 2\n"
    "    a.backward(retain_graph=True)\n    b.backward()\n",
    "an optimizer's hooks": "called = 0\ndef hook(*_):\n    global called\n    called += 1\n"
    "opt.register_step_post_hook(hook)\nfor i in range(40):\n" + STEP,
    "an error": "for i in range(40):\n    if i == 33:\n        x = x.T\n" + STEP,
    "an error after the model": "for i in range(40):\n    h = model(x)\n    if i == 33:\n        h = h @ h\n"
    + STEP.replace("model(x)", "h"),
    "an error that is caught": "try:\n    for i in range(40):\n        if i == 33:\n            raise KeyError\n"
    + STEP.replace("    ", "        ")
    + "except KeyError:\n    pass\nafter = model(x).sum()\nafter.backward()\n",
    "an error that is caught in the loop": "for i in range(40):\n    try:\n        h = model(x if i % 8 else x.T)\n"
    "    except RuntimeError:\n        continue\n" + STEP.replace("model(x)", "h"),
    "gradients set to zero": "for i in range(40):\n" + STEP.replace("grad()", "grad(set_to_none=False)"),
    "gradients that pile up, then zeros": "for i in range(40):\n    F.mse_loss(model(x), y).backward()\n"
    "    if i % 3 == 2:\n        opt.step()\n        opt.zero_grad(set_to_none=False)\n",
    "an average of the weights": "kept = model[0].weight.detach().clone()\nfor i in range(40):\n"
    + STEP
    + "    kept = 0.9 * kept + 0.1 * model[0].weight.detach()\n    far = (model[0].weight - kept).norm()\n",
    "data from the iteration before": "for i in range(40):\n" + STEP + "    x = x + 0.01\n",
    "a part that joins late": "head = nn.Linear(1, 1)\nfor i in range(40):\n    p = model(x)\n"
    "    if i >= 25:\n        p = head(p)\n    opt.zero_grad()\n    loss = F.mse_loss(p, y)\n    loss.backward()\n"
    "    opt.step()\n",
    "a look back at the top": "loss = None\nfor i in range(40):\n    if loss is not None:\n        best = loss * 1\n"
    + STEP,
    "a look back at the top, now and then": "for i in range(40):\n    if i % 3 == 1:\n        near = loss.item()\n"
    + STEP,
    "a learning rate that falls": "plan = torch.optim.lr_scheduler.StepLR(opt, 5)\nfor i in range(40):\n"
    + STEP
    + "    plan.step()\n",
    "a mode of the learner's own": "from torch.overrides import TorchFunctionMode\n"
    "class Mine(TorchFunctionMode):\n    def __torch_function__(self, f, types, args=(), kwargs=None):\n"
    "        return f(*args, **(kwargs or {}))\nwith Mine():\n    for i in range(40):\n"
    + STEP.replace("    ", "        "),
    "a switch of the learner's": "for i in range(40):\n    with torch.device('cpu'):\n"
    + STEP.replace("    ", "        "),
}
"""What a loop may do that makes one iteration unlike the one before."""

CODES = {
    **{name: code.replace("range(8)", "range(40)").replace("range(5)", "range(40)") for name, code in PROGRAMS.items()},
    **{name: START + code for name, code in LOOPS.items()},
    # steps that are followed: nothing in them is written in place
    **{f"{name}, followed": START.replace("nn.Dropout(0.3), ", "") + code for name, code in LOOPS.items()},
}


@pytest.fixture
def coasted(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """The losses of the steps that ran with the modes off."""
    found: list[float | None] = []
    passed, counted = coasting.Coasting.passed, counting.Counting.passed

    def noted(self: Any, loss: float | None, *, look: bool = True) -> None:
        if look:  # else it was counted
            found.append(loss)
        passed(self, loss, look=look)

    def noted_counted(self: Any, loss: float | None) -> None:
        found.append(loss)
        counted(self, loss)

    monkeypatch.setattr(coasting.Coasting, "passed", noted)
    monkeypatch.setattr(counting.Counting, "passed", noted_counted)
    return found


@pytest.mark.parametrize("sparse", SPARSE.values(), ids=SPARSE)
@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_what_is_told_is_what_every_would_tell(
    trace: Any, code: str, sparse: Callable[[int], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "is_sampled", sparse)
    every, sampled = trace(code), trace(code, trace="sampled")
    whole = {step.index: step for step in every.answer.steps}
    graphs = {graph.id: graph for graph in every.answer.graphs}
    steps_told, graphs_told = list(sampled.answer.steps), list(sampled.answer.graphs)
    if sampled.answer.problem is not None and steps_told[-1] != whole[steps_told[-1].index]:
        assert _words(sampled.answer.problem) == _words(every.answer.problem)
        steps_told.pop()  # nobody watched: of that step, only the statement that failed is told
        part = Counter(node.op for node in graphs_told.pop().nodes if node.kind == "op")
        assert part <= Counter(node.op for node in every.graph().nodes)
    for step in steps_told:
        assert step == whole[step.index], step.index
    for graph in graphs_told:
        assert graph == graphs[graph.id]
    assert [_numbers(s) for s in sampled.answer.scalars] == [_numbers(s) for s in every.answer.scalars]
    assert {s.index for s in sampled.answer.scalars if s.traced} == {s.index for s in sampled.answer.steps}
    assert sampled.answer.status == every.answer.status
    assert torch.equal(_parameters(sampled.namespace), _parameters(every.namespace))


def _words(problem: Any) -> Any:
    """All but which node an operand is, and which line made it: that was not seen."""
    unseen = {"node", "line"}
    return problem.model_copy(update={"operands": []}), [o.model_dump(exclude=unseen) for o in problem.operands]


def _numbers(scalars: Any) -> Any:
    return scalars.index, scalars.loss, scalars.values, scalars.loops


def _parameters(namespace: dict[str, Any]) -> torch.Tensor:
    held = [value for value in namespace.values() if isinstance(value, torch.nn.Module)]
    loose = [value.detach().flatten() for value in namespace.values() if isinstance(value, torch.Tensor)]
    return torch.cat(
        [p.detach().flatten().double() for m in held for p in m.parameters()] + [t.double() for t in loose]
    )


def test_a_thousand_steps_keep_all_losses_and_two_hundred_steps(trace: Any, coasted: list[float | None]) -> None:
    code = START + "losses = []\nfor i in range(1000):\n" + STEP + "    losses.append(loss.item())\n"
    told = trace(code, trace="sampled")
    plain: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    exec(code, plain)
    assert 200 <= len(told.answer.steps) <= 220
    assert [s.loss for s in told.answer.scalars] == plain["losses"]
    assert [s.loops for s in told.answer.scalars] == [{"i": i} for i in range(1000)]
    assert len(coasted) > 600


@pytest.mark.parametrize("name", ["a loop in a generator", "discriminator and generator"])
def test_a_loop_that_is_not_the_same_each_time_is_watched(
    trace: Any, coasted: list[float | None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "is_sampled", SPARSE["pairs"])
    trace(START + LOOPS[name], trace="sampled")
    assert not coasted


@pytest.mark.parametrize("name", ["a closure", "LBFGS", "discriminator and generator in turn"])
def test_an_iteration_may_have_several_backwards(trace: Any, coasted: list[float | None], name: str) -> None:
    told = trace(
        START + LOOPS[name].replace("range(60)", "range(200)").replace("range(40)", "range(400)"), trace="sampled"
    )
    assert len(coasted) > len(told.answer.scalars) / 3


def test_a_value_beside_a_line_is_that_of_its_step(trace: Any) -> None:
    told = trace(START + "for i in range(300):\n" + STEP + "print(loss.item())\n", trace="sampled").answer
    losses = {step.index: step.loss for step in told.steps}
    for binding in told.bindings:
        if binding.name == "loss":
            assert float(binding.text) == pytest.approx(losses[binding.step], rel=1e-4)


@pytest.mark.parametrize("zero", ["at the top", "in the middle", "at the end"])
def test_nothing_is_watched_but_what_is_told(
    trace: Any, coasted: list[float | None], zero: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "is_sampled", SPARSE["pairs"])
    lines = ["    loss = F.mse_loss(model(x), y)\n", "    loss.backward()\n", "    opt.step()\n"]
    lines.insert({"at the top": 0, "in the middle": 1, "at the end": 3}[zero], "    opt.zero_grad()\n")
    told = trace(START + "for i in range(40):\n" + "".join(lines), trace="sampled").answer
    untold = {scalars.index for scalars in told.scalars if not scalars.traced}
    assert coasted == [scalars.loss for scalars in told.scalars if scalars.index in untold]
    assert len(untold) == 40 - 8 - 2 * 3 - 1


ENDS = {
    "a range": ("for i in range(30):\n" + STEP, [29]),
    "a range that is named": ("n = 15\nfor i in range(0, 2 * n):\n" + STEP, [29]),
    "a loop in a loop": ("for i in range(6):\n    for j in range(5):\n" + STEP.replace("    ", "        "), [29]),
    "a DataLoader": (
        "loader = torch.utils.data.DataLoader(data, batch_size=4)\nfor i in range(10):\n    for x, y in loader:\n"
        + STEP.replace("    ", "        "),
        [29],
    ),
    "a function called twice": (
        "def train(n):\n    for i in range(n):\n" + STEP.replace("    ", "        ") + "train(20)\ntrain(30)\n",
        [19, 49],
    ),
    "two backwards in each": ("for i in range(15):\n" + STEP + "    model(x).sum().backward()\n", [28, 29]),
    "a while loop": ("i = 0\nwhile i < 30:\n    i += 1\n" + STEP, []),
    "a loop that is left early": ("for i in range(99):\n" + STEP + "    if i == 29:\n        break\n", []),
    "what is behind the loop": ("for i in range(30):\n" + STEP + "model(x).sum().backward()\nmodel(x).max()\n", [29]),
}


@pytest.mark.parametrize(("code", "last"), ENDS.values(), ids=ENDS)
def test_the_last_iteration_is_told_where_it_is_known_to_be_the_last(
    trace: Any, code: str, last: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "is_sampled", lambda index: index < 6)
    every, sampled = trace(START + code).answer, trace(START + code, trace="sampled").answer
    assert [step.index for step in sampled.steps] == [*range(6), *last]
    assert all(step == every.steps[step.index] for step in sampled.steps)


def test_a_step_that_begins_with_what_was_not_seen_is_not_told_in_full(
    trace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer that joins in iteration 25, a told one, may have been made anywhere."""
    monkeypatch.setattr(steps, "is_sampled", SPARSE["pairs"])
    told = trace(START + LOOPS["a part that joins late"], trace="sampled").answer
    indices = [step.index for step in told.steps]
    assert 14 in indices
    assert 25 not in indices
    assert {26, 36, 37} < set(indices)


MODE = """
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

class Functions(TorchFunctionMode):
    def __torch_function__(self, f, types, args=(), kwargs=None):
        calls.append(1)
        return f(*args, **(kwargs or {}))

class Dispatches(TorchDispatchMode):
    def __torch_dispatch__(self, f, types, args=(), kwargs=None):
        calls.append(1)
        return f(*args, **(kwargs or {}))

calls = []
"""

WAYS_OUT = {
    "return": "def train():\n    for i in range(60):\n        if i == 33:\n            with {mode}():\n"
    "                return model(x)\n" + STEP.replace("    ", "        ") + "train()\n",
    "return out of an outer one": "def train():\n    with {mode}():\n        for i in range(60):\n"
    "            if i == 33:\n                return model(x)\n" + STEP.replace("    ", " " * 12) + "train()\n",
    "an exception": "try:\n    for i in range(60):\n        with {mode}():\n            if i == 33:\n"
    "                raise KeyError\n" + STEP.replace("    ", " " * 12) + "except KeyError:\n    pass\n",
    "an exception caught in the loop": "for i in range(34):\n    try:\n        with {mode}():\n"
    "            if i % 9 == 8:\n                raise KeyError\n"
    + STEP.replace("    ", " " * 12)
    + "    except KeyError:\n        continue\n",
    "a mode put on for good": "mine = {mode}()\nfor i in range(60):\n    if i == 21:\n        mine.__enter__()\n"
    + STEP
    + "    if i == 33:\n        break\n"
    + "mine.__exit__(None, None, None)\n",
    "a mode put on before an iteration that is not as expected": "mine = {mode}()\nfor i in range(60):\n"
    "    if i == 21:\n        mine.__enter__()\n        model(x).sum().backward()\n"
    + STEP
    + "    if i == 33:\n        break\n"
    + "mine.__exit__(None, None, None)\n",
    "a mode that stays on to the end": "mine = {mode}()\nfor i in range(34):\n    if i == 21:\n"
    "        mine.__enter__()\n" + STEP,
}


@pytest.mark.parametrize("mode", ["Functions", "Dispatches"])
@pytest.mark.parametrize("way", WAYS_OUT.values(), ids=WAYS_OUT)
def test_modes_of_the_learners_own_and_ours_do_not_get_mixed_up(
    trace: Any, coasted: list[float | None], way: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "is_sampled", lambda index: SPARSE["pairs"](index) or index >= 30)
    code = START + MODE + way.format(mode=mode) + "after = model(x).sum() * 2\nafter.backward()\n"
    plain: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "__name__": "__main__"}
    stacks = torch._C._len_torch_function_stack, torch._C._len_torch_dispatch_stack
    exec(compile(code, "plain.py", "exec"), plain)
    stayed = [_take_off(stacks)]
    every = trace(code)
    stayed.append(_take_off(stacks))
    sampled = trace(code, trace="sampled")
    stayed.append(_take_off(stacks))
    assert stayed[1:] == stayed[:1] * 2
    assert len(coasted) >= 5
    assert sampled.answer.status == "ok"
    whole = {step.index: step for step in every.answer.steps}
    assert all(step == whole[step.index] for step in sampled.answer.steps)
    assert sampled.ops()[-2:] == ["sum", "mul"], "what is behind the loop was seen"
    assert torch.equal(_parameters(sampled.namespace), _parameters(plain))


def _take_off(stacks: tuple[Callable[[], int], ...]) -> list[str]:
    """What a snippet has left on."""
    functions, dispatches = stacks
    left = [torch._C._pop_torch_function_stack() for _ in range(functions())]
    left += [torch._C._pop_torch_dispatch_stack(None) for _ in range(dispatches())]
    return [type(mode).__name__ for mode in left]


FAILING = """
torch.manual_seed(0)
model = nn.Linear(4, 2)
opt = torch.optim.SGD(model.parameters(), lr=0.1)

def criterion(x, target):
    out = model(x)
    return F.mse_loss(out, target)

for i in range(300):
    x = torch.randn(8, 4 if i < 207 else 3)
    loss = criterion(x, torch.zeros(8, 2))
    opt.zero_grad()
    loss.backward()
    opt.step()
"""


def test_an_error_that_nobody_watched_is_explained_like_any_other(trace: Any) -> None:
    every, sampled = trace(FAILING, trace="every"), trace(FAILING, trace="sampled")
    assert len(sampled.answer.steps) < 150 < len(every.answer.steps)
    seen, looked = every.answer.problem, sampled.answer.problem
    assert seen.suggestion == "Let the layer take 3: `nn.Linear(3, 2)`."
    assert [frame.line for frame in looked.traceback] == [frame.line for frame in seen.traceback] == [12, 7]
    assert _words(looked) == _words(seen)
    assert [operand.name for operand in looked.operands] == ["x", "model.weight"]
    assert sampled.answer.steps[-1].index == every.answer.steps[-1].index == 207
    for operand in looked.operands:
        node = next(n for n in sampled.graph().nodes if n.id == operand.node)
        assert operand.step == 207
        assert sampled.answer.steps[-1].values[node.id].shape == operand.shape


OFF = {
    "with": "    with torch.no_grad():\n        w -= torch.ones(3 if i < 207 else 4) * 0.01\n",
    "a decorator": "    step(torch.ones(3 if i < 207 else 4))\n",
    "around a call": "    with torch.set_grad_enabled(i == -1):\n        plain(torch.ones(3 if i < 207 else 4))\n",
}


@pytest.mark.parametrize("update", OFF.values(), ids=list(OFF))
def test_the_second_look_has_gradients_off_where_they_were(trace: Any, update: str) -> None:
    code = (
        "w = torch.ones(3, requires_grad=True)\n\n@torch.no_grad()\ndef step(by):\n    w.sub_(by)\n\n"
        "def plain(by):\n    w.sub_(by)\n\nfor i in range(300):\n    loss = (w * i).sum()\n    loss.backward()\n"
        f"    w.grad = None\n{update}"
    )
    seen, looked = trace(code, trace="every").answer.problem, trace(code, trace="sampled").answer.problem
    assert seen.family == looked.family == "broadcasting"
    assert (looked.explanation, looked.suggestion) == (seen.explanation, seen.suggestion)
    assert [(o.name, o.shape) for o in looked.operands] == [(o.name, o.shape) for o in seen.operands]


def test_a_loss_that_nobody_saw_made_is_not_told_to_be_a_leaf(trace: Any) -> None:
    told = trace(
        "w = torch.ones(3, requires_grad=True)\nfor i in range(300):\n    with torch.set_grad_enabled(i != 207):\n"
        "        loss = (w * i).sum()\n    loss.backward()\n    w.grad = None\n",
        trace="sampled",
    )
    problem = told.answer.problem
    assert (problem.family, problem.line) == ("no_graph", 5)
    assert "was not watched" in problem.explanation
    assert "torch.no_grad()" in problem.suggestion


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("if (loss > 1) if i < 207 else (loss * torch.ones(2)):\n        pass", "Boolean value of Tensor"),
        ("loss if i < 207 else loss.sum(dim=3)", "Dimension out of range"),
        ("if i == 207:\n        raise ValueError('enough')", "enough"),
        ("if i == 207:\n        w = 3 + undefined", "undefined"),
    ],
)
def test_an_error_of_any_kind_ends_a_loop_that_nobody_watched_as_it_is(trace: Any, line: str, message: str) -> None:
    code = (
        "w = torch.tensor(1.0, requires_grad=True)\nfor i in range(300):\n    loss = w * i\n    loss.backward()\n    "
        + line
        + "\n    print('once', i)"
    )
    told = trace(code, trace="sampled")
    assert message in told.answer.problem.message
    assert told.answer.problem.line in (5, 6)
    assert "".join(o.text for o in told.answer.output).count("once") == 207
    assert [s.index for s in told.answer.scalars] == sorted({s.index for s in told.answer.scalars})


HEARING = """
from torch.utils._python_dispatch import TorchDispatchMode
heard = []
class Hears(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        heard.append(str(func))
        return func(*args, **(kwargs or {}))
with Hears():
    for i in range(40):
"""


def test_a_mode_of_the_learners_own_does_not_hear_the_losses_being_read(
    trace: Any, coasted: list[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "is_sampled", SPARSE["pairs"])
    told = trace(START + HEARING + STEP.replace("    ", "        "), trace="sampled")
    assert len(coasted) > 10
    assert "aten.tanh.default" in told.namespace["heard"]
    assert "aten._local_scalar_dense.default" not in told.namespace["heard"]
