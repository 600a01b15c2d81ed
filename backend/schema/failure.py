"""The one shape of every HTTP error."""

from pydantic import Field

from backend.schema.base import Model


class ErrorBody(Model):
    """What was wrong, where, and what to do."""

    code: str = Field(description='For programs: "busy", "unknown_format", "invalid_request".')
    message: str = Field(description="For people.")
    hint: str | None = Field(None, description="What to do about it.")
    where: str | None = Field(None, description='Which part of the request: "options.preview".')


class ErrorAnswer(Model):
    """Every answer with a status of 400 or more looks like this."""

    error: ErrorBody
