"""Looks at each step when it is complete, and at the run at its end; each kind of notice is said once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backend.trace.notices.caution import Caution, Told
from backend.trace.notices.depth import depth
from backend.trace.notices.finite import from_gradients, from_loss, is_bad
from backend.trace.notices.losses import losses
from backend.trace.notices.modes import Modes
from backend.trace.notices.training import AT_END, Piling, beside, elsewhere, hidden_write, idle_step, without_gradient
from backend.trace.notices.updates import Lost, never_stepped, without_update
from backend.trace.recorder import Recorder
from backend.trace.records import Op, Step
from backend.trace.source import Source
from backend.wire.messages import NoticeMessage


class Lookout:
    """The notices of one run. `send` takes each message."""

    def __init__(
        self, recorder: Recorder, source: Source, namespace: Mapping[str, Any], send: Callable[[Any], None]
    ) -> None:
        self._recorder = recorder
        self._source = source
        self._namespace = namespace
        self._send = send
        self._said: set[str] = set()
        self._modes = Modes()
        self._piling = Piling()
        self._lost = Lost()
        self._updates = 0
        """Steps in which anything was updated."""
        self._last: Told | None = None
        self._steps = 0
        self._failed = False

    def look(self, told: Told, *, new: bool, loss: float | None) -> None:
        """A step is complete. `new`: its structure was not seen before. `loss` as far as it is known.

        Does not raise: this runs in the middle of the learner's code, and must not become an error of theirs.
        """
        if self._failed:
            return
        try:
            self._look(told, new=new, loss=loss)
        except Exception as error:
            self._failed = True
            message = f"the run is not checked for what may be wrong with it: {type(error).__name__}: {error}"
            self._send(NoticeMessage(kind="unchecked", message=message))

    def _look(self, told: Told, *, new: bool, loss: float | None) -> None:
        step = told.step
        if new:
            self._say(losses(step), told)
            self._say(self._modes.look(step, self._recorder.module_calls), told)
            self._say(elsewhere(step, self._source), told)
        self._modes.passed(step)
        if step.piled:
            self._say(self._piling.look(step), told)
        if step.lost:
            self._say(self._lost.look(step), told)
        self._updates += bool(step.updates)
        if is_bad(loss) and not self._said & {"not_finite", "gradient_not_finite"}:
            for caution, where in from_loss(told, self._last):
                self._say([caution], where)
        if step.engine:
            self._steps += 1
            if self._steps & (self._steps - 1) == 0:  # the 1st, 2nd, 4th, 8th …: depth changes slowly
                self._say(depth(told), told)
        self._remarks(told)
        self._last = told

    def end(self, *, failed: bool) -> None:
        """The run is over; `failed` if by an error: then not everything has had its turn."""
        told = self._last
        if told is None:
            return
        self._say(self._piling.found(AT_END), told)
        if self._recorder.from_threads is not None:
            self._say([beside(self._recorder.from_threads)], told)
        if not self._said & {"not_finite", "gradient_not_finite"}:
            for caution, where in from_gradients(told):
                self._say([caution], where)
        if not failed:
            calls = self._recorder.module_calls
            self._say(without_gradient(self._recorder, self._namespace, calls, self._source), told)
            self._say(never_stepped(self._recorder, self._namespace), told)
            self._say(without_update(self._recorder, self._namespace, calls, self._updates), told)

    def _remarks(self, told: Told) -> None:
        """What the recorder noted down in passing."""
        step = told.step
        for name, count, site in step.idle:
            self._say([idle_step(name, count, site)], told)
        for value, site, leaf in step.hidden:
            if not leaf or _is_saved(value, step):
                self._say([hidden_write(value, site, leaf=leaf)], told)

    def _say(self, cautions: Iterable[Caution], told: Told) -> None:
        for caution in cautions:
            if caution.kind in self._said:
                continue
            self._said.add(caution.kind)
            about = caution.about
            node = told.node_of(about) if about is not None else None
            span = self._source.span(caution.site or (about.site if isinstance(about, Op) else None))
            line = caution.line if span is None else span.line
            self._send(
                NoticeMessage(
                    kind=caution.kind,
                    message=caution.message,
                    suggestion=caution.suggestion,
                    level=caution.level,
                    line=line,
                    node=node,
                    step=None if node is None else told.step.index,
                )
            )


def _is_saved(value: Any, step: Step) -> bool:
    """Whether backward used the value."""
    return any(kept is value for op in step.ops for _, kept in op.saved or ())
