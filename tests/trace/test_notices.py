"""What a run is told of although nothing failed; and what looks alike and is meant."""

from __future__ import annotations

from typing import Any

import pytest

from backend.trace.notices.depth import EXPLODING, LAYERS, VANISHING

WARNED = {
    "gradients_pile_up": (
        "w = torch.tensor(5.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.01)\nfor i in range(5):\n"
        "    loss = (w - 2) ** 2\n    loss.backward()\n    opt.step()\n",
        5,
        ("`w` was updated 5 times", "zero_grad()"),
    ),
    "gradients_pile_up by hand": (
        "w = torch.tensor(5.0, requires_grad=True)\nfor i in range(20):\n    loss = (w - 2) ** 2\n    loss.backward()\n"
        "    with torch.no_grad():\n        w -= 0.01 * w.grad\n",
        4,
        ("`w` was updated 11 times", "`w.grad = None`"),
    ),
    "not_finite": (
        "x = torch.tensor([0.0, 1.0])\nw = torch.tensor(1.0, requires_grad=True)\np = w * x\nlogs = torch.log(p)\n"
        "loss = logs.sum()\nloss.backward()\n",
        4,
        ("`logs` is the first tensor with 1 infinite element", "The logarithm of 0"),
    ),
    "not_finite grew": (
        "w = torch.tensor(5.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=10.0)\nfor i in range(80):\n"
        "    loss = (w - 2) ** 2\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
        4,
        ("`loss` is the first", "1 infinite element", "smaller learning rate"),
    ),
    "gradient_not_finite": (
        "x = torch.tensor([0.0, 1.0], requires_grad=True)\nr = torch.sqrt(x)\nloss = r.sum()\nloss.backward()\n",
        2,
        ("1 infinite element going back through SqrtBackward0 (`r`)", "root at 0"),
    ),
    "gradient_not_finite before": (
        "w = torch.tensor([0.0, 1.0], requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nfor i in range(3):\n"
        "    loss = torch.sqrt(w * w).sum()\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n",
        4,
        ("In step 1", "SqrtBackward0"),
    ),
    "not_finite of nothing": (
        "x = torch.randn(4, 2, requires_grad=True)\nkept = x[x[:, 0] > 100]\nloss = kept.mean()\nloss.backward()\n",
        3,
        ("computed from no elements at all", "0 / 0"),
    ),
    "update_lost": (
        "m = nn.Linear(2, 1)\nfor i in range(3):\n    loss = m(torch.ones(1, 2)).pow(2).sum()\n    m.zero_grad()\n"
        "    loss.backward()\n    for p in m.parameters():\n        p = p - 0.1 * p.grad\n",
        7,
        ("from `weight`", "itself is not changed", "`p -= lr * p.grad`"),
    ),
    "never_updated replaced": (
        "m = nn.Linear(2, 1)\nopt = torch.optim.SGD(m.parameters(), lr=0.1)\nm.weight = "
        "nn.Parameter(torch.zeros(1, 2))\n"
        "for i in range(3):\n    m.zero_grad()\n    loss = (m(torch.ones(1, 2)) - 1).pow(2).sum()\n"
        "    loss.backward()\n    opt.step()\n",
        None,
        ("`m.weight` got a gradient", "once the model is complete"),
    ),
    "never_updated tensor": (
        "class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.w = torch.randn(2, requires_grad=True)\n        self.l = nn.Linear(2, 1)\n"
        "    def forward(self, x):\n        return self.l(x * self.w).sum()\nm = M()\n"
        "opt = torch.optim.SGD(m.parameters(), lr=0.1)\nfor i in range(3):\n    opt.zero_grad()\n"
        "    loss = m(torch.ones(2))\n    loss.backward()\n    opt.step()\n",
        4,
        ("`m.w` got a gradient", "no nn.Parameter"),
    ),
    "never_updated in a list": (
        "class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.ls = [nn.Linear(2, 2)]\n        self.o = nn.Linear(2, 1)\n    def forward(self, x):\n"
        "        return self.o(self.ls[0](x))\nm = M()\nopt = torch.optim.SGD(m.parameters(), lr=0.1)\n"
        "for i in range(3):\n    opt.zero_grad()\n    loss = m(torch.ones(1, 2)).sum()\n    loss.backward()\n"
        "    opt.step()\n",
        None,
        ("`Linear(2, 2).weight`", "got gradients", "plain list"),
    ),
    "never_stepped": (
        "m = nn.Linear(2, 1)\nopt = torch.optim.SGD(m.parameters(), lr=0.1)\nfor i in range(3):\n"
        "    loss = m(torch.ones(1, 2)).sum()\n    opt.zero_grad()\n    loss.backward()\n",
        6,
        ("backward ran 3 times", "`opt` never made a step", "`opt.step()`"),
    ),
    "vanishing_gradients": (
        "layers = []\nfor i in range(10):\n    layers += [nn.Linear(16, 16), nn.Sigmoid()]\nnet = "
        "nn.Sequential(*layers)\n"
        "net(torch.randn(8, 16)).square().mean().backward()\n",
        None,
        ("`net.0.weight`, the first of 10 layers", "hardly learn"),
    ),
    "exploding_gradients": (
        "h = torch.randn(4, 32)\nws = [torch.randn(32, 32) for _ in range(8)]\nfor w in ws:\n    "
        "w.requires_grad_()\n    h = torch.relu(h @ w)\n"
        "h.mean().backward()\n",
        None,
        ("explode along the depth", "clip_grad_norm_"),
    ),
    "no_gradient": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(2, 2)\n"
        "        self.b = nn.Linear(2, 2)\n    def forward(self, x):\n        return self.a(x)\n"
        "net = Net()\nnet(torch.ones(1, 2)).sum().backward()\n",
        5,
        ("`net.b.weight`, `net.b.bias` never got a gradient", "forward did not use it"),
    ),
    "no_gradient used": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(2, 2)\n"
        "        self.b = nn.Linear(2, 2)\n    def forward(self, x):\n        return self.a(x) + self.b(x).detach()\n"
        "net = Net()\nnet(torch.ones(1, 2)).sum().backward()\n",
        5,
        ("it was used, but not on the way to the loss",),
    ),
    "softmax_twice": (
        "logits = torch.randn(4, 3, requires_grad=True)\nprobs = F.softmax(logits, dim=1)\n"
        "loss = nn.CrossEntropyLoss()(probs, torch.tensor([0, 1, 2, 0]))\nloss.backward()\n",
        3,
        ("`probs` has been through softmax already", "logits"),
    ),
    "log_softmax_twice": (
        "logits = torch.randn(4, 3, requires_grad=True)\nlogp = F.log_softmax(logits, dim=1)\n"
        "loss = F.cross_entropy(logp, torch.tensor([0, 1, 2, 0]))\n",
        3,
        ("changes nothing",),
    ),
    "sigmoid_twice": (
        "x = torch.randn(4, requires_grad=True)\np = torch.sigmoid(x)\nF.binary_cross_entropy_with_logits(p, "
        "torch.ones(4))\n",
        3,
        ("`p` has been through sigmoid",),
    ),
    "softmax_into_nll": (
        "x = torch.randn(4, 3, requires_grad=True)\np = x.softmax(1)\nF.nll_loss(p, torch.tensor([0, 1, 2, "
        "0])).backward()\n",
        3,
        ("`p` are probabilities", "log_softmax"),
    ),
    "loss_broadcast": (
        "lin = nn.Linear(3, 1)\ny = torch.randn(4)\npred = lin(torch.randn(4, 3))\nloss = F.mse_loss(pred, "
        "y)\nloss.backward()\n",
        4,
        ("`pred` is [4, 1] and `y` is [4]", "[4, 4]", "squeeze(-1)"),
    ),
    "loss_broadcast by hand": (
        "lin = nn.Linear(3, 1)\ny = torch.randn(4)\npred = lin(torch.randn(4, 3))\nloss = ((y - pred) ** "
        "2).mean()\nloss.backward()\n",
        4,
        ("`y` is [4] and `pred` is [4, 1]",),
    ),
    "training_at_evaluation": (
        "net = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 1))\nopt = "
        "torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "net(torch.randn(8, 2)).mean().backward()\nopt.step()\nwith torch.no_grad():\n    out = net(torch.randn(8, "
        "2))\n",
        6,
        ("still in training mode", "dropout", "model.eval()"),
    ),
    "training_at_evaluation norm": (
        "net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))\nopt = "
        "torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "net(torch.randn(8, 2)).mean().backward()\nopt.step()\nwith torch.inference_mode():\n    out = "
        "net(torch.randn(8, 2))\n",
        6,
        ("running ones",),
    ),
    "evaluation_at_training": (
        "net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))\nopt = "
        "torch.optim.SGD(net.parameters(), lr=0.1)\n"
        "for i in range(3):\n    opt.zero_grad()\n    net(torch.randn(8, 2)).square().mean().backward()\n    "
        "opt.step()\n    net.eval()\n"
        "    with torch.no_grad():\n        net(torch.randn(8, 2))\n",
        5,
        ("model.train()",),
    ),
    "hidden_write": (
        "w = torch.ones(3, requires_grad=True)\ny = w * w\nw.data.mul_(2)\ny.sum().backward()\n",
        3,
        ("`w` was changed through .data between forward and backward",),
    ),
    "hidden_write computed": (
        "x = torch.ones(3, requires_grad=True)\ny = x * 2\ny.data[0] = 5.0\nz = (y * y).sum()\nz.backward()\n",
        3,
        ("`y` was changed through .data",),
    ),
    "idle_step": (
        "w = torch.ones(1, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\nloss = (w * "
        "2).sum()\nopt.step()\nloss.backward()\n",
        4,
        ("SGD.step() changed nothing", "before `step()`"),
    ),
}

QUIET = {
    "a loop as it should be": (
        "w = torch.tensor(5.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.01)\nfor i in range(12):\n"
        "    loss = (w - 2) ** 2\n    opt.zero_grad()\n    loss.backward()\n    opt.step()\n"
    ),
    "gradients accumulated on purpose": (
        "w = torch.tensor(5.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.01)\nfor i in range(24):\n"
        "    loss = (w - 2) ** 2 / 4\n    loss.backward()\n    if i % 4 == 3:\n        opt.step()\n        "
        "opt.zero_grad()\n"
    ),
    "zeroed late, but zeroed": (
        "w = torch.tensor(5.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.01)\nfor i in range(6):\n"
        "    loss = (w - 2) ** 2\n    loss.backward()\n    opt.step()\nw.grad = None\n"
    ),
    "two losses, one update": (
        "w = torch.tensor(5.0, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.01)\n(w * 2).backward()\n(w * "
        "3).backward()\nopt.step()\n"
    ),
    "a mask of -inf that softmax takes": (
        "s = torch.randn(3, 3, requires_grad=True)\nm = torch.triu(torch.ones(3, 3), 1).bool()\n"
        "a = s.masked_fill(m, float('-inf')).softmax(-1)\nloss = a.square().sum()\nloss.backward()\n"
    ),
    "an infinity that is no loss": "x = torch.tensor([0.0, 1.0])\ny = 1 / x\nprint(y)\n",
    "deep, and it trains": (
        "net = nn.Sequential(*[nn.Sequential(nn.Linear(32, 32), nn.ReLU()) for _ in range(6)], nn.Linear(32, 1))\n"
        "net(torch.randn(16, 32)).mean().backward()\n"
    ),
    "a last layer that starts at zero": (
        "net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4))\n"
        "nn.init.zeros_(net[3].weight)\nnet(torch.randn(2, 4)).square().mean().backward()\n"
    ),
    "frozen on purpose": (
        "net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))\nnet[0].requires_grad_(False)\nnet(torch.ones(1, "
        "2)).sum().backward()\n"
    ),
    "used in turn": (
        "a, b = nn.Linear(2, 1), nn.Linear(2, 1)\nnet = nn.ModuleList([a, b])\nfor i in range(2):\n    "
        "net[i](torch.ones(1, 2)).sum().backward()\n"
    ),
    "softmax that is only looked at": (
        "logits = torch.randn(4, 3, requires_grad=True)\nloss = F.cross_entropy(logits, torch.tensor([0, 1, 2, 0]))\n"
        "probs = logits.softmax(1)\nloss.backward()\n"
    ),
    "softmax inside of attention": (
        "q = torch.randn(4, 3, requires_grad=True)\nv = torch.randn(3, 3)\nF.cross_entropy(q.softmax(-1) @ v, "
        "torch.tensor([0, 1, 2, 0])).backward()\n"
    ),
    "log_softmax into nll": (
        "x = torch.randn(4, 3, requires_grad=True)\nF.nll_loss(x.log_softmax(1), torch.tensor([0, 1, 2, "
        "0])).backward()\n"
    ),
    "equal shapes": (
        "lin = nn.Linear(3, 1)\npred = lin(torch.ones(4, 3)).squeeze(-1)\nF.mse_loss(pred, torch.ones(4)).backward()\n"
    ),
    "pairwise differences": (
        "x = torch.randn(4, requires_grad=True)\nd = x[:, None] - torch.randn(4)\nd.square().mean().backward()\n"
    ),
    "evaluated before training": (
        "net = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 1))\nwith torch.no_grad():\n    "
        "net(torch.randn(8, 2))\n"
        "net(torch.randn(8, 2)).mean().backward()\n"
    ),
    "evaluated in evaluation mode": (
        "net = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 1))\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nfor i in range(3):\n    net.train()\n    opt.zero_grad()\n"
        "    net(torch.randn(8, 2)).square().mean().backward()\n    opt.step()\n    net.eval()\n    with "
        "torch.no_grad():\n"
        "        net(torch.randn(8, 2))\n"
    ),
    "batch norm frozen from the start": (
        "net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()\n"
        "opt = torch.optim.SGD(net.parameters(), lr=0.1)\nfor i in range(2):\n    opt.zero_grad()\n"
        "    net(torch.randn(8, 2)).square().mean().backward()\n    opt.step()\n"
    ),
    "an input that shows what matters": (
        "x = torch.ones(1, 2, requires_grad=True)\nm = nn.Linear(2, 1)\nopt = torch.optim.SGD(m.parameters(), lr=0.1)\n"
        "for i in range(3):\n    opt.zero_grad()\n    m(x).sum().backward()\n    saliency, x.grad = x.grad, None\n"
        "    opt.step()\n"
    ),
    "a generator and a discriminator": (
        "g, d = nn.Linear(2, 2), nn.Linear(2, 1)\nog = torch.optim.Adam(g.parameters())\n"
        "od = torch.optim.Adam(d.parameters())\nfor i in range(3):\n    fake = g(torch.randn(4, 2))\n"
        "    od.zero_grad()\n    F.binary_cross_entropy_with_logits(d(fake.detach()), torch.zeros(4, 1)).backward()\n"
        "    od.step()\n    og.zero_grad()\n"
        "    F.binary_cross_entropy_with_logits(d(fake), torch.ones(4, 1)).backward()\n    og.step()\n"
    ),
    "a new leaf each time": (
        "w = torch.tensor(1.0, requires_grad=True)\nfor i in range(4):\n    loss = (w - 3) ** 2\n    loss.backward()\n"
        "    w = (w - 0.1 * w.grad).detach().requires_grad_()\n"
    ),
    "copied back": (
        "w = torch.tensor(1.0, requires_grad=True)\nfor i in range(4):\n    loss = (w - 3) ** 2\n    loss.backward()\n"
        "    with torch.no_grad():\n        w.copy_(w - 0.1 * w.grad)\n    w.grad = None\n"
    ),
    "a part that is frozen": (
        "m = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))\nopt = torch.optim.SGD(m[1].parameters(), lr=0.1)\n"
        "m[0].requires_grad_(False)\nfor i in range(3):\n    opt.zero_grad()\n"
        "    m(torch.ones(1, 2)).sum().backward()\n    opt.step()\n"
    ),
    "an update through .data": (
        "w = torch.ones(3, requires_grad=True)\nfor i in range(3):\n    loss = (w * w).sum()\n    loss.backward()\n"
        "    w.data -= 0.1 * w.grad\n    w.grad = None\n"
    ),
    ".data that is only read": "w = torch.ones(3, requires_grad=True)\ny = w * w\nz = w.data * 2\ny.sum().backward()\n",
    "a step that does something": (
        "w = torch.ones(1, requires_grad=True)\nopt = torch.optim.SGD([w], lr=0.1)\n(w * "
        "2).sum().backward()\nopt.step()\n"
    ),
}


def warnings_of(answer: Any) -> list[Any]:
    return [n for n in answer.notices if n.kind not in ("auto_backward", "output_cut")]


@pytest.mark.parametrize("name", WARNED)
def test_it_is_said_once_with_its_line(trace: Any, name: str) -> None:
    code, line, words = WARNED[name]
    answer = trace(code).answer
    assert answer.status == "ok", answer.problem
    notices = warnings_of(answer)
    assert [n.kind for n in notices] == [name.split()[0]], notices
    (notice,) = notices
    assert notice.line == line
    assert notice.level == ("info" if name == "log_softmax_twice" else "warning")
    told = f"{notice.message} {notice.suggestion}"
    for word in words:
        assert word in told
    if notice.node is not None:
        step = next(s for s in answer.steps if s.index == notice.step)
        graph = next(g for g in answer.graphs if g.id == step.graph)
        assert notice.node in {n.id for n in graph.nodes}


@pytest.mark.parametrize("name", QUIET)
def test_what_is_meant_is_not_warned_of(trace: Any, name: str) -> None:
    answer = trace(QUIET[name]).answer
    assert answer.status == "ok", answer.problem
    assert [(n.kind, n.message) for n in warnings_of(answer)] == []


def test_a_notice_points_at_the_node_where_it_began(trace: Any) -> None:
    told = trace(WARNED["not_finite"][0])
    (notice,) = warnings_of(told.answer)
    assert (notice.node, notice.step) == (told.node("logs").id, 0)
    before = trace(WARNED["gradient_not_finite before"][0])
    (notice,) = warnings_of(before.answer)
    node = next(n for n in before.graph(0).nodes if n.id == notice.node)
    assert (node.op, notice.step) == ("sqrt", 0)


def test_a_run_that_fails_later_is_told_of_what_came_before(trace: Any) -> None:
    answer = trace(WARNED["softmax_twice"][0] + "oops\n").answer
    assert answer.problem.family == "unknown_name"
    assert [n.kind for n in warnings_of(answer)] == ["softmax_twice"]


def test_what_ran_in_another_thread_is_said_to_be_unseen(trace: Any) -> None:
    code = (
        "import threading\nw = torch.ones(2, requires_grad=True)\nheld = []\n"
        "t = threading.Thread(target=lambda: held.append({}))\nt.start()\nt.join()\nheld[0].sum().backward()"
    )
    (notice,) = warnings_of(trace(code.format("w * 3")).answer)
    assert (notice.kind, notice.level, notice.line) == ("other_thread", "info", 7)
    assert notice.message.startswith("1 of the nodes")
    assert warnings_of(trace(code.format("w")).answer) == []


def test_what_another_thread_has_made_is_said_to_come_from_there(trace: Any) -> None:
    code = (
        "import threading\nheld = []\nt = threading.Thread(target=lambda: held.append(torch.ones(2) * 3))\n"
        "t.start()\nt.join()\ny = held[0] + 1"
    )
    (notice,) = trace(code).answer.notices
    assert (notice.kind, notice.level, notice.line) == ("other_thread", "info", 4)
    assert "without a thread" in notice.suggestion


def test_thresholds_of_depth_are_sane() -> None:
    assert 0 < VANISHING < 1e-2 < 1e2 < EXPLODING
    assert LAYERS > 2
