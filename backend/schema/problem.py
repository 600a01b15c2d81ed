"""A learner's error: data, not an exception."""

from typing import Literal

from pydantic import Field

from backend.schema.base import Model


class Frame(Model):
    """One frame of the traceback, in the learner's own code."""

    line: int
    function: str
    code: str = ""


class Operand(Model):
    """One thing that the failing expression worked with, as it was then."""

    name: str = Field(description='What the snippet calls it: "x", "x.T", "net.0.weight"; else its part: "input".')
    type_name: str = Field(description='"Tensor", "float", "Linear" …')
    shape: list[int] | None = Field(None, description="Of a tensor.")
    dtype: str | None = Field(None, description='Of a tensor: "torch.float32".')
    clash: list[int] = Field(default_factory=list, description="Places in `shape` of the sizes that do not fit.")
    text: str | None = Field(None, description="Its value, in short, where that is what matters.")
    line: int | None = Field(None, description="1-based line that made it.")
    node: str | None = Field(None, description="Its node in the graph of `step`.")
    step: int | None = None


class Fix(Model):
    """Code that would get past this error: it takes the place of whole lines."""

    line: int = Field(description="1-based first line that is replaced.")
    end_line: int = Field(description="The last one.")
    code: str = Field(description="What stands there instead, indentation included, without a last line break.")
    label: str = Field(description='The part that changes, and what comes of it: "x @ w.T gives [2, 4]".')


class Problem(Model):
    """What went wrong, where, and what to do."""

    kind: str = Field(description='The exception\'s type ("RuntimeError") or what stopped the run ("timeout").')
    status: Literal["error", "timeout", "memory", "crashed", "cancelled"]
    message: str = Field(description="torch's or Python's own words, or ours where they have none.")
    explanation: str | None = Field(None, description="What that means here.")
    suggestion: str | None = Field(None, description="What to do.")
    line: int | None = Field(None, description="1-based line of the snippet.")
    column: int | None = Field(None, description="1-based first column.")
    end_line: int | None = None
    end_column: int | None = Field(None, description="1-based column after the span.")
    limit: str | None = Field(None, description='Which limit stopped it: "cpu", "wall", "memory", "messages".')
    signal: str | None = Field(None, description='The signal that ended it: "SIGSEGV".')
    traceback: list[Frame] = Field(default_factory=list)
    family: str | None = Field(None, description='Which of the known families it is: "matmul", "backward_twice".')
    operands: list[Operand] = Field(default_factory=list, description="What the failing expression worked with.")
    fixes: list[Fix] = Field(
        default_factory=list, description="Exact ones. Each would work; which one is meant only the author knows."
    )
