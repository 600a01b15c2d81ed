"""What became of the gradients: where each .grad is, and why it is not; and finite differences beside them."""

from typing import Literal

from pydantic import Field

from backend.schema.base import Model

Reason = Literal[
    "not_leaf",
    "reassigned",
    "no_requires_grad",
    "frozen",
    "dtype",
    "detach",
    "no_grad",
    "inference",
    "item",
    "data",
    "no_derivative",
    "not_called",
    "autograd_grad",
    "func",
    "inputs",
    "unused",
    "not_on_path",
    "undefined",
    "failed",
    "zeroed",
    "untraced",
]
"""not_leaf: computed, and retain_grad() was not called. reassigned: the name was a leaf's, and is now a result's.
no_requires_grad: made without. frozen: a parameter, or another leaf, that was switched off. dtype: not floating point.
detach, no_grad, inference, item, data, no_derivative: what cut the way between it and the loss. not_called: no backward
ran. autograd_grad, func: torch.autograd.grad and torch.func return gradients and store none, in what they are computed
for and in what they return. inputs: backward was asked for others. unused: no operation read it. not_on_path: it was
used, and not for the loss. undefined: backward came by and brought None. failed: backward ended with an error. zeroed:
it was there, and was set to None. untraced: a step that was not told in full."""


class NamedGradient(Model):
    """The .grad of one tensor that the snippet named, as it is when the snippet has ended."""

    name: str
    line: int | None = Field(None, description="Where the name was given.")
    node: str | None = None
    step: int | None = Field(None, description="The step whose node it is.")
    state: Literal["present", "none", "gone"] = Field(
        description="gone: the tensor itself is no longer there (a local variable, or its name was given again)."
    )
    reason: Reason | None = Field(None, description="Why there is no .grad; null where there is one.")
    text: str = Field(description="The reason in a sentence.")
    suggestion: str | None = Field(None, description="What to do, where something can be done.")
    cause: int | None = Field(None, description="The line that is the reason.")


class CheckedElement(Model):
    """One number of a leaf, moved up and down."""

    index: list[int]
    analytical: float = Field(description="What autograd says.")
    numerical: float = Field(description="(loss up - loss down) / (2 * epsilon).")
    difference: float
    smooth: bool = Field(True, description="False: the slopes to both sides differ, as at the corner of a relu.")


class CheckedLeaf(Model):
    """One leaf, in the order of first use."""

    name: str | None = Field(description="null for one that has no name, such as a leaf in a dictionary.")
    node: str | None = None
    step: int | None = Field(None, description="The step whose node it is.")
    shape: list[int]
    elements: list[CheckedElement] = Field(description="All of a small leaf; of a larger one, spread over it.")
    difference: float | None = Field(None, description="The largest one.")
    agrees: bool | None = Field(None, description="Whether the differences are as small as rounding makes them.")
    reason: str | None = Field(None, description="Why it was not checked, or not to its end.")


class GradientCheck(Model):
    """Finite differences beside autograd's gradient, in float64, for the first backward of the snippet."""

    line: int | None = Field(None, description="Where backward was called.")
    epsilon: float = Field(description="How far each element was moved.")
    loss: float | None = None
    leaves: list[CheckedLeaf]
    reason: str | None = Field(None, description="Why nothing, or not everything, could be checked.")
