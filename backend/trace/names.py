"""Which names the snippet gave to which values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch

from backend.trace.recorder import Recorder
from backend.trace.records import Step, Value
from backend.trace.source import Source, stored_names


class Names:
    """Finds names where results were stored, in modules, and last in the namespace by identity."""

    def __init__(self, recorder: Recorder, source: Source, namespace: dict[str, Any]) -> None:
        self.recorder = recorder
        self.source = source
        self.namespace = namespace
        self.bound: dict[tuple[int, str], Value] = {}
        """(line, name) -> the value that was last stored there in a step that was told."""

    def resolve(self, step: Step) -> None:
        """Give names to every value that was stored since the last call."""
        sites, self.recorder.sites = self.recorder.sites, []
        self._parameters(step)
        known: dict[tuple[int, int, int], tuple[list[str], int | None]] = {}
        every = iter(sites)
        for value, site, place in zip(every, every, every, strict=True):
            # by identity: hashing a code object reads all of it
            key = (id(site[0]), site[1], place)
            found = known.get(key)
            if found is None:
                found = known[key] = (_names_at(stored_names(site), place), self.source.line(site))
            for name in found[0]:
                # `for p in model.parameters(): p -= …` is no name for a parameter
                if name not in value.names and not (value.is_parameter and value.names):
                    value.call(name)
                if found[1] is not None and step.told:
                    self.bound[found[1], name] = value
        self._by_identity()

    def _by_identity(self) -> None:
        for name, held in list(self.namespace.items()):
            if is_tensor(held) and not name.startswith("__"):
                value = self.recorder.table.get(id(held))
                if value is not None and value.ref() is held and not value.names:
                    value.call(name)

    def _parameters(self, step: Step) -> None:
        unnamed = {id(v): v for op in step.ops for v in op.inputs if v.op is None and not v.names}
        if not unnamed:
            return
        modules = {k: m for k, m in self.namespace.items() if issubclass(type(m), torch.nn.Module)}
        roots = [self.recorder.module_calls[op.modules[0]] for op in step.ops if op.modules]
        for root in {id(r): r for r in roots}.values():
            if not any(root is m for m in modules.values()):
                modules[type(root).__name__] = root
        for place, tensor in held_in(modules):
            value = self.recorder.table.get(id(tensor))
            if value is not None and id(value) in unnamed:
                plain = len(modules) == 1 and not place.path[0].isdigit()
                value.call(place.path if plain else f"{place.variable}.{place.path}")


class Held(NamedTuple):
    """Where a module holds a tensor: `model` and `0.weight`."""

    variable: str
    path: str


def held_in(modules: Mapping[str, torch.nn.Module]) -> Iterator[tuple[Held, torch.Tensor]]:
    """Every parameter, then every buffer, of each of the modules; a tied one comes once for each place that holds it.

    What a module and one that it is part of hold is one place, and comes under the first.
    """
    seen: set[tuple[int, str]] = set()
    for variable, module in modules.items():
        parts = list(module.named_modules())
        for kind in ("_parameters", "_buffers"):
            for prefix, part in parts:
                for name, tensor in getattr(part, kind).items():
                    if tensor is not None and (id(part), name) not in seen:
                        seen.add((id(part), name))
                        yield Held(variable, f"{prefix}.{name}" if prefix else name), tensor


def is_tensor(held: Any) -> bool:
    """Without asking the object, as isinstance does: a learner's class may answer anything."""
    return issubclass(type(held), torch.Tensor)


def _names_at(stored: tuple[tuple[str | None, ...], ...], place: int) -> list[str]:
    if not stored:
        return []
    if len(stored) > 1:
        return [n for n in stored[place] if n] if place < len(stored) else []
    return [n if place == 0 else f"{n}[{place}]" for n in stored[0] if n and "." not in n]
