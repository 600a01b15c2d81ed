"""Modules, loops and composite functions as groups, so that a large graph has a small first view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

from backend.trace.iterations import Header, Path
from backend.trace.recorder import Recorder
from backend.trace.records import Call, Op, Value
from backend.wire.messages import Group

_PLAIN = re.compile(r"\b(?:in_features|out_features|num_embeddings|embedding_dim|normalized_shape)=")


HEADER: Final = 60
"""Characters of a loop's header that are told."""


class Calls(NamedTuple):
    """What the recorder knows of all steps: the modules that were called, the loops around each, the loops' headers."""

    modules: list[Any]
    loops: list[Path]
    headers: list[Header]

    @classmethod
    def of(cls, recorder: Recorder) -> Calls:
        """The recorder's own lists, which grow while it records."""
        return cls(recorder.module_calls, recorder.module_loops, recorder.loop_headers)


class Groups:
    """The groups of one step. Ids are given by first use."""

    def __init__(self, ops: list[Op], calls: Calls) -> None:
        self._calls = calls
        self._made: dict[Any, Any] = {}
        self._of_op: dict[int, str | None] = {}
        self._homes: dict[tuple[int, int], str | None] = {}
        self._paths: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
        self._attributes: dict[int, dict[int, str]] = {}
        self._ops = ops
        self._used_in: dict[int, str | None] | None = None
        self._turns = turns_of(ops)
        self._single: set[tuple[Any, ...]] = set()
        if any(count > 1 for count in self._turns.values()):
            self._single = self._lonely(ops)
        composite = _composites(ops)
        for op in ops:
            group = self._home(op)
            if op.call is not None and id(op.call) in composite:
                group = self._function_group(op.call, group)
            self._of_op[id(op)] = group

    def of_op(self, op: Op) -> str | None:
        """The innermost group of an op."""
        return self._of_op[id(op)]

    def of_source(self, value: Value, user: Op | None) -> str | None:
        """A parameter lies in the module that uses it first; other leaves and data lie where they were made.

        Of those made elsewhere, what has no name and is used in one iteration alone lies in that.
        """
        if value.is_parameter and user is not None:
            return self._existing(user.modules)
        group = None if value.origin is None else self._innermost(self._path(value.origin))
        if group is None and not value.names and user is not None:
            group = self._users().get(id(value))
        return group

    def _innermost(self, path: list[tuple[Any, ...]]) -> str | None:
        """The last group of a path that is there."""
        return next((str(self._made[element].id) for element in reversed(path) if element in self._made), None)

    def _users(self) -> dict[int, str | None]:
        """id(leaf or data) -> the loop or the iteration that all its uses are in; None where that is not one."""
        if self._used_in is None:
            self._used_in = {}
            loops: dict[tuple[int, int], str | None] = {}
            for op in self._ops if any(count > 1 for count in self._turns.values()) else ():
                around = _around(op)
                if around not in loops:
                    loops[around] = self._innermost([e for e in self._path(op) if e[0] != "module"])
                for value in op.inputs:
                    if value.op is None and self._used_in.setdefault(id(value), loops[around]) != loops[around]:
                        self._used_in[id(value)] = None
        return self._used_in

    def used(self) -> list[Any]:
        """The groups, outer before inner."""
        return list(self._made.values())

    def modules(self) -> dict[str, Any]:
        """The module of each group that is one."""
        return {
            group.id: self._calls.modules[element[1][-1]]
            for element, group in self._made.items()
            if isinstance(element, tuple) and element[0] == "module"
        }

    def _existing(self, path: tuple[int, ...]) -> str | None:
        made = self._made.get(("module", path))
        return None if made is None else str(made.id)

    def _home(self, op: Op) -> str | None:
        """The group of the modules and the loops around an op; made if it is new."""
        if not op.modules and not op.loops:
            return None
        key = _around(op)
        if key not in self._homes:
            parent = None
            for element in self._path(op):
                if element not in self._single:
                    parent = self._enter(element, parent)
            self._homes[key] = parent
        return self._homes[key]

    def _path(self, op: Op) -> list[tuple[Any, ...]]:
        """What is around an op, outermost first: modules, loops that turned several times in this step, iterations."""
        key = _around(op)
        found = self._paths.get(key)
        if found is None:
            found = self._paths[key] = []
            done = 0
            for depth in range(1, len(op.modules) + 1):
                around = self._calls.loops[op.modules[depth - 1]]
                found += self._loops_of(op.loops[done : len(around)])
                done = max(done, len(around))
                found.append(("module", op.modules[:depth]))
            found += self._loops_of(op.loops[done:])
        return found

    def _loops_of(self, path: Path) -> Iterator[tuple[Any, ...]]:
        for one in path:
            if self._turns.get(one.run, 0) > 1:
                yield ("loop", one.run, one.loop)
                yield ("iteration", one.run, one.loop, one.iteration)

    def _lonely(self, ops: list[Op]) -> set[tuple[Any, ...]]:
        """Iterations that hold one thing, an op or a module: a frame around it would say nothing."""
        holds: dict[tuple[Any, ...], set[Any]] = {}
        for op in {_around(op): op for op in ops}.values():
            path = self._path(op)
            for element, inside in pairwise(path):
                if element[0] == "iteration":
                    holds.setdefault(element, set()).add(inside)
        for op in ops:
            path = self._path(op)
            if path and path[-1][0] == "iteration":
                holds.setdefault(path[-1], set()).add(id(op))
        return {element for element, inside in holds.items() if len(inside) == 1}

    def _enter(self, element: tuple[Any, ...], parent: str | None) -> str:
        made = self._made.get(element)
        if made is None:
            describe = {"module": self._module, "loop": self._loop, "iteration": self._iteration}[element[0]]
            made = self._made[element] = Group(id=f"g{len(self._made)}", parent=parent, **describe(element))
        return str(made.id)

    def _module(self, element: tuple[Any, ...]) -> dict[str, Any]:
        path = element[1]
        module = self._calls.modules[path[-1]]
        owner = self._calls.modules[path[-2]] if len(path) > 1 else None
        return {"kind": "module", "label": self._label(module, owner), "type": type_of(module)}

    def _label(self, module: Any, owner: Any) -> str:
        """The attribute that the owner knows it by; a list's place comes with the list's name ("blocks.3")."""
        if owner is None:
            return type(module).__name__
        known = self._attributes.get(id(owner))
        if known is None:
            known = self._attributes[id(owner)] = {id(child): name for name, child in owner.named_modules() if name}
        return known.get(id(module), type(module).__name__)

    def _loop(self, element: tuple[Any, ...]) -> dict[str, Any]:
        _, run, loop = element
        line, header, turn = self._calls.headers[loop]
        turns = self._turns[run]
        label = header if len(header) <= HEADER else header[: HEADER - 1] + "…"
        return {"kind": "loop", "label": label, "type": f"{turns} {turn}s", "line": line, "iterations": turns}

    def _iteration(self, element: tuple[Any, ...]) -> dict[str, Any]:
        _, _, loop, iteration = element
        turn = self._calls.headers[loop].turn
        return {"kind": "loop", "label": f"{turn} {iteration + 1}", "type": None, "iteration": iteration}

    def _function_group(self, call: Call, parent: str | None) -> str:
        made = self._made.get(id(call))
        if made is None:
            made = self._made[id(call)] = Group(
                id=f"g{len(self._made)}", parent=parent, kind="function", label=call.name, type=None
            )
        return str(made.id)


