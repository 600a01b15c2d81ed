"""Names, lines, groups, outputs, problems: what ties the numbers to the learner's text."""

from __future__ import annotations

from typing import Any

import pytest

FAILING = "a = torch.ones(2, 3, requires_grad=True)\nb = torch.ones(4, 5)\nc = a * 2\nd = c @ b\n"


def test_a_failing_snippet_tells_its_graph_up_to_the_failing_line(trace: Any) -> None:
    told = trace(FAILING)
    problem = told.answer.problem
    assert told.answer.status == "error"
    assert (problem.kind, problem.line, problem.column, problem.end_column) == ("RuntimeError", 4, 5, 10)
    assert "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)" in problem.message
    assert problem.explanation
    assert problem.suggestion
    assert told.ops() == ["mul"]
    assert told.value("c") == [2.0] * 6


@pytest.mark.parametrize(
    ("code", "kind", "line", "word"),
    [
        ("x = 1\ny = undefinedd", "NameError", 2, "undefinedd"),
        ("xs = torch.ones(2)\nprint(x)", "NameError", 2, "Did you mean `xs`?"),
        ("x = torch.ones(2, requires_grad=True)\n(x * 2).backward()", "RuntimeError", 2, "scalar"),
        (
            "x = torch.ones(1, requires_grad=True)\ny = x * x\ny.backward()\ny.backward()",
            "RuntimeError",
            4,
            "retain_graph",
        ),
        ("x = torch.tensor([1, 2], requires_grad=True)", "RuntimeError", 1, "2.0"),
        ("x = torch.ones(3)\nx.sum().backward()", "RuntimeError", 2, "requires_grad=True"),
        (
            "class N(nn.Module):\n    def __init__(self):\n        self.l = nn.Linear(1, 1)\nN()",
            "AttributeError",
            3,
            "super().__init__()",
        ),
        ("import nothing_like_this", "ModuleNotFoundError", 1, "Available"),
        ("def f(n):\n    return f(n + 1)\nf(0)", "RecursionError", 2, "stop"),
        ("x = [1, 2", "SyntaxError", 1, "never closed"),
    ],
)
def test_errors_say_where_and_what_to_do(trace: Any, code: str, kind: str, line: int, word: str) -> None:
    problem = trace(code).answer.problem
    assert (problem.kind, problem.line) == (kind, line)
    told = f"{problem.message} {problem.explanation} {problem.suggestion}"
    assert word in told


def test_printed_text_comes_with_its_line(trace: Any) -> None:
    told = trace("x = torch.ones(2)\nprint('a', 1)\nfor i in range(2):\n    print(i)\nprint(x)")
    assert [(o.line, o.text) for o in told.answer.output] == [(2, "a 1\n"), (4, "0\n1\n"), (5, "tensor([1., 1.])\n")]
    assert all(o.stream == "stdout" for o in told.answer.output)


def test_output_is_cut_and_says_so(trace: Any) -> None:
    told = trace("print('x' * 5000)\nprint('y')\nz = torch.ones(1) + 1", output_bytes=1024)
    assert sum(len(o.text) for o in told.answer.output) == 1024
    assert [n.kind for n in told.answer.notices] == ["output_cut"]
    assert told.value("z") == [2.0]


def test_each_line_tells_what_it_bound(trace: Any) -> None:
    told = trace(
        "x = torch.tensor(2.0, requires_grad=True)\nlr = 0.1\ny = z = x * 3\nm = nn.Linear(2, 3)\na, b = x + 1, x + 2"
    )
    shown = {(b.line, b.name): (b.text, b.grad_fn) for b in told.answer.bindings}
    assert shown == {
        (1, "x"): ("2.0", None),
        (2, "lr"): ("0.1", None),
        (3, "y"): ("6.0", "MulBackward0"),
        (3, "z"): ("6.0", "MulBackward0"),
        (4, "m"): ("Linear(2, 3)", None),
        (5, "a"): ("3.0", "AddBackward0"),
        (5, "b"): ("4.0", "AddBackward0"),
    }


def test_a_node_knows_its_line_and_columns(trace: Any) -> None:
    node = trace("é = torch.tensor(1.0, requires_grad=True)\nyy = (é + 2) * 3").node("yy")
    assert (node.line, node.column, node.end_line, node.end_column) == (2, 6, 2, 17)


