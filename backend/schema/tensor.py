"""A tensor as the contract shows it."""

from typing import Literal

from pydantic import Field

from backend.schema.base import Model

Number = float | Literal["NaN", "Infinity", "-Infinity"]
"""JSON has no NaN and no infinities, so they travel as these strings."""

Value = Number | tuple[Number, Number]
"""One element: a number, or [real, imaginary] of a complex one."""


class TensorSummary(Model):
    """Shape, statistics and, when the tensor is small, every value.

    Statistics look at the finite elements only; they are null when there is none (empty, meta, complex).
    """

    shape: list[int]
    dtype: str = Field(description='torch\'s own name: "torch.float32".')
    device: str = Field(description='"cpu" or "meta".')
    numel: int
    min: Number | None = None
    max: Number | None = None
    mean: Number | None = None
    std: Number | None = Field(None, description="torch.std (with Bessel's correction); null below two elements.")
    nan: int = Field(0, description="How many elements are NaN.")
    inf: int = Field(0, description="How many elements are infinite.")
    values: list[Value] | None = Field(None, description="Row-major, all of them if numel <= preview, else null.")
    thumb: list[list[Number]] | None = Field(
        None, description="Block means of the last two dims, at most 32x32, when not all values are there."
    )
