"""Every rule against torch: its expression, evaluated with the numbers of a run, is what autograd computed."""

from __future__ import annotations

import ast
import importlib.util
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.trace.rules.applying import RULES
from backend.trace.rules.expression import names_in
from tests.trace.conftest import Told
from tests.trace.learning_path import SNIPPETS
from tests.trace.rule_samples import SAMPLES, START

Trace = Callable[..., Told]


@pytest.fixture
def double() -> Iterator[None]:
    """Rules are exact; float64 tells them from nearly right ones."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _entries() -> dict[str, str]:
    """Name -> text of each entry of torch's derivatives.yaml."""
    spec = importlib.util.find_spec("torchgen")
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / "packaged/autograd/derivatives.yaml").read_text()
    parts = re.split(r"^- name: ", text, flags=re.MULTILINE)[1:]
    return {part.partition("(")[0].strip(): part for part in parts}


def tensor(summary: Any) -> torch.Tensor | None:
    if summary.values is None:
        return None
    dtype = getattr(torch, summary.dtype.removeprefix("torch."))
    values = [complex(*v) if isinstance(v, tuple) else float(v) for v in summary.values]
    return (
        torch.tensor(values, dtype=torch.complex128 if dtype.is_complex else torch.float64)
        .to(dtype)
        .reshape(summary.shape)
    )


def checked(told: Told) -> list[tuple[str, str]]:
    """Every rule of the last step is evaluated and compared; the (entry, input) of those that were."""
    graph, step = told.graph(), told.step()
    nodes = {node.id: node for node in graph.nodes}
    seen = []
    for node in graph.nodes:
        formulas = [rule for rule in node.derivatives if rule.kind == "formula"]
        if not formulas or node.id not in step.grads:
            continue
        edges = {edge.target_input: edge for edge in graph.edges if edge.target == node.id}
        names = environment(node, edges, step, nodes)
        for rule in formulas:
            if any(names.get(name, 0) is None for name in names_in(rule.text)):
                continue  # too large for a preview
            edge = edges[rule.target_input]
            got = eval(rule.text, {"torch": torch, "F": torch.nn.functional, "math": math}, dict(names))
            want = tensor(step.edge_grads[edge.id])
            if want is None:
                continue
            assert got.shape == want.shape, (rule.text, got.shape, want.shape)
            torch.testing.assert_close(got.to(want.dtype), want, msg=rule.text, equal_nan=True)
            assert rule.words
            assert rule.latex.count("{") == rule.latex.count("}")
            seen.append((rule.source.removeprefix("derivatives.yaml: "), rule.input.partition("[")[0]))
    return seen


def environment(node: Any, edges: Any, step: Any, nodes: Any) -> dict[str, Any]:
    """What the names of a rule's expression stand for, from what the answer says."""
    names: dict[str, Any] = {}
    for place, name in enumerate(node.inputs):
        edge = edges[place]
        held = (
            step.outputs[edge.source][edge.source_output]
            if nodes[edge.source].outputs > 1
            else step.values[edge.source]
        )
        plain, _, index = name.partition("[")
        if index:
            names.setdefault(plain, []).append(tensor(held))
        else:
            names[name] = tensor(held)
    values = step.outputs.get(node.id) or [step.values[node.id]]
    grads = step.output_grads.get(node.id) or [step.grads.get(node.id)]
    for place, value in enumerate(values):
        suffix = "" if place == 0 else str(place)
        if value is not None:
            names[f"result{suffix}"] = tensor(value)
            grad = grads[place] if place < len(grads) else None
            names[f"grad{suffix}"] = torch.zeros(value.shape).double() if grad is None else tensor(grad)
    return names


@pytest.mark.parametrize("cited", sorted(SAMPLES))
def test_each_rule_computes_torchs_gradient(trace: Trace, double: None, cited: str) -> None:
    missing = set(RULES[cited].rules)
    for sample in SAMPLES[cited]:
        told = trace(f"{START}y = {sample}\nseen(y)\n", preview=4096)
        assert told.answer.problem is None, told.answer.problem
        seen = checked(told)
        assert any(name == cited for name, _ in seen), f"{sample} does not run {cited} but {seen}"
        missing -= {name for source, name in seen if source == cited}
    assert not missing, f"no sample checks the rule of {missing}"


def test_every_rule_has_a_sample() -> None:
    assert RULES.keys() == SAMPLES.keys()


def test_every_rule_cites_an_entry_of_torchs_own_file() -> None:
    entries = _entries()
    for name, entry in RULES.items():
        assert name in entries, name
        for argument in entry.rules:
            assert re.search(rf"^\s+.*\b{argument}\b.*:", entries[name], re.MULTILINE), (name, argument)


