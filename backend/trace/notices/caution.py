"""One thing to be told, and the step that it is told of."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from backend.trace.records import Op, Site, Step, Value
from backend.trace.summary import Summaries

_VIEWS: Final = re.compile(
    r"view|reshape|_unsafe_view|t|transpose|permute|squeeze|unsqueeze|expand|select|slice|alias|detach|contiguous|clone"
)
"""Ops that hand on the same numbers in another form."""


@dataclass(frozen=True)
class Caution:
    """A notice before its line and node are looked up. `about` is the op or value that it points at."""

    kind: str
    message: str
    suggestion: str | None = None
    site: Site | None = None
    about: Op | Value | None = None
    line: int | None = None
    """Where there is no `site`."""
    level: Literal["info", "warning"] = "warning"


@dataclass(frozen=True)
class Told:
    """A step, its numbers, and the node of each op and value in its graph."""

    step: Step
    summaries: Summaries
    node_of: Callable[[Op | Value], str | None]


def origin(value: Value) -> Value:
    """What a value is a view or a copy of."""
    while value.op is not None and _VIEWS.fullmatch(value.op.info.packet) and value.op.inputs:
        value = value.op.inputs[0]
    return value


def called(what: Op | Value, fallback: str = "a tensor") -> str:
    """The name that the snippet gave it, or what made it."""
    names = what.names if isinstance(what, Value) else [n for v in what.values for n in v.names]
    if names:
        return f"`{names[0]}`"
    op = what if isinstance(what, Op) else what.op
    if op is None:
        return fallback
    return f"the result of {op.call.name if op.call is not None else op.info.packet}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """A few names, and how many more there are."""
    shown = ", ".join(f"`{n}`" for n in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def attribute(op: Op, name: str) -> Any:
    """An argument of an op that is no tensor."""
    return next((value for key, value in op.attributes if key == name), None)
