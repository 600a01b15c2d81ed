"""Where the tracer's time goes: the parts of it, timed from outside, each without the parts inside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import thread_time
from types import TracebackType
from typing import Any, Final, Self

from backend.trace.build import Builder
from backend.trace.engine import _Watch
from backend.trace.names import Names
from backend.trace.session import Session
from backend.trace.summary import Summariser
from backend.trace.telling import Outbox

PARTS: Final[dict[str, tuple[tuple[type, str], ...]]] = {
    "snippet": ((Session, "_execute"),),
    "setup": ((Session, "_prepare"), (Session, "_compile")),
    "hooks": (
        (_Watch, "walk"),
        (_Watch, "finish"),
        (_Watch, "_leaving"),
        (_Watch, "_entering"),
        (_Watch, "_accumulating"),
    ),
    "summaries": ((Summariser, "add"), (Summariser, "take")),
    "names": ((Names, "resolve"),),
    "graph": ((Builder, "messages"),),
    "encoding": ((Outbox, "send"),),
}
"""`snippet` is the learner's own code with the modes around it."""

MAKERS: Final = frozenset({"_leaving", "_entering", "_accumulating"})
"""Functions that make the one to be timed."""


class Split:
    """While it is entered, the functions above are timed."""

    def __init__(self) -> None:
        self._inside: list[float] = []
        """For each function that is running, what the timed ones inside it have taken."""
        self._taken: dict[str, float] = {}
        self._kept: list[tuple[type, str, Any]] = []

    def take(self) -> dict[str, float]:
        """Milliseconds of processor time for each part since the last call."""
        taken, self._taken = self._taken, {}
        return {part: taken.get(part, 0.0) * 1000 for part in PARTS}

    def __enter__(self) -> Self:
        for part, places in PARTS.items():
            for owner, name in places:
                plain = vars(owner)[name]
                self._kept.append((owner, name, plain))
                timed = partial(self._timed, part)
                setattr(owner, name, self._making(timed, plain) if name in MAKERS else timed(plain))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for owner, name, plain in self._kept:
            setattr(owner, name, plain)

    def _making(self, timed: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
        def making(*args: Any) -> Any:
            return timed(plain(*args))

        return making

    def _timed(self, part: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        inside = self._inside

        def timed(*args: Any, **kwargs: Any) -> Any:
            inside.append(0.0)
            started = thread_time()
            try:
                return plain(*args, **kwargs)
            finally:
                whole = thread_time() - started
                mine = whole - inside.pop()
                if inside:
                    inside[-1] += whole
                self._taken[part] = self._taken.get(part, 0.0) + mine

        return timed
