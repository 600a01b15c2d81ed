"""Updates that do not reach what is to learn: a result that only takes a leaf's name, leaves that no optimizer has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import torch

from backend.trace.groups import type_of
from backend.trace.notices.caution import Caution, listed
from backend.trace.recorder import Recorder
from backend.trace.records import Step, Value

LEAST: Final = 2
"""Steps after which it is said."""


class Lost:
    """Counts, for each leaf, how often `p - lr * p.grad` was computed and the leaf itself stayed as it was."""

    def __init__(self) -> None:
        self._count: dict[int, tuple[Value, int]] = {}

    def look(self, step: Step) -> Iterator[Caution]:
        """A step in which that happened."""
        for leaf, site in step.lost:
            count = self._count.get(id(leaf), (leaf, 0))[1] + 1
            self._count[id(leaf)] = (leaf, count)
            # once may be the way of who makes a new leaf of it each time
            if count >= LEAST and leaf.written is None:
                whom = f"`{leaf.names[0]}`" if leaf.names else "the parameter"
                yield Caution(
                    "update_lost",
                    f"This computes a new tensor from {whom} and gives it a name. The leaf itself is not changed by "
                    "that, so every step begins with the same values.",
                    "Change it in place, under `torch.no_grad()`: `p -= lr * p.grad`.",
                    site,
                    leaf,
                )
                return


def never_stepped(recorder: Recorder, namespace: Mapping[str, Any]) -> Iterator[Caution]:
    """An optimizer whose parameters got gradients, several times, and that was never told to step."""
    if recorder.backwards < LEAST:
        return
    got = {id(leaf.ref()): leaf for leaf in recorder.leaves.values() if leaf.ref() is not None}
    for name, optimizer in namespace.items():
        if not issubclass(type(optimizer), torch.optim.Optimizer):
            continue
        leaves = [got[id(p)] for group in optimizer.param_groups for p in group["params"] if id(p) in got]
        if leaves and all(leaf.written is None for leaf in leaves):
            yield Caution(
                "never_stepped",
                f"backward ran {recorder.backwards} times, and `{name}` never made a step: its parameters are what "
                "they were at the beginning.",
                f"Call `{name}.step()` after each backward.",
                recorder.backward_site,
                leaves[0],
            )
            return


def without_update(
    recorder: Recorder, namespace: Mapping[str, Any], called_modules: list[Any], updates: int
) -> Iterator[Caution]:
    """Parameters that got gradients and were never changed, where others were in several steps."""
    if updates < LEAST:
        return
    owners = _owners(namespace, called_modules)
    left: list[tuple[str, Value]] = []
    for leaf in recorder.leaves.values():
        tensor = leaf.ref()
        if leaf.written is None and tensor is not None and tensor.requires_grad and id(tensor) in owners:
            left.append((owners[id(tensor)], leaf))
    if not left:
        return
    one = len(left) == 1
    yield Caution(
        "never_updated",
        f"{listed([name for name, _ in left])} got {'a gradient' if one else 'gradients'}, and nothing ever changed "
        f"{'it' if one else 'them'}: no optimizer has {'it' if one else 'them'}.",
        "Give the optimizer all that is to learn, once the model is complete. Layers in a plain list or dict, and "
        "tensors that are no nn.Parameter, are not in `model.parameters()`. What is not to learn is best told so, with "
        "`requires_grad_(False)`.",
        left[0][1].origin.site if left[0][1].origin is not None else None,
        left[0][1],
    )


def _owners(namespace: Mapping[str, Any], called_modules: list[Any]) -> dict[int, str]:
    """Each tensor that a module holds as its own, parameter or not, by id: what it is called."""
    found: dict[int, str] = {}
    roots = [(f"{name}.", m) for name, m in namespace.items() if issubclass(type(m), torch.nn.Module)]
    for prefix, root in roots:
        if "_modules" in vars(root):
            for path, module in torch.nn.Module.named_modules(root):
                _own(found, f"{prefix}{path}." if path else prefix, module)
    for module in {id(m): m for m in called_modules}.values():  # those in plain lists have no path
        if isinstance(module, torch.nn.Module) and "_parameters" in vars(module):
            _own(found, f"{type_of(module)}.", module)
    return found


def _own(found: dict[int, str], prefix: str, module: torch.nn.Module) -> None:
    held = vars(module)
    for name, tensor in (*held["_parameters"].items(), *held.items()):
        if issubclass(type(tensor), torch.Tensor):
            found.setdefault(id(tensor), f"{prefix}{name}")