@pytest.mark.parametrize("name", sorted(SNIPPETS))
def test_the_learning_path_is_explained_and_right(trace: Trace, name: str) -> None:
    """Each input that wants a gradient has a rule that is right in float32 too, or an honest word."""
    told = trace(SNIPPETS[name], preview=4096)
    arrived = {graph.id: set[str]() for graph in told.answer.graphs}
    for step in told.answer.steps:
        arrived[step.graph] |= step.edge_grads.keys()
    for graph in told.answer.graphs:
        for node in graph.nodes:
            if node.kind == "op" and node.inputs:
                edges = [e for e in graph.edges if e.target == node.id and e.id in arrived[graph.id]]
                wanted = {e.target_input for e in edges if e.target_input < len(node.inputs)}
                assert {rule.target_input for rule in node.derivatives} >= wanted, (node.op, node.inputs)
    if told.answer.steps:
        checked(told)


def test_texts_are_expressions_of_known_names(trace: Trace) -> None:
    told = trace(SNIPPETS["bn"])
    for node in told.graph().nodes:
        for rule in node.derivatives:
            tree = ast.parse(rule.text, mode="eval")
            names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
            known = {"grad", "result", "torch", "F", "slice", *node.inputs} | {f"result{i}" for i in range(1, 4)}
            assert names <= known, rule.text


def test_a_custom_function_is_explained_by_its_own_backward(trace: Trace) -> None:
    told = trace(SNIPPETS["custom"])
    [rule] = told.node("y").derivatives  # both factors are the same x, which is the Function's one input
    assert (rule.kind, rule.source) == ("function", "Sq.backward")
    assert "your own Sq.backward" in rule.words


@pytest.mark.parametrize(
    ("code", "grad_fn", "words"),
    [
        ("y = x // 2", "NotImplemented", "torch defines no derivative here"),
        (
            "from torch.utils.checkpoint import checkpoint\ny = checkpoint(lambda v: v.sin(), x, use_reentrant=True)",
            "CheckpointFunctionBackward",
            "checkpoint runs its function once more",
        ),
        (
            "m = nn.Identity()\nm.register_full_backward_hook(lambda *a: None)\ny = m(x)",
            "BackwardHookFunctionBackward",
            "around a module with backward hooks",
        ),
    ],
)
def test_what_is_torchs_own_is_not_called_the_learners(trace: Trace, code: str, grad_fn: str, words: str) -> None:
    told = trace("x = torch.tensor([1.0, 2.0], requires_grad=True)\n" + code, backward="never")
    node = next(n for n in told.graph().nodes if (n.grad_fn or "").endswith(grad_fn))
    (rule,) = node.derivatives
    assert words in rule.words
    assert rule.source.startswith("torch.autograd: ")
    assert "your own" not in rule.words


def test_what_is_not_written_down_says_what_torch_uses(trace: Trace) -> None:
    code = "A = torch.randn(3, 3, requires_grad=True)\nL = torch.linalg.cholesky(A @ A.mT + torch.eye(3))\n"
    told = trace(code + "L.sum().backward()")
    [rule] = told.node("L").derivatives
    assert rule.kind == "function"
    assert rule.source == "derivatives.yaml: linalg_cholesky_ex"
    assert "LinalgCholeskyExBackward0" in rule.text
    assert "saved" in rule.words


ATTENTION = (
    "q = torch.randn(1, 1, 3, 4, requires_grad=True)\nF.scaled_dot_product_attention(q, q, q{more}).sum().backward()"
)


@pytest.mark.parametrize(
    ("more", "formula", "words"),
    [
        ("", [r"softmax}\bigl(q\,q^{\top} / \sqrt{d}\bigr)"], []),
        (", is_causal=True", [r"/ \sqrt{d} + M\bigr)", r"-\infty & j > i"], ["causal mask"]),
        (", torch.ones(3, 3).tril().bool()", [r"/ \sqrt{d} + \text{attn\_mask}\bigr)"], ["mask is -inf"]),
        (", scale=0.25", [r"q^{\top} \cdot 0.25\bigr)"], []),
    ],
    ids=["plain", "causal", "mask", "scale"],
)
def test_the_formula_of_attention_shows_its_mask_and_scale(
    trace: Trace, more: str, formula: list[str], words: list[str]
) -> None:
    told = trace(ATTENTION.format(more=more))
    rules = next(n.derivatives for n in told.graph().nodes if n.op.startswith("scaled_dot_product"))
    assert [rule.input for rule in rules] == ["query", "key", "value"]
    for rule in rules:
        assert rule.kind == "formula"
        assert all(part in rule.latex for part in formula), rule.latex
        assert all(part in rule.words for part in words), rule.words
        assert ("mask" in rule.words) == bool(words)
