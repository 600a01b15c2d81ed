"""What each line bound: the values that the editor shows beside the lines.

While the snippet runs, a tensor is told where it gets a node in a structure that is new: what it holds in each step,
the steps say. Other values are told when they have changed, twice a second at most, and only those of which `repr` runs
nothing of the learner's. At the end each name's last value is told.
"""

from __future__ import annotations

import math
import struct
import types
from collections.abc import Callable, Mapping
from itertools import islice
from time import perf_counter
from typing import Any, Final, NamedTuple

import torch

from backend.trace.groups import type_of
from backend.trace.names import Names, is_tensor
from backend.trace.records import Value
from backend.trace.reduction import Summary
from backend.trace.reprs import repr_of
from backend.wire.messages import STATISTICS, BindingMessage

_WIDTH = 60
"""Characters of a value that fit beside a line."""

_PLAIN: Final = frozenset({int, float, complex, bool, str, bytes, type(None), torch.Size, torch.dtype, torch.device})
"""Types whose repr runs no code of the learner's and no op of torch."""

PAUSE_SECONDS: Final = 0.5
"""Between two looks at the names while the snippet runs."""

SHARE: Final = 20
"""A look that took long is followed by a pause of so many times that."""

_SILENT = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
"""What an import, `def` or `class` binds is not news to who wrote it."""


class Shown(NamedTuple):
    """Where a named value was seen last: its numbers, its grad_fn, node and step."""

    summary: Summary
    grad_fn: str | None
    node: str
    graph: str
    step: int


class Bindings:
    """Tells what the names of one run hold. `shown`: id(value) -> where a named value was seen last."""

    def __init__(
        self,
        names: Names,
        shown: Mapping[int, Shown],
        bound: Mapping[int, tuple[str, ...]],
        send: Callable[[Any], None],
    ) -> None:
        self._names = names
        self._shown = shown
        self._lines = {name: line for line, here in sorted(bound.items()) for name in here}
        """Each name -> the last line that binds it."""
        self._send = send
        self._told: dict[tuple[int, str], Any] = {}
        self._nodes: set[tuple[int, str, str, str]] = set()
        """Line, name, node and graph of each tensor that was told."""
        self._looked = -math.inf
        self._rest = 0.0

    def turn(self, *, fresh: bool) -> None:
        """A step is over; `fresh` if its structure was new. Tells what is new then, or if it is time to."""
        started = perf_counter()
        if not fresh and started - self._looked < max(PAUSE_SECONDS, self._rest):
            return
        for message in self._found(at_end=False):
            if self._is_news(message):
                self._tell(message)
        self._looked = perf_counter()
        self._rest = SHARE * (self._looked - started)

    def end(self, *, at_rest: bool) -> None:
        """The last value of each name. Where the snippet is not `at_rest`, none of its code may be asked for a repr."""
        for message in self._found(at_end=at_rest):
            if message != self._told.get((message.line, message.name)):
                self._tell(message)

    def _is_news(self, message: Any) -> bool:
        if message.node is not None:
            return (message.line, message.name, message.node, message.graph) not in self._nodes
        told = self._told.get((message.line, message.name))
        return told is None or (message.type_name, message.text) != (told.type_name, told.text)

    def _tell(self, message: Any) -> None:
        self._told[message.line, message.name] = message
        if message.node is not None:
            self._nodes.add((message.line, message.name, message.node, message.graph))
        self._send(message)

    def _found(self, *, at_end: bool) -> list[Any]:
        """One message for each name that a line bound, in the order of the lines."""
        namespace = self._names.namespace
        found: dict[tuple[int, str], Any] = {}
        for (line, name), value in self._names.bound.items():
            seen = self._shown.get(id(value))
            if seen is not None:
                found[line, name] = _tensor(line, name, seen)
        for name, line in self._lines.items():
            held = namespace.get(name)
            if (line, name) in found or name not in namespace or issubclass(type(held), _SILENT):
                continue
            if is_tensor(held):
                known = self._names.recorder.table.get(id(held))
                seen = self._shown.get(id(known)) if known is not None and known.ref() is held else None
                if seen is not None:
                    found[line, name] = _tensor(line, name, seen)
            elif at_end or _is_plain(held):
                found[line, name] = BindingMessage(
                    line=line, name=name, type_name=type(held).__name__, text=brief(held)
                )
        return [found[key] for key in sorted(found)]


def _is_plain(held: Any) -> bool:
    kind = type(held)
    if kind in (list, tuple, set, frozenset, dict):
        try:
            items = list(islice(held, _WIDTH))
            return all(type(item) in _PLAIN for item in [*items, *(held[key] for key in items if kind is dict)])
        except (KeyError, RuntimeError):  # another thread of the snippet changes it
            return False
    return kind in _PLAIN


def _tensor(line: int, name: str, seen: Shown) -> Any:
    return BindingMessage(
        line=line,
        name=name,
        type_name="Tensor",
        text=tensor_text(seen.summary),
        grad_fn=seen.grad_fn,
        node=seen.node,
        graph=seen.graph,
        step=seen.step,
    )


def shown_value(value: Value, summary: Summary, node: str, graph: str, step: int) -> Shown:
    """What to remember of a named tensor."""
    grad_fn = value.op.grad_fn if value.op is not None and value.requires_grad else None
    return Shown(summary, grad_fn, node, graph, step)


def tensor_text(summary: Summary) -> str:
    """The values if they fit ("5.0", "[1.0, 2.0]"), else the shape ("[4, 64]")."""
    numel = math.prod(summary.shape)
    if (
        summary.values == numel
        and numel <= 4
        and len(summary.shape) <= 1
        and not summary.dtype.startswith("torch.complex")
    ):
        code, size = ("d", 8) if summary.wide else ("f", 4)
        values = struct.unpack_from(f"<{numel}{code}", summary.payload, STATISTICS * size)
        texts = [number_text(v, summary.dtype) for v in values]
        return texts[0] if not summary.shape else f"[{', '.join(texts)}]"
    kind = "" if summary.dtype == "torch.float32" else " " + summary.dtype.removeprefix("torch.")
    device = "" if summary.device == "cpu" else " " + summary.device
    return f"[{', '.join(map(str, summary.shape))}]{kind}{device}"


def number_text(value: float, dtype: str) -> str:
    """A number as torch prints it: five digits, and a point where the type is floating."""
    if dtype == "torch.bool":
        return str(bool(value))
    if "int" in dtype:
        return str(int(value))
    text = f"{value:.5g}"
    return text if any(c in text for c in ".en") else f"{text}.0"


def brief(held: Any) -> str:
    """Repr in one short line; for a module, its class and sizes."""
    if issubclass(type(held), torch.nn.Module):
        return type_of(held)
    kind: Any = type(held)
    if issubclass(kind, torch.optim.Optimizer) or kind.__repr__ is object.__repr__:
        return str(kind.__name__)
    try:
        text = " ".join(repr_of(held, _WIDTH).split())
    except Exception as error:  # a learner's __repr__ may do anything
        return f"<{type(held).__name__}: repr raised {type(error).__name__}>"
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
