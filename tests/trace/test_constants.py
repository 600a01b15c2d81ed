"""A number beside a tensor: the tensor that is kept of it gives the same bits as the number does."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from backend.trace.constants import MOST, _constants, with_constant
from backend.trace.records import OpInfo

OPS = tuple(getattr(torch.ops.aten, name).Tensor for name in ("add", "sub", "mul", "div"))

SMALL = (1, 2, -3, 0, 0.0, -0.0, 0.1, 1.0001, math.pi, -1e-45, 1e-40, 1e-300)
LARGE = (2**24 + 1, 2**53 + 1, 2**63 - 1, 1e38, 3.4028235e38, 1e300, -1e300, math.inf, -math.inf, math.nan)


class Own(torch.Tensor):
    """A class of the snippet's."""


def tensors() -> list[torch.Tensor]:
    """Of every layout that an op may care about."""
    base = torch.randn(6, 5) * 100
    odd = torch.tensor([0.0, 1.0, math.inf, -math.inf, math.nan, 1e-42, -0.0, 3e38])
    return [base, base.t(), base[::2, 1:4], base[0, 0], base[:0], base[0].expand(3, 5), odd, torch.nn.Parameter(base)]


def bits(tensor: torch.Tensor) -> Any:
    """What two results have to share."""
    return tensor.dtype, tensor.shape, tensor.stride(), tensor.detach().flatten().view(torch.uint8).tolist()


@pytest.mark.parametrize("func", OPS, ids=str)
def test_a_kept_number_gives_the_same_bits(func: Any) -> None:
    info = OpInfo(func)
    assert info.counts
    scaled = func.overloadpacket in (torch.ops.aten.add, torch.ops.aten.sub)
    for tensor in tensors():
        for number in SMALL + LARGE:
            for more in ({}, {"alpha": 2}, {"alpha": 0.3}) if scaled else ({},):
                found, expected = info.run(*with_constant((tensor, number)), **more), info.run(tensor, number, **more)
                assert bits(found) == bits(expected), (tensor, number, more)


def test_a_number_is_kept_once() -> None:
    x = torch.ones(2)
    with torch.inference_mode():
        kept = with_constant((x, 3.25))[1]
    assert with_constant((x, 3.25))[1] is kept
    assert kept.add(1) == 4.25
    for number in range(1, MOST + 10):
        with_constant((x, number))
    assert len(_constants) <= MOST


def test_a_number_stays_one_where_that_can_be_told() -> None:
    x = torch.ones(2)
    for tensor in (x.half(), x.double(), x.long(), x.to_sparse(), x.to("meta"), x.as_subclass(Own)):
        assert with_constant((tensor, 2.5))[1] == 2.5
        assert type(with_constant((tensor, 2.5))[1]) is float
    for number in (0.0, -0.0, 0, 1e300, math.inf, math.nan):
        assert with_constant((x, number))[1] is number
    with TorchDispatchMode():
        assert with_constant((x, 2.5)) == (x, 2.5)


def test_numbers_are_told_as_they_were_written(trace: Any) -> None:
    told = trace(
        "import torch\nfrom torch.func import grad, vmap\nx = torch.ones(3, requires_grad=True)\n"
        "g = grad(lambda t: (t * 7.5).sum())(torch.ones(3))\nv = vmap(lambda t: t * 8.5)(torch.ones(3))\n"
        "y = x * 7.5\nz = y + 8.5\nz.sum().backward()\nprint(g.tolist(), v.tolist(), x.grad.tolist())\n"
    )
    assert told.node("y", 0).attributes == {"other": 7.5}
    assert told.node("z", 0).attributes["other"] == 8.5
    assert "".join(o.text for o in told.answer.output) == "[7.5, 7.5, 7.5] [8.5, 8.5, 8.5] [7.5, 7.5, 7.5]\n"
