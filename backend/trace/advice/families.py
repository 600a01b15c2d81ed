"""Every family, in the order in which they are asked: what is said of a kind of call before what is said of any."""

from __future__ import annotations

from typing import Final

from backend.trace.advice import (
    arguments,
    broadcasting,
    calls,
    devices,
    dtypes,
    functions,
    gradients,
    indexing,
    inplace,
    layers,
    losses,
    matmul,
    modules,
    names,
    operands,
    python,
    reshaping,
)
from backend.trace.advice.failure import Advice, Failure
from backend.trace.advice.family import Family
from backend.trace.advice.refused import denied, without

FAMILIES: Final[tuple[Family, ...]] = (
    *losses.FAMILIES,
    *modules.FAMILIES,
    *matmul.FAMILIES,
    *broadcasting.FAMILIES,
    *reshaping.FAMILIES,
    *layers.FAMILIES,
    *indexing.FAMILIES,
    *dtypes.FAMILIES,
    *inplace.FAMILIES,
    *functions.FAMILIES,
    *gradients.FAMILIES,
    *names.FAMILIES,
    *calls.FAMILIES,
    *arguments.FAMILIES,
    *operands.FAMILIES,
    *devices.FAMILIES,
    *python.FAMILIES,
)


def advise(failure: Failure) -> tuple[str | None, Advice]:
    """The family that an error belongs to, and what there is to say about it."""
    refused = denied(failure.error)
    if refused != (None, None):
        return "refused", Advice(*refused, fixes=without(failure))
    for family in FAMILIES:
        advice = family.advice(failure)
        if advice is not None:
            return family.name, advice
    return None, Advice()