def test_modules_and_composite_functions_are_groups(trace: Any) -> None:
    told = trace(
        "net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())\nx = torch.ones(2, 4)\n"
        "loss = F.cross_entropy(net(x), torch.tensor([0, 1]))\nloss.backward()"
    )
    groups = {g.id: g for g in told.graph().groups}
    labels = {(g.kind, g.label, g.type): g.parent and groups[g.parent].label for g in groups.values()}
    assert labels == {
        ("module", "Sequential", "Sequential"): None,
        ("module", "0", "Linear(4, 3)"): "Sequential",
        ("module", "1", "ReLU"): "Sequential",
        ("function", "cross_entropy", None): None,
    }
    weight = told.node("net.0.weight")
    assert weight.is_parameter
    assert groups[weight.group].label == "0"


def test_the_rule_of_each_input_is_told(trace: Any) -> None:
    told = trace(
        "x = torch.tensor(2.0, requires_grad=True)\ny = torch.tensor(5.0, requires_grad=True)\nz = x * y\nz.backward()"
    )
    rules = told.node("z").derivatives
    assert [(r.input, r.target_input, r.text) for r in rules] == [
        ("self", 0, "grad * other"),
        ("other", 1, "grad * self"),
    ]
    assert rules[0].latex == r"\frac{\partial z}{\partial x} = \frac{\partial z}{\partial z} \cdot y"
    assert rules[0].source == "derivatives.yaml: mul.Tensor"


def test_special_values_and_types_survive(trace: Any) -> None:
    told = trace(
        "x = torch.tensor([1.0, float('nan'), float('inf'), -float('inf'), 3.0]) * 1\nc = torch.tensor([1+2j]) * 1\n"
        "i = torch.tensor([2**40]) + 1\ne = torch.zeros(0, 3) + 1\n"
        "m = torch.zeros(3, device='meta') + 1\nh = torch.ones(2, dtype=torch.float16) / 3"
    )
    x = told.step().values[told.node("x").id]
    assert x.values == [1.0, "NaN", "Infinity", "-Infinity", 3.0]
    assert (x.min, x.max, x.mean, x.nan, x.inf) == (1.0, 3.0, 2.0, 1, 2)
    assert told.value("c") == [(1.0, 2.0)]
    assert told.value("i") == [2**40 + 1]
    summary = told.step().values
    assert (summary[told.node("e").id].shape, summary[told.node("e").id].numel) == ([0, 3], 0)
    assert (summary[told.node("m").id].device, summary[told.node("m").id].min) == ("meta", None)
    assert summary[told.node("h").id].dtype == "torch.float16"


def test_statistics_are_torchs(trace: Any) -> None:
    told = trace(
        "x = torch.randn(7)\na = x * 1\nb = torch.randn(300, 40) * 3 + 100\nc = b.t() * 1\n"
        "d = torch.randn(600, 600) + 5\ne = d * 1"
    )
    for name in "abcde":
        summary, tensor = told.step().values[told.node(name).id], told.namespace[name]
        expected = (tensor.min(), tensor.max(), tensor.mean(), tensor.std())
        got = (summary.min, summary.max, summary.mean, summary.std)
        assert got == pytest.approx([float(v) for v in expected], rel=1e-4), name


def test_a_thumbnail_is_of_block_means(trace: Any) -> None:
    told = trace("x = torch.arange(256.0).reshape(16, 16) * 1\ny = x.t() * 1\nz = x.t()")
    thumb = told.step().values[told.node("x").id].thumb
    blocks = told.namespace["x"].reshape(8, 2, 8, 2).mean((1, 3))
    assert thumb == blocks.tolist()
    assert told.step().values[told.node("y").id].thumb == blocks.t().tolist()
    assert told.step().values[told.node("z").id].thumb == blocks.t().tolist()


def test_deprecation_is_told_of_the_snippets_own_lines_alone(trace: Any) -> None:
    told = trace(
        "import types, warnings\nlibrary = types.ModuleType('library')\n"
        "exec(\"def f():\\n    import warnings\\n    warnings.warn('theirs', DeprecationWarning)\", library.__dict__)\n"
        "library.f()\nwarnings.warn('mine', DeprecationWarning)\nwarnings.warn('a word', UserWarning)"
    )
    assert told.answer.problem is None
    printed = [(o.line, o.text) for o in told.answer.output if o.stream == "stderr"]
    assert printed == [(5, "DeprecationWarning: mine\n"), (6, "UserWarning: a word\n")]
