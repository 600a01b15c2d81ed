"""The numbers of one iteration."""

from pydantic import Field

from backend.schema.base import Model
from backend.schema.tensor import Number


class Scalars(Model):
    """The numbers of one iteration. It comes for every one, also for those that are not traced in full."""

    index: int = Field(description="Counted like `Step.index`.")
    loss: Number | None = None
    values: dict[str, Number] = Field(
        default_factory=dict,
        description="Name -> what it held at its end, of numbers and one-element tensors; label -> what was printed.",
    )
    traced: bool = Field(True, description="Whether there is a step of that index.")
    loops: dict[str, int | float | str] = Field(
        default_factory=dict, description="Loop variable -> its value, outermost loop first."
    )