def turns_of(ops: list[Op]) -> dict[int, int]:
    """Run of a loop -> in how many of its iterations ops of this step ran. In a training loop it is one."""
    seen: dict[int, set[int]] = {}
    last = None
    for op in ops:
        if op.loops is not last:
            last = op.loops
            for one in last:
                seen.setdefault(one.run, set()).add(one.iteration)
    return {run: len(iterations) for run, iterations in seen.items()}


def _composites(ops: list[Op]) -> set[int]:
    """The calls that ran several ops, unless they are all that their module did: the module then says it."""
    by_call: dict[int, int] = {}
    by_path: dict[int, int] = {}
    for op in ops:
        if op.call is not None:
            by_call[id(op.call)] = by_call.get(id(op.call), 0) + 1
        by_path[id(op.modules)] = by_path.get(id(op.modules), 0) + 1
    several = {call for call, count in by_call.items() if count > 1}
    if not several:
        return several
    by_module: dict[tuple[int, ...], int] = {}
    for path in {id(op.modules): op.modules for op in ops}.values():
        for depth in range(1, len(path) + 1):
            by_module[path[:depth]] = by_module.get(path[:depth], 0) + by_path[id(path)]
    return {id(op.call) for op in ops if id(op.call) in several and by_module.get(op.modules) != by_call[id(op.call)]}


def _around(op: Op) -> tuple[int, int]:
    """What is around an op, by identity: ops of one iteration, in one call of a module, share the very same paths."""
    return id(op.modules), id(op.loops)


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
