"""The recipe of training: gradients that pile up, parameters that none reaches, steps that change nothing."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Final

import torch

from backend.trace.notices.caution import Caution, called, listed
from backend.trace.recorder import Recorder
from backend.trace.records import Site, Step, Value
from backend.trace.source import Source

AT_ONCE: Final = 10
"""Updates with gradients that were never zeroed after which it is said while the run goes on."""

AT_END: Final = 2
"""The same, at the end of the run."""


class Piling:
    """Counts, for each leaf, the updates that used a gradient piled up since the beginning."""

    def __init__(self) -> None:
        self._count: dict[int, tuple[Value, int]] = {}
        self._site: Site | None = None
        self._by_optimizer = False

    def look(self, step: Step) -> Iterator[Caution]:
        """A step whose backward added to gradients that were there."""
        for leaf in step.piled:
            if id(leaf) in step.updates and not leaf.zeroed:
                self._count[id(leaf)] = (leaf, self._count.get(id(leaf), (leaf, 0))[1] + 1)
                self._site = step.backward_site
                self._by_optimizer = step.updates[id(leaf)].optimizer is not None
        yield from self.found(AT_ONCE)

    def found(self, least: int) -> Iterator[Caution]:
        """The caution, if some leaf was updated so often and never zeroed."""
        leaves = [(leaf, count) for leaf, count in self._count.values() if count >= least and not leaf.zeroed]
        if not leaves:
            return
        leaf, count = leaves[0]
        names = [n for v, _ in leaves for n in v.names[:1]]
        who = listed(names) if names else "the parameters"
        one = len(names) < 2
        yield Caution(
            "gradients_pile_up",
            f"Gradients pile up: backward adds to .grad, and {who} {'was' if one else 'were'} updated {count + 1} "
            "times without "
            "being zeroed once. Each update uses the sum of all gradients so far.",
            "Call `optimizer.zero_grad()` before each backward."
            if self._by_optimizer
            else f"Set the gradient back after each update: `{names[0] if names else 'w'}.grad = None`.",
            self._site,
            leaf,
        )


def without_gradient(
    recorder: Recorder, namespace: Mapping[str, Any], called_modules: list[Any], source: Source
) -> Iterator[Caution]:
    """Parameters of a model that was trained, which no backward ever reached."""
    reached = {id(leaf.ref()) for leaf in recorder.leaves.values()}
    for name, root in _roots(namespace, called_modules):
        parameters = list(torch.nn.Module.named_parameters(root))  # a learner's class may have its own
        if not any(id(p) in reached for _, p in parameters):
            continue
        left = [(path, p) for path, p in parameters if p.requires_grad and id(p) not in reached and p.grad is None]
        if not left:
            continue
        names = [f"{name}.{path}" if name else path for path, _ in left]
        value = recorder.table.get(id(left[0][1]))
        used = value is not None and value.ref() is left[0][1] and value.used
        yield Caution(
            "no_gradient",
            f"{listed(names)} never got a gradient: "
            + (
                "it was used, but not on the way to the loss."
                if used
                else "backward went back from the loss and did not come past, because forward did not use it."
            ),
            "Use it in forward on the way to the loss, or leave it out; "
            "with `requires_grad_(False)` it says that it is not to learn.",
            about=value if used else None,
            line=_line_of(left[0][0], name, source),
        )
        return


def _line_of(path: str, root: str, source: Source) -> int | None:
    """The line that makes the layer which holds the parameter at `path`, as far as its name tells."""
    first = re.escape(path.split(".")[0])
    for pattern in (rf"\b\w+\.{first}\s*=", rf"^\s*{re.escape(root)}\s*="):
        for number, line in enumerate(source.lines, 1):
            if re.search(pattern, line):
                return number
    return None


def _roots(namespace: Mapping[str, Any], called_modules: list[Any]) -> Iterator[tuple[str, torch.nn.Module]]:
    """The models that the snippet names, the outermost ones; then those it called without a name."""
    named = [(n, m) for n, m in namespace.items() if issubclass(type(m), torch.nn.Module) and "_modules" in vars(m)]
    inner = {id(child) for _, m in named for child in torch.nn.Module.modules(m) if child is not m}
    for name, module in named:
        if id(module) not in inner:
            yield name, module
    known = inner | {id(m) for _, m in named}
    for module in called_modules[:1]:
        if id(module) not in known and not isinstance(module, types.ModuleType):
            yield type(module).__name__, module


def idle_step(optimizer: str, count: int, site: Site | None) -> Caution:
    """`step()` found no gradient."""
    return Caution(
        "idle_step",
        f"{optimizer}.step() changed nothing: none of its {count} parameter{'s' if count != 1 else ''} had a gradient.",
        "Call `loss.backward()` before `step()`, and `zero_grad()` not between the two.",
        site,
    )


_UNTHREADED: Final = "Call the function itself, without a thread, to see what it computes."


def elsewhere(step: Step, source: Source) -> Iterator[Caution]:
    """Autograd has nodes of ops that nobody saw, and the snippet uses threads: the modes are one thread's."""
    unseen = [node for node in step.engine if node.op is None and node.leaf is None]
    if unseen and any("Thread" in line for line in source.lines):
        yield Caution(
            "other_thread",
            f"{len(unseen)} of the nodes that backward went through belong to operations in another thread, which is "
            "not watched: they have gradients, and no values and lines.",
            _UNTHREADED,
            step.backward_site,
            level="info",
        )


def beside(site: Site) -> Caution:
    """The snippet has started a thread."""
    return Caution(
        "other_thread",
        "What runs in another thread is not watched: what it computes comes without values on the way and without "
        "lines.",
        _UNTHREADED,
        site,
        level="info",
    )


def hidden_write(value: Value, site: Site | None, *, leaf: bool) -> Caution:
    """A write through `.data` that autograd did not see."""
    name = called(value)
    if leaf:
        message = (
            f"{name} was changed through .data between forward and backward. Autograd did not notice, and computed "
            "gradients "
            "with the new values where the old ones were used."
        )
        suggestion = "Change it after backward, under `torch.no_grad()`: then torch says when it is not safe."
    else:
        message = (
            f"{name} was changed through .data, hidden from autograd: gradients go back as if the old values were "
            "still "
            "there."
        )
        suggestion = "Make a new tensor instead, for example with torch.where, or write to a `.clone()` without .data."
    return Caution("hidden_write", message, suggestion, site, value)
