"""torch itself, unwatched: what every watched run must agree with."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import torch


def run_plain(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "__name__": "__main__"}
    torch.manual_seed(0)
    with warnings.catch_warnings(), contextlib.suppress(SystemExit):
        warnings.simplefilter("ignore")
        exec(compile(code, "snippet.py", "exec"), namespace)
    return namespace


def _tensors(namespace: dict[str, Any]) -> dict[str, torch.Tensor]:
    found = {k: v for k, v in namespace.items() if isinstance(v, torch.Tensor)}
    for name, held in namespace.items():
        if isinstance(held, torch.nn.Module):
            found |= {f"{name}.{k}": p for k, p in held.named_parameters()}
    return found


def assert_same(watched: dict[str, Any], plain: dict[str, Any]) -> None:
    mine, theirs = _tensors(watched), _tensors(plain)
    assert mine.keys() == theirs.keys()
    for name in mine:
        if mine[name].is_meta:
            continue
        assert _equal(mine[name], theirs[name]), name
        grads = mine[name].grad if mine[name].is_leaf else None, theirs[name].grad if theirs[name].is_leaf else None
        assert (grads[0] is None) == (grads[1] is None), name
        if grads[0] is not None and grads[1] is not None:
            assert _equal(grads[0], grads[1]), name


def _equal(mine: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Bit for bit, except that a NaN equals a NaN."""
    a, b = (t.detach().to_dense() if t.is_sparse else t.detach() for t in (mine, theirs))
    return bool(torch.equal(a.isnan(), b.isnan()) and torch.equal(a[~a.isnan()], b[~b.isnan()]))
