"""Dropout and batch norm in the wrong mode: training while the model is evaluated, evaluating while it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backend.trace.notices.caution import Caution, attribute
from backend.trace.records import Op, Step

_NORMS: Final = frozenset({"batch_norm", "native_batch_norm", "_native_batch_norm_legit", "cudnn_batch_norm"})
_DROPOUTS: Final = frozenset(
    {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"}
)


class Modes:
    """Remembers whether anything was trained, and which batch norms were seen in training mode."""

    def __init__(self) -> None:
        self._trained = False
        self._norms_trained: set[int] = set()

    def look(self, step: Step, module_calls: list[object]) -> Iterator[Caution]:
        """A step of a new structure."""
        for op in step.ops:
            mode = _mode(op)
            if mode is None:
                continue
            if mode and self._trained and not op.grad_enabled:
                yield _training_at_evaluation(op)
            norm = id(module_calls[op.modules[-1]]) if op.modules and op.info.packet in _NORMS else None
            if norm is None:
                continue
            if mode:
                self._norms_trained.add(norm)
            elif step.engine and op.grad_enabled and norm in self._norms_trained:
                yield Caution(
                    "evaluation_at_training",
                    "The model is trained in evaluation mode: batch norm uses its running statistics and no longer "
                    "updates "
                    "them, and dropout is off. It was in training mode before.",
                    "Call `model.train()` after each evaluation.",
                    op.site,
                    op,
                )

    def passed(self, step: Step) -> None:
        """A step has ended."""
        self._trained = self._trained or bool(step.updates)


def _mode(op: Op) -> bool | None:
    """True in training, False in evaluation, None for an op that is the same in both."""
    if op.info.packet in _NORMS:
        return bool(attribute(op, "training"))
    # in evaluation dropout runs no op at all
    return True if op.call is not None and op.call.name in _DROPOUTS else None


def _training_at_evaluation(op: Op) -> Caution:
    norm = op.info.packet in _NORMS
    does = (
        "batch norm computes its statistics from this batch and changes its running ones"
        if norm
        else "dropout sets elements to zero by chance"
    )
    return Caution(
        "training_at_evaluation",
        f"The model is evaluated (gradients are off), but it is still in training mode: {does}, so the result "
        "changes from "
        "call to call.",
        "Call `model.eval()` before evaluating, and `model.train()` before training goes on.",
        op.site,
        op,
    )
