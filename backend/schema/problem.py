"""A learner's error: data, not an exception."""

from typing import Literal

from pydantic import Field

from backend.schema.base import Model


class Frame(Model):
    """One frame of the traceback, in the learner's own code."""

    line: int
    function: str
    code: str = ""


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
