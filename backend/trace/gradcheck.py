"""Finite differences beside the gradient that autograd computed, for the snippet's first backward.

Each checked element of each leaf is moved a little up and a little down, and the snippet run again up to its loss:
(loss up - loss down) / (2 * epsilon), in float64.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Final

import torch

from backend.errors import Stopped
from backend.trace.named import Place
from backend.trace.rerun import Move, Reached, Rerun, place_of
from backend.trace.source import Source
from backend.wire.messages import CheckedElementRecord, CheckedLeafRecord, GradcheckMessage

EPSILON: Final = 1e-6
ELEMENTS: Final = 16
"""Checked in one leaf; more are spread over it."""
RERUNS: Final = 400
LEAVES: Final = 64
SHARE: Final = 0.25
"""Of the run's CPU time: what a check may take in all."""
ABSOLUTE: Final = 1e-5
RELATIVE: Final = 1e-4
"""Apart by more than ABSOLUTE times the loss's own size plus RELATIVE times the gradient, the two do not agree."""
KINK: Final = 0.01
"""Where the slopes to both sides differ by more than this share, and not only by rounding, there is a corner."""


class Gradcheck:
    """One check. `places` knows the leaves by name."""

    def __init__(self, rerun: Rerun, source: Source, places: Mapping[str, Place], cpu_seconds: float) -> None:
        self._rerun = rerun
        self._source = source
        self._places = places
        self._seconds = cpu_seconds * SHARE

    def message(self, run_seconds: float) -> Any:
        """The check, or why it cannot be made. `run_seconds` is what the snippet itself took."""
        if run_seconds > self._seconds / 4:
            return _refused(
                f"the snippet takes {run_seconds:.1f} s, and a check runs it twice for each number: use smaller tensors"
            )
        end = time.process_time() + self._seconds
        try:
            base, again = self._rerun.run(gradients=True), self._rerun.run()
            if base is None or again is None:
                return _refused("no backward was called, so there is no gradient to check")
            line = self._source.line(base.site)
            if not math.isfinite(base.loss):
                return _refused(f"the loss is {base.loss}: no difference can be taken of it", line)
            if base.loss != again.loss:
                return _refused("two runs gave two losses: something is random without a seed, or keeps a state", line)
            leaves = [self._leaf(place, base, end) for place in range(min(len(base.leaves), LEAVES))]
        except Stopped:
            raise
        except BaseException as error:  # whatever the learner's code may raise
            return _refused(f"in float64 the snippet ends with {type(error).__name__}: {str(error)[:200]}")
        left = len(base.leaves) - len(leaves)
        reason = f"{left} more leaves were not checked" if left > 0 else None
        return GradcheckMessage(line=line, epsilon=EPSILON, loss=base.loss, leaves=leaves, reason=reason)

    def _leaf(self, place: int, base: Reached, end: float) -> Any:
        leaf, gradient = base.leaves[place], base.gradients[place]
        name = base.names.get(id(leaf))
        known = self._places.get(name) if name is not None else None
        why = _uncheckable(leaf, gradient)
        elements: list[Any] = []
        if why is None and gradient is not None:
            share = max(1, RERUNS // (2 * min(len(base.leaves), LEAVES)))
            for element in _spread(leaf.numel(), min(ELEMENTS, share)):
                if time.process_time() > end:
                    why = "the time for checks was used up"
                    break
                elements.append(self._element(place, element, leaf, gradient, base))
        differences = [e.difference for e in elements]
        return CheckedLeafRecord(
            name=name,
            node=known.node if known else None,
            step=known.step if known else None,
            shape=list(leaf.shape),
            elements=elements,
            difference=max(differences) if differences else None,
            agrees=all(_agrees(e, base.loss) for e in elements) if elements else None,
            reason=why,
        )

    def _element(self, place: int, element: int, leaf: torch.Tensor, gradient: torch.Tensor, base: Reached) -> Any:
        up, down = (self._loss(Move(place, element, by)) for by in (EPSILON, -EPSILON))
        numerical = (up - down) / (2 * EPSILON)
        right, left = (up - base.loss) / EPSILON, (base.loss - down) / EPSILON
        index = place_of(element, leaf.shape)
        analytical = float(gradient.to_dense()[index] if gradient.is_sparse else gradient[index])
        if not all(map(math.isfinite, (numerical, analytical))):
            raise ArithmeticError(f"a gradient of {analytical} beside a difference of {numerical}")
        return CheckedElementRecord(
            index=list(index),
            analytical=analytical,
            numerical=numerical,
            difference=abs(analytical - numerical),
            smooth=abs(right - left) <= _rounding(base.loss) + KINK * max(abs(right), abs(left)),
        )

    def _loss(self, move: Move) -> float:
        reached = self._rerun.run(move)
        return math.nan if reached is None else reached.loss


def _rounding(loss: float) -> float:
    return ABSOLUTE * max(1.0, abs(loss))


def _agrees(element: Any, loss: float) -> bool:
    close = element.difference <= _rounding(loss) + RELATIVE * abs(element.numerical)
    return close or not element.smooth  # at a corner autograd takes one of the slopes, or one between


def _uncheckable(leaf: torch.Tensor, gradient: torch.Tensor | None) -> str | None:
    if gradient is None:
        return "it is not on the path to the loss: its .grad stays None"
    if leaf.is_complex():
        return "it is complex: it would have to be moved in two directions"
    if leaf.is_meta:
        return "it is on the meta device, and has no numbers"
    if leaf.dtype is not torch.float64:
        return f"it stays {str(leaf.dtype).removeprefix('torch.')}, which is too coarse for small differences"
    return "it has no elements" if leaf.numel() == 0 else None


def _spread(count: int, most: int) -> list[int]:
    """At most so many of `count` elements: the first, the last, and evenly between."""
    if count <= most:
        return list(range(count))
    if most == 1:
        return [count // 2]
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def _refused(reason: str, line: int | None = None) -> Any:
    return GradcheckMessage(line=line, epsilon=EPSILON, loss=None, leaves=[], reason=reason)
