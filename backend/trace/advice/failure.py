"""What is known of an error: the message, the failing call with its operands, and the names that the learner gave them.

Nothing is kept while the snippet runs: the frames of the traceback still hold what each call was given.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

import torch

from backend.trace.advice.expression import Text, called
from backend.trace.recorder import Recorder
from backend.trace.records import Site, Value
from backend.trace.source import FILENAME, Source
from backend.wire.messages import FixRecord

Tensor = torch.Tensor


@dataclass(frozen=True)
class Call:
    """A torch function and what it was given."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def argument(self, place: int, name: str, default: Any = None) -> Any:
        """By place or by name."""
        return self.args[place] if place < len(self.args) else self.kwargs.get(name, default)

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors it was given, those in lists included."""
        return [t for a in (*self.args, *self.kwargs.values()) for t in _tensors(a)]


@dataclass(frozen=True)
class Named:
    """One operand: what the snippet calls it, what it is, and the dimensions of it that do not fit."""

    name: str
    what: Any
    clash: tuple[int, ...] = ()
    text: str | None = None


@dataclass(frozen=True)
class Advice:
    """What an error means here, what to do, with what, and code that would do."""

    explanation: str | None = None
    suggestion: str | None = None
    operands: Sequence[Named] = ()
    fixes: Sequence[FixRecord] = ()


@dataclass
class Failure:
    """One exception that left the learner's code."""

    error: BaseException
    source: Source
    code: str
    namespace: Mapping[str, Any]
    recorder: Recorder
    frame: FrameType | None = None
    """The learner's innermost frame."""
    line: int | None = None
    modules: list[tuple[torch.nn.Module, tuple[Any, ...]]] = field(default_factory=list)
    """The torch modules that were being called from there, outer before inner, and what each was given."""
    call: Call | None = None
    node: ast.AST | None = None
    """The failing expression."""
    site: Site | None = None
    """Its place in the bytecode."""
    _text: Text | None = None
    _written: dict[int, ast.expr] = field(default_factory=dict)
    """id of an operand -> the part of the failing expression that it is."""

    @property
    def message(self) -> str:
        """Torch's or Python's own words."""
        return str(self.error)

    @property
    def text(self) -> Text:
        """The snippet's text."""
        if self._text is None:
            self._text = Text(self.code)
        return self._text

    @property
    def scope(self) -> dict[str, Any]:
        """The names that the failing line could see, its own function's last."""
        own = {} if self.frame is None else self.frame.f_locals
        return {**self.namespace, **own}

    @property
    def module(self) -> torch.nn.Module | None:
        """The innermost module of torch's own that the error came through."""
        return self.modules[-1][0] if self.modules else None

    # what things are called

    def name_of(self, what: Any) -> str | None:
        """The learner's own name for an object: as written in the failing expression, or of a variable, or a path."""
        node = self._written.get(id(what))
        written = None if node is None else self.text.short(node)
        if written is not None:
            return written
        own = {} if self.frame is None else self.frame.f_locals
        for names in (own, self.namespace):
            for name, held in names.items():
                if held is what and not name.startswith("__"):
                    return str(name)
        if isinstance(what, torch.nn.Module):
            return self._path(what)
        return self._parameter(what) if isinstance(what, Tensor) else None

    def operand(self, what: Any, fallback: str, *, clash: Sequence[int] = (), text: str | None = None) -> Named:
        """An object with its name, or the part that it plays."""
        return Named(self.name_of(what) or fallback, what, tuple(clash), text)

    def rewritten(self, changes: Sequence[tuple[Any, str]], label: str = "") -> list[FixRecord]:
        """The failing lines with operands wrapped: `(x, "{}.T")` writes `x.T` for x. Empty if one is not written there.

        What is turned already is turned back: `x` for `x.T`, not `x.T.T`.
        Without a label, it is the failing expression as it then reads.
        """
        parts: list[tuple[ast.AST, str]] = []
        for what, template in changes:
            node = self._written.get(id(what))
            if node is None:
                return []
            parts.append((node, _turned_once(template.format(self.text.as_operand(node)))))
        return [self.text.fix(parts, label or self.text.reading(self.node, parts))]

    def replaced(self, code: str, label: str = "") -> list[FixRecord]:
        """The failing lines with other code for the failing expression."""
        return [] if self.node is None else [self.text.fix([(self.node, code)], label or code)]

    def value(self, tensor: Tensor) -> Value | None:
        """The record of a tensor."""
        return self.recorder.known(tensor)

    def made_at(self, what: Any) -> int | None:
        """The line that made a tensor."""
        value = self.recorder.table.get(id(what)) if isinstance(what, Tensor) else None
        if value is None or value.ref() is not what:
            return None
        op = value.op or value.origin
        span = self.source.span(op.site) if op is not None else None
        return None if span is None else span.line

    def is_module(self, node: ast.expr) -> bool:
        """Whether an expression is a Python module, such as `torch.nn.functional`."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and inspect.ismodule(self.scope.get(node.id))

    def _roots(self) -> list[tuple[str, torch.nn.Module]]:
        own = {} if self.frame is None else self.frame.f_locals
        found = [(n, m) for n, m in self.namespace.items() if issubclass(type(m), torch.nn.Module)]
        return found + [(n, m) for n, m in own.items() if issubclass(type(m), torch.nn.Module)]

    def _path(self, module: torch.nn.Module) -> str | None:
        for variable, root in self._roots():
            for path, child in _named_modules(root):
                if child is module:
                    return f"{variable}.{path}" if path else variable
        return None

    def _parameter(self, tensor: Tensor) -> str | None:
        for variable, root in self._roots():
            for path, child in _named_modules(root):
                for name, held in vars(child).get("_parameters", {}).items():
                    if held is tensor:
                        return ".".join(part for part in (variable, path, name) if part)
        return None


def failure_of(
    error: BaseException, source: Source, code: str, namespace: Mapping[str, Any], recorder: Recorder
) -> Failure:
    """Everything that the traceback still knows."""
    failure = Failure(error, source, code, namespace, recorder)
    traceback = error.__traceback__
    offset = 0
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename == FILENAME:
            failure.frame, failure.line, offset = frame, traceback.tb_lineno, traceback.tb_lasti
            failure.modules, failure.call = [], None
        else:
            _look_into(failure, traceback)
        traceback = traceback.tb_next
    if failure.frame is not None:
        failure.site = (failure.frame.f_code, offset)
        failure.node = failure.text.at(*failure.site)
    _align(failure)
    return failure


def _look_into(failure: Failure, traceback: TracebackType) -> None:
    frame = traceback.tb_frame
    name = frame.f_code.co_name
    if name == "_call_impl":
        held = frame.f_locals
        if isinstance(held.get("self"), torch.nn.Module):
            failure.modules.append((held["self"], tuple(held.get("args", ()))))
    elif name == "__torch_function__" and failure.call is None:
        held = frame.f_locals
        func = held.get("func")
        if func is not None and frame.f_globals.get("__name__", "").startswith("backend.trace"):
            called = getattr(func, "__name__", "")
            failure.call = Call(called, tuple(held.get("args") or ()), held.get("kwargs") or {})


def _align(failure: Failure) -> None:
    """Which part of the failing expression is which object."""
    node = failure.node
    if node is None:
        return
    if failure.modules:
        args = failure.modules[0][1]
        if isinstance(node, ast.Call) and len(node.args) == len(args):
            _pair(failure, node.args, args)
        return
    call = failure.call
    if call is None:
        return
    args = call.args[::-1] if call.name.startswith("__r") and len(call.args) == 2 else call.args
    _pair(failure, parts_of(failure, node, call.name, len(args)), args)
    if isinstance(node, ast.Call) and called(node) == call.name:
        for keyword in node.keywords:
            if keyword.arg is not None and keyword.arg in call.kwargs:
                _pair(failure, [keyword.value], [call.kwargs[keyword.arg]])


def parts_of(failure: Failure, node: ast.AST, name: str, count: int) -> list[ast.expr]:
    """The expressions that became the `count` positional arguments of the call `name`, as far as the syntax says."""
    if isinstance(node, ast.Call) and called(node) == name:
        method = isinstance(node.func, ast.Attribute) and not failure.is_module(node.func.value)
        return [node.func.value, *node.args] if method and isinstance(node.func, ast.Attribute) else list(node.args)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
        return [node.right] if count == 1 else []  # `"%.2f" % x`
    if count == 1 and isinstance(node, ast.expr):
        # `int(x)`, `len(x)`, `np.array(x)`; and `if x:`, where the operand is all there is
        outer = isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords
        inner = node.args[0] if isinstance(node, ast.Call) and outer else node
        return [node.operand] if isinstance(node, ast.UnaryOp) else [node if name == "__bool__" else inner]
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.AugAssign):
        return [node.target, node.value]
    if isinstance(node, ast.Compare) and len(node.comparators) == 1:
        return [node.left, node.comparators[0]]
    if isinstance(node, ast.Subscript):
        return [node.value, node.slice]
    return []


def _pair(failure: Failure, nodes: Sequence[ast.expr], objects: Sequence[Any]) -> None:
    for node, what in zip(nodes, objects, strict=False):
        if isinstance(node, ast.List | ast.Tuple) and isinstance(what, list | tuple):
            _pair(failure, node.elts, what)
        elif isinstance(what, Tensor):
            failure._written.setdefault(id(what), node)


def _tensors(what: Any) -> list[Tensor]:
    if isinstance(what, Tensor):
        return [what]
    return [t for item in what for t in _tensors(item)] if isinstance(what, list | tuple) else []


def _named_modules(root: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """As `named_modules`, and nothing for a module that was never set up."""
    return list(root.named_modules()) if "_modules" in vars(root) else [("", root)]


def _turned_once(code: str) -> str:
    return next((code[: -len(twice)] for twice in (".T.T", ".mT.mT") if code.endswith(twice)), code)
