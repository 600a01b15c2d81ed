"""Losses whose prediction and target do not belong together."""

from __future__ import annotations

import re
from typing import Any, Final

import torch

from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family, dtype, shape

_CLASSES: Final = frozenset({"cross_entropy", "nll_loss", "multi_margin_loss"})


def _pair(failure: Failure, *names: str) -> tuple[torch.Tensor, torch.Tensor] | None:
    call = failure.call
    if call is None or call.name not in names:
        return None
    x, target = call.argument(0, "input"), call.argument(1, "target")
    return (x, target) if isinstance(x, torch.Tensor) and isinstance(target, torch.Tensor) else None


def _swapped(x: torch.Tensor, target: torch.Tensor) -> bool:
    return not x.is_floating_point() and target.is_floating_point()


def swapped(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """The target came first."""
    pair = _pair(failure, *_CLASSES)
    if pair is None or not _swapped(*pair):
        return None
    x, target = pair
    first, second = failure.operand(x, "first"), failure.operand(target, "second")
    name = failure.call.name if failure.call is not None else "the loss"
    return Advice(
        f"{name} takes the prediction first and the target second. `{first.name}` ({dtype(x)}, {shape(x)}) looks like "
        f"class numbers, `{second.name}` ({dtype(target)}, {shape(target)}) like the prediction.",
        f"Swap them: `{_loss(failure)}({second.name}, {first.name})`.",
        [first, second],
        failure.rewritten([(x, second.name), (target, first.name)]),
    )


def _loss(failure: Failure) -> str:
    """How the learner calls the loss."""
    if failure.module is not None:
        return failure.name_of(failure.module) or f"nn.{type(failure.module).__name__}()"
    return f"F.{failure.call.name}" if failure.call is not None else "loss"


def batch(failure: Failure, match: re.Match[str]) -> Advice | None:
    """As many targets as predictions."""
    pair = _pair(failure, *_CLASSES)
    if pair is None:
        return None
    x, target = pair
    if _swapped(x, target):
        return swapped(failure, match)
    logits, wanted = failure.operand(x, "input", clash=[0]), failure.operand(target, "target", clash=[0])
    explanation = (
        f"There must be one class number for each row of the prediction. `{logits.name}` is {shape(x)}: {x.shape[0]} "
        "rows "
        f"of {x.shape[-1]} scores; `{wanted.name}` is {shape(target)}: {target.shape[0]} class numbers."
    )
    if x.dim() == 3 and target.numel() == x.shape[0] * x.shape[1]:
        text = f"{logits.name}.flatten(0, 1)"
        changes: list[tuple[Any, str]] = [(x, "{}.flatten(0, 1)")]
        if target.dim() > 1:
            changes.append((target, "{}.flatten()"))
        return Advice(
            explanation,
            f"Lay batch and time out in one row: `{text}` is {shape(x.flatten(0, 1))}.",
            [logits, wanted],
            failure.rewritten(changes),
        )
    return Advice(
        explanation,
        "Use prediction and target of the same batch: look at the lines that made them.",
        [logits, wanted],
    )


def class_number(failure: Failure, match: re.Match[str]) -> Advice | None:
    """A class that the prediction has no score for."""
    pair = _pair(failure, *_CLASSES)
    if pair is None:
        return None
    x, target = pair
    classes = x.shape[1] if x.dim() > 1 else x.shape[0]
    bad = int(match.group(1))
    where = (target == bad).nonzero()
    place = where[0].tolist() if len(where) else []
    logits = failure.operand(x, "input", clash=[min(1, x.dim() - 1)])
    wanted = failure.operand(target, "target", text=f"{bad} at {place}" if place else str(bad))
    suggestion = f"Give the prediction {bad + 1} classes (the last layer's out_features), or correct the target."
    if bad == classes and int(target.min()) == 1:
        shifted = f"{wanted.name} - 1"
        return Advice(
            f"`{logits.name}` is {shape(x)}: scores for {classes} classes, numbered 0 to {classes - 1}. "
            f"`{wanted.name}` counts from 1 to {bad}.",
            f"Count from 0: `{shifted}`.",
            [logits, wanted],
            failure.rewritten([(target, "{} - 1")]),
        )
    return Advice(
        f"`{logits.name}` is {shape(x)}: scores for {classes} classes, numbered 0 to {classes - 1}. `{wanted.name}` "
        "has "
        f"the class {bad}{f' at {place}' if place else ''}.",
        suggestion,
        [logits, wanted],
    )


def target_type(failure: Failure, match: re.Match[str]) -> Advice | None:
    """Class numbers as floats."""
    pair = _pair(failure, *_CLASSES)
    if pair is None:
        return None
    x, target = pair
    if _swapped(x, target):
        return swapped(failure, match)
    wanted = failure.operand(target, "target")
    return Advice(
        f"The target says for each row which class is right, as a whole number (int64). `{wanted.name}` is "
        f"{dtype(target)} of shape {shape(target)}.",
        f"Make it whole numbers: `{wanted.name}.long()`.",
        [failure.operand(x, "input"), wanted],
        failure.rewritten([(target, "{}.long()")])
        if bool((target == target.long()).all() and (target >= 0).all())
        else [],
    )


def shares(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """`F.one_hot(…)` as the target: whole numbers where a share of each class is wanted."""
    pair = _pair(failure, *_CLASSES)
    if pair is None:
        return None
    x, target = pair
    wanted = failure.operand(target, "target")
    return Advice(
        f"`{wanted.name}` has the shape of the prediction, {shape(target)}, so it says how much of each class is "
        f"right: that is a floating point number, and it is {dtype(target)}.",
        f"Make it floating point: `{wanted.name}.float()`. Or give class numbers, one for each row, without one_hot.",
        [failure.operand(x, "input"), wanted],
        failure.rewritten([(target, "{}.float()")]),
    )


def target_shape(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """A column of class numbers, or a sequence with its classes in the wrong place."""
    pair = _pair(failure, *_CLASSES)
    if pair is None:
        return None
    x, target = pair
    logits, wanted = failure.operand(x, "input"), failure.operand(target, "target", clash=range(target.dim()))
    if target.dim() == 2 and target.shape[1] == 1:
        return Advice(
            f"The target is one class number for each row: shape [{x.shape[0]}]. `{wanted.name}` is {shape(target)}, a "
            "column.",
            f"Drop the last dimension: `{wanted.name}.squeeze(1)` is {shape(target.squeeze(1))}.",
            [logits, wanted],
            failure.rewritten([(target, "{}.squeeze(1)")]),
        )
    if x.dim() > 2 and x.shape[:-1] == target.shape:
        text = f"{logits.name}.transpose(1, {x.dim() - 1})"
        return Advice(
            f"cross_entropy reads dimension 1 as the classes. `{logits.name}` is {shape(x)}, and its classes stand "
            "last; "
            f"`{wanted.name}` is {shape(target)}.",
            f"Bring the classes to dimension 1: `{text}`, or lay everything out in rows: "
            f"`{logits.name}.flatten(0, {x.dim() - 2})` and `{wanted.name}.flatten()`.",
            [failure.operand(x, "input", clash=[1, x.dim() - 1]), wanted],
            failure.rewritten([(x, f"{{}}.transpose(1, {x.dim() - 1})")]),
        )
    return Advice(
        f"The target has the prediction's shape without the classes: `{logits.name}` is {shape(x)}, so it is "
        f"{shape([x.shape[0], *x.shape[2:]])}; `{wanted.name}` is {shape(target)}.",
        "Bring the target to that shape, with reshape, or with argmax(1) if it is one-hot.",
        [logits, wanted],
    )


def same_shape(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """binary_cross_entropy takes equal shapes."""
    pair = _pair(failure, "binary_cross_entropy", "binary_cross_entropy_with_logits")
    if pair is None:
        return None
    x, target = pair
    left, right = (
        failure.operand(x, "input", clash=range(x.dim())),
        failure.operand(target, "target", clash=range(target.dim())),
    )
    explanation = (
        f"Each prediction needs its own target: `{left.name}` is {shape(x)}, `{right.name}` is {shape(target)}."
    )
    for what, name, template in ((x, left.name, "{}.squeeze(-1)"), (target, right.name, "{}.squeeze(-1)")):
        other = target if what is x else x
        if what.dim() == other.dim() + 1 and what.squeeze(-1).shape == other.shape:
            text = template.format(name)
            return Advice(
                explanation,
                f"Drop the last dimension: `{text}` is {shape(other)}.",
                [left, right],
                failure.rewritten([(what, template)]),
            )
    return Advice(explanation, "Bring both to one shape.", [left, right])


def float_target(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """Whole-number targets where probabilities belong."""
    pair = _pair(
        failure, "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss", "huber_loss"
    )
    if pair is None or pair[1].is_floating_point():
        return None
    x, target = pair
    wanted = failure.operand(target, "target")
    return Advice(
        f"This loss compares numbers with numbers, so the target is floating point too. `{wanted.name}` is "
        f"{dtype(target)}.",
        f"Convert it: `{wanted.name}.float()`.",
        [failure.operand(x, "input"), wanted],
        failure.rewritten([(target, "{}.float()")]),
    )


def probabilities(failure: Failure, _match: re.Match[str]) -> Advice | None:
    """binary_cross_entropy of something that is not between 0 and 1."""
    pair = _pair(failure, "binary_cross_entropy")
    if pair is None:
        return None
    x, target = pair
    left, right = (
        failure.operand(x, "input", text=f"from {float(x.min()):.4g} to {float(x.max()):.4g}"),
        failure.operand(target, "target"),
    )
    code = f"F.binary_cross_entropy_with_logits({left.name}, {right.name})"
    fixes = failure.replaced(code) if failure.module is None else []
    return Advice(
        f"binary_cross_entropy takes probabilities, between 0 and 1. `{left.name}` goes {left.text}: these look like "
        "raw "
        "scores (logits).",
        f"Use the loss that applies sigmoid itself: `{code}`.",
        [left, right],
        fixes,
    )


FAMILIES: Final = (
    Family("loss_swapped", "RuntimeError", r"not implemented for '(?:Long|Int)'", swapped),
    Family("loss_batch", "ValueError", r"Expected input batch_size|Expected .* to match target batch", batch),
    Family("loss_class", "IndexError", r"Target (-?\d+) is out of bounds", class_number),
    Family("loss_target_dtype", "RuntimeError", r"floating point type for target with class", shares),
    Family(
        "loss_target_dtype", "RuntimeError", r"expected target dtype to be Long|expected scalar type Long", target_type
    ),
    Family(
        "loss_target_shape", "RuntimeError", r"target tensor expected, multi-target|Expected target size", target_shape
    ),
    Family("loss_same_shape", "ValueError", r"[Tt]arget size \(torch\.Size", same_shape),
    Family(
        "loss_float_target",
        "RuntimeError",
        r"result type Float can't be cast|expected scalar type|Found dtype",
        float_target,
    ),
    Family("loss_probabilities", "RuntimeError", r"should be between 0 and 1", probabilities),
)
