"""Every way that Python binds a name, and those that look like one."""

from __future__ import annotations

import pytest

from backend.snippet import parse

BINDS = [
    ("x = 1", {1: ("x",)}),
    ("a, (b, *c) = [d, e] = f", {1: ("a", "b", "c", "d", "e")}),
    ("x += 1", {1: ("x",)}),
    ("x: int = 1", {1: ("x",)}),
    ("x: int", {}),
    ("x.y = z[0] = 1", {}),
    ("for i, (j, k) in x:\n    y = i", {1: ("i", "j", "k"), 2: ("y",)}),
    ("while (n := f()):\n    pass", {1: ("n",)}),
    ("if a:\n    x = 1\nelse:\n    y = 2", {2: ("x",), 4: ("y",)}),
    ("with f() as a, g() as (b, c):\n    pass", {1: ("a", "b", "c")}),
    ("try:\n    pass\nexcept E as error:\n    pass\nfinally:\n    z = 1", {3: ("error",), 6: ("z",)}),
    ("import torch.nn.functional as F, os.path", {1: ("F", "os")}),
    ("from math import pi as p, e\nfrom os import *", {1: ("p", "e")}),
    ("def f(a, b=(c := 1)):\n    d = 2", {1: ("f", "c")}),
    ("@(g := d)\nclass A(B):\n    x = 1", {1: ("g",), 2: ("A",)}),
    ("f = lambda x: (y := x)", {1: ("f",)}),
    ("q = [m for m in x if (n := m)]", {1: ("q", "n")}),
    ("match v:\n    case {'a': b, **rest}: pass\n    case [c, *d] as e: pass", {2: ("rest", "b"), 3: ("e", "c", "d")}),
    ("x = x = 1", {1: ("x",)}),
    ("y = (\n    x := 1\n)", {1: ("y",), 2: ("x",)}),
    ("del x\nx", {}),
]


@pytest.mark.parametrize(("code", "names"), BINDS, ids=[code for code, _ in BINDS])
def test_the_names_that_a_line_binds(code: str, names: dict[int, tuple[str, ...]]) -> None:
    snippet = parse(code, limit=10_000)
    assert snippet.problem is None
    assert {line: set(bound) for line, bound in snippet.bindings.items()} == {k: set(v) for k, v in names.items()}
    assert all(len(bound) == len(set(bound)) for bound in snippet.bindings.values())
