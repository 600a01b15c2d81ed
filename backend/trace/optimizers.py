"""What there is to see of an optimizer: its hyperparameters, and what it keeps for each parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch

_WAYS: Final = frozenset({"params", "foreach", "capturable", "differentiable", "fused", "param_names"})
"""How an optimizer computes, not what."""

_MOST: Final = 8
"""Tensors kept for one parameter that are shown; no optimizer of torch keeps more."""


def hyperparameters(group: Mapping[str, Any]) -> dict[str, Any]:
    """lr, betas, weight_decay … of a parameter group, as numbers, words and lists of numbers."""
    found = {name: _plain(value) for name, value in group.items() if name not in _WAYS}
    return {name: value for name, value in found.items() if value is not None}


def kept_for(optimizer: Any, parameter: torch.Tensor) -> list[tuple[str, torch.Tensor]]:
    """exp_avg, momentum_buffer, step …: tensors that are one number, or as large as the parameter."""
    state = optimizer.state.get(parameter) or {}
    found = [
        (name, value)
        for name, value in state.items()
        if isinstance(value, torch.Tensor) and (value.numel() == 1 or value.shape == parameter.shape)
    ]
    return found[:_MOST]


def _plain(value: Any) -> Any:
    if isinstance(value, int | float):  # first: it is what most are, and a tensor is asked for longer
        return value
    if isinstance(value, torch.Tensor):
        return float(value) if value.numel() == 1 and not value.is_meta else None
    if isinstance(value, str):
        return value[:40]
    if isinstance(value, tuple | list) and len(value) <= _MOST:
        numbers = [_plain(item) for item in value]
        return numbers if all(isinstance(number, int | float) for number in numbers) else None
    return None
