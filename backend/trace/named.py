"""The tensors that the snippet named, and where the picture shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from backend.trace.names import held_in, is_tensor
from backend.trace.records import Value

if TYPE_CHECKING:
    from backend.trace.bindings import Shown
    from backend.trace.names import Names

MOST: Final = 400
"""So many tensors are told of."""


@dataclass(frozen=True)
class Named:
    """One tensor under one name. `tensor` is None where it is no longer there."""

    name: str
    line: int | None
    value: Value | None
    tensor: torch.Tensor | None
    also: tuple[str, ...] = ()
    """What else it is called, for a parameter that several modules hold."""


@dataclass(frozen=True)
class Place:
    """Where the picture shows a tensor."""

    node: str
    step: int


def places(names: Names, shown: Mapping[int, Shown]) -> dict[str, Place]:
    """Name -> where the leaf of that name is."""
    found: dict[str, Place] = {}
    for named in named_tensors(names, {}):
        seen = shown.get(id(named.value)) if named.value is not None else None
        if seen is not None and named.value is not None and named.value.op is None and named.value.requires_grad:
            found.setdefault(named.name, Place(seen.node, seen.step))
    return found


def named_tensors(names: Names, bound: Mapping[int, tuple[str, ...]]) -> list[Named]:
    """Every tensor under each of its names, in the order of the lines; parameters last. `bound`: line -> names."""
    table = names.recorder.table
    found: dict[tuple[int, str], Named] = {}
    for (line, name), value in names.bound.items():
        if is_tensor(names.namespace.get(name)) or name not in names.namespace:
            found[line, name] = Named(name, line, value, value.ref())
    last = {name: line for line, here in sorted(bound.items()) for name in here}
    for name, held in list(names.namespace.items()):
        if is_tensor(held) and not name.startswith("_"):
            line = last.get(name, 0)
            known = table.get(id(held))
            current = known if known is not None and known.ref() is held else None
            earlier = found.get((line, name))
            if earlier is None or earlier.tensor is not held:
                found[line, name] = Named(name, line or None, current, held)
    told = [found[key] for key in sorted(found) if not _is_passing(found[key])]
    told += _parameters(names, {id(named.tensor) for named in told})
    return told[:MOST]


def _is_passing(named: Named) -> bool:
    """A name that a parameter only had for a moment: it is told under its module's."""
    value = named.value
    return value is not None and value.is_parameter and bool(value.names) and named.name not in value.names


def _parameters(names: Names, known: set[int]) -> Iterator[Named]:
    modules = {n: m for n, m in list(names.namespace.items()) if issubclass(type(m), torch.nn.Module)}
    called: dict[int, tuple[torch.Tensor, list[str]]] = {}
    for place, tensor in held_in(modules):
        if isinstance(tensor, torch.nn.Parameter) and id(tensor) not in known:
            called.setdefault(id(tensor), (tensor, []))[1].append(f"{place.variable}.{place.path}")
    for tensor, (first, *more) in called.values():
        value = names.recorder.table.get(id(tensor))
        held = value if value is not None and value.ref() is tensor else None
        yield Named(first, None, held, tensor, tuple(more))
