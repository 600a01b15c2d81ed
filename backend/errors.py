"""Every exception that Chainrule raises on purpose.

::

    ChainruleError
    ├── RequestError            what was asked cannot be done; the HTTP answer is 4xx
    │   ├── SnippetTooLarge     413
    │   ├── BadMessage          400
    │   ├── InvalidMessage      422
    │   ├── UnknownRun          404
    │   ├── AheadOfRun          422
    │   ├── UnknownFormat       422
    │   └── NothingToDraw       422
    ├── BusyError               every place is taken; 503 with Retry-After
    ├── SandboxError            the sandbox itself, never the learner's code; 503
    │   ├── BelowMinimum        a layer that must hold does not; the server refuses to start
    │   └── SandboxGone         the zygote died or is not up yet
    ├── RenderError             500
    │   └── GraphvizMissing     501, with how to get it
    └── WireError               a message from the sandbox is malformed; the run ends as "crashed"

    Stopped (BaseException)     raised inside the sandbox, in the learner's code, when a limit is reached

A learner's failing snippet is none of these: it is a result (`schema.Problem`).
"""

from __future__ import annotations

from typing import ClassVar


class ChainruleError(Exception):
    """The root. `code` names the error to programs, `status` is its HTTP status, `hint` says what to do."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where


class RequestError(ChainruleError):
    """What was asked cannot be done as asked."""

    code = "bad_request"
    status = 400


class SnippetTooLarge(RequestError):
    """The code has more bytes than `Settings.code_bytes`."""

    code = "snippet_too_large"
    status = 413


class BadMessage(RequestError):
    """A client said something on a WebSocket that nobody may say there."""

    code = "bad_message"


class InvalidMessage(RequestError):
    """A client's message, or the query of its WebSocket, has a field that is missing, unknown or out of its limits."""

    code = "invalid_request"
    status = 422


class UnknownRun(RequestError):
    """There is no run of that id: it never was, or it is no longer kept."""

    code = "unknown_run"
    status = 404


class AheadOfRun(RequestError):
    """`after` is past the run's newest message."""

    code = "ahead_of_run"
    status = 422


class UnknownFormat(RequestError):
    """`format` is not one that `/api/render` can make."""

    code = "unknown_format"
    status = 422


class NothingToDraw(RequestError):
    """The snippet recorded no operation, so there is no picture of it."""

    code = "nothing_to_draw"
    status = 422


class BusyError(ChainruleError):
    """Every run slot and every place in the queue is taken; `retry_after` is in seconds."""

    code = "busy"
    status = 503

    def __init__(self, message: str, *, retry_after: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class SandboxError(ChainruleError):
    """The sandbox could not do its work."""

    code = "sandbox_unavailable"
    status = 503


class BelowMinimum(SandboxError):
    """A layer of the minimum (closed-file-system seccomp, rlimits, clean zygote) did not hold."""

    code = "sandbox_below_minimum"


class SandboxGone(SandboxError):
    """The zygote died, or is not up yet."""


class RenderError(ChainruleError):
    """A picture could not be made."""

    code = "render_failed"


class GraphvizMissing(RenderError):
    """The Graphviz program `dot` is not installed."""

    code = "graphviz_missing"
    status = 501


class WireError(ChainruleError):
    """A message from the sandbox is not one that the wire allows."""

    code = "malformed_message"


class Stopped(BaseException):
    """Raised in the learner's code when a limit is reached. A BaseException, so that `except Exception` lets it pass.

    `reason` is "cpu", "wall" or "cancelled".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
