"""Modules and composite functions as groups, so that a large graph has a small first view."""

from __future__ import annotations

import re
from typing import Any

from backend.trace.records import Call, Op, Value
from backend.wire.messages import Group

_PLAIN = re.compile(r"\b(?:in_features|out_features|num_embeddings|embedding_dim|normalized_shape)=")


class Groups:
    """The groups of one step. Ids are given by first use."""

    def __init__(self, ops: list[Op], module_calls: list[Any]) -> None:
        self._module_calls = module_calls
        self._made: dict[Any, Any] = {}
        self._of_op: dict[int, str | None] = {}
        composite = _composites(ops)
        for op in ops:
            group = self._module_group(op.modules)
            if op.call is not None and id(op.call) in composite:
                group = self._function_group(op.call, group)
            self._of_op[id(op)] = group

    def of_op(self, op: Op) -> str | None:
        """The innermost group of an op."""
        return self._of_op[id(op)]

    def of_source(self, value: Value, user: Op | None) -> str | None:
        """A parameter lies in the module that uses it first; other leaves and data lie where they were made."""
        if value.is_parameter and user is not None:
            return self._existing(user.modules)
        if value.origin is not None:
            return self._existing(value.origin.modules)
        return None

    def used(self) -> list[Any]:
        """The groups, outer before inner."""
        return list(self._made.values())

    def _existing(self, path: tuple[int, ...]) -> str | None:
        made = self._made.get(("module", path))
        return None if made is None else str(made.id)

    def _module_group(self, path: tuple[int, ...]) -> str | None:
        if not path:
            return None
        made = self._made.get(("module", path))
        if made is None:
            parent = self._module_group(path[:-1])
            module = self._module_calls[path[-1]]
            owner = self._module_calls[path[-2]] if len(path) > 1 else None
            made = self._made[("module", path)] = Group(
                id=f"g{len(self._made)}",
                parent=parent,
                kind="module",
                label=_label(module, owner),
                type=type_of(module),
            )
        return str(made.id)

    def _function_group(self, call: Call, parent: str | None) -> str:
        made = self._made.get(id(call))
        if made is None:
            made = self._made[id(call)] = Group(
                id=f"g{len(self._made)}", parent=parent, kind="function", label=call.name, type=None
            )
        return str(made.id)


def _composites(ops: list[Op]) -> set[int]:
    """The calls that ran several ops, unless they are all that their module did: the module then says it."""
    by_call: dict[int, int] = {}
    by_module: dict[tuple[int, ...], int] = {}
    for op in ops:
        if op.call is not None:
            by_call[id(op.call)] = by_call.get(id(op.call), 0) + 1
        for depth in range(1, len(op.modules) + 1):
            path = op.modules[:depth]
            by_module[path] = by_module.get(path, 0) + 1
    return {
        id(op.call)
        for op in ops
        if op.call is not None and by_call[id(op.call)] > 1 and by_module.get(op.modules) != by_call[id(op.call)]
    }


def _label(module: Any, owner: Any) -> str:
    """The attribute that the owner knows it by; a list's place comes with the list's name ("blocks.3")."""
    if owner is not None:
        for name, child in owner.named_modules():
            if child is module and name:
                return str(name)
    return type(module).__name__


def type_of(module: Any) -> str:
    """The class and what it was made with, short: "Linear(64, 256)"."""
    name = type(module).__name__
    try:
        made_with = str(module.extra_repr())
    except Exception:  # a learner's extra_repr may fail; the class name does for a label
        made_with = ""
    short = _PLAIN.sub("", made_with).replace(", bias=True", "").replace(", elementwise_affine=True", "")
    short = " ".join(short.split())
    return f"{name}({short[:80]})" if short else name
