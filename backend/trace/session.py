"""One job: run the snippet under the recorder's eyes and send what happened."""

from __future__ import annotations

import ast
import builtins
import gc
import linecache
import math
import os
import random
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, ClassVar

import msgspec
import numpy as np
import torch

from backend.errors import Stopped
from backend.snippet import Snippet, parse
from backend.trace.bindings import Bindings
from backend.trace.build import Builder
from backend.trace.coasting import Coasting
from backend.trace.engine import survey
from backend.trace.gradcheck import Gradcheck
from backend.trace.gradients import gradients
from backend.trace.groups import Calls
from backend.trace.iterations import Iterations, has_loops
from backend.trace.loops import Loops
from backend.trace.named import places
from backend.trace.names import Names, is_tensor
from backend.trace.notices.lookout import Lookout
from backend.trace.output import STREAMS, Printed, Stream, show_unraisable, show_warning
from backend.trace.problem import Explained, explain, stopped
from backend.trace.reach import Reach
from backend.trace.readings import Readings
from backend.trace.recorder import Recorder
from backend.trace.reprs import repr_of
from backend.trace.rerun import Code, Rerun
from backend.trace.second_look import look_again
from backend.trace.source import FILENAME, Source
from backend.trace.steps import ANYWHERE
from backend.trace.telling import Outbox, Telling
from backend.trace.turns import Turns
from backend.trace.watching import Watching
from backend.wire.messages import (
    DoneMessage,
    Job,
    NoticeMessage,
    OutputMessage,
    ProblemMessage,
    ResultMessage,
)

_COLLECT = (400_000, 20, 100)
"""Cyclic garbage is collected rarely: each collection looks at every object that the recorder keeps."""

_RESULT_WIDTH = 4000
"""Characters of the last value's repr that are sent."""


class Session:
    """The state of one run. `send` takes the packed messages, in order; inside `with whole:` no stop comes."""

    clock: ClassVar[staticmethod[[], float]] = staticmethod(time.perf_counter)
    """What `run_ms` and `trace_ms` are read from; the benchmark takes the processor's time."""

    def __init__(self, job: Job, send: Callable[[bytes], None], whole: AbstractContextManager[None] = ANYWHERE) -> None:
        self.job = job
        self._outbox = Outbox(send, job.message_bytes)
        self.send = self._outbox.send
        self.source = Source(job.code)
        self.module = types.ModuleType("__main__")
        self.namespace = self.module.__dict__
        self.recorder = Recorder(job.preview, sampled=job.trace == "sampled")
        self.recorder.survey = partial(survey, self.recorder)
        self.recorder.whole = whole
        self.recorder.packs = "register_hooks" in job.code  # of a single saved tensor: nothing else would tell
        self.names = Names(self.recorder, self.source, self.namespace)
        self.recorder.resolve = self.names.resolve
        self.builder = Builder(self.source, self.names, Calls.of(self.recorder), job.step_bytes)
        self.lookout = Lookout(self.recorder, self.source, self.namespace, self.send)
        self.telling = Telling(self.recorder, self.builder, self.lookout, self._outbox, self.clock)
        self.recorder.emit = self.telling.step
        self.recorder.turned = self.telling.over
        self.recorder.passed = self.telling.passed
        self.recorder.woken = self.telling.flush
        self.recorder.awaits = self.telling.later
        self.budget = [job.output_bytes]
        self.printed: list[Printed] = []
        self.run_seconds = 0.0
        self.value: Any = None
        self.has_value = False
        self.seed = 0
        self.code: Code | None = None
        self.readings: Readings | None = None

    def run(self) -> None:
        """The whole job, `done` included. Does not raise what the learner's code raises."""
        snippet = parse(self.job.code, limit=sys.maxsize)
        explained = None
        if snippet.problem is not None:
            explained = Explained(msgspec.convert(snippet.problem.model_dump(), type=ProblemMessage), [])
        else:
            try:
                self._execute(snippet)
            except SystemExit:
                pass
            except BaseException as error:
                explained = explain(error, self.source, self.job, self.namespace, self.recorder)
                _drop_frames(error)
        self.finish(snippet, explained)

    def rescue(self, reason: str, line: int | None) -> None:
        """The main thread is out of reach: send what has been recorded so far, from this other thread.

        A step that the main thread is in the middle of telling is left out.
        """
        if self.telling.ending:
            return
        explained = Explained(stopped(reason, line, self.job), [])
        if self.recorder.completing:
            self.send(explained.problem)
            self.send(DoneMessage(explained.problem.status, self.run_seconds * 1e3, self.telling.seconds * 1e3))
        else:
            self.finish(None, explained)

    def finish(self, snippet: Snippet | None, explained: Explained | None) -> None:
        """Send everything that is still to be said."""
        started, before = self.clock(), self.telling.seconds
        if self.recorder.counting is not None:
            self.recorder.counting.stop()
        self.telling.ending = True
        for name, held in list(self.namespace.items()):
            if is_tensor(held) and not name.startswith("__"):
                self.recorder.mention(held)
        for tensor in explained.tensors if explained is not None else ():
            if tensor is not None:
                self.recorder.value_of(tensor)
                self.recorder.mention(tensor)
        self.recorder.next_step()
        self.telling.end_turn()
        problem = None if explained is None else self._located(explained)
        self.lookout.end(failed=problem is not None)
        if self.telling.bindings is not None:
            self.telling.bindings.end(at_rest=snippet is not None)
        bound = snippet.bindings if snippet is not None else {}
        for message in gradients(self.names, self.builder.shown, bound):
            self.send(message)
        if problem is None and snippet is not None and self.job.gradcheck:
            self._gradcheck(snippet)
        if problem is None and snippet is not None and snippet.last is not None and self.has_value:
            self._result(snippet.last.line)
        for stream in self.printed:
            stream.flush()
        if self.budget[0] < 0:
            limit = self.job.output_bytes
            self.send(NoticeMessage(kind="output_cut", message=f"the output was cut after {limit} characters"))
        if problem is not None:
            self.send(problem)
        trace = before + self.clock() - started
        self.send(DoneMessage("ok" if problem is None else problem.status, self.run_seconds * 1e3, trace * 1e3))

    def _gradcheck(self, snippet: Snippet) -> None:
        """Finite differences beside the gradients, as the learner asked."""
        assert self.code is not None
        last = snippet.last.names[0] if snippet.last is not None and len(snippet.last.names) == 1 else None
        rerun = Rerun(self.code, self.seed, last, auto=self.job.backward == "auto")
        check = Gradcheck(rerun, self.source, places(self.names, self.builder.shown), self.job.cpu_seconds)
        self.send(check.message(self.run_seconds))

    def _located(self, explained: Explained) -> Any:
        """The problem, with the node of each operand."""
        for operand, tensor in zip(explained.problem.operands, explained.tensors, strict=True):
            value = self.recorder.known(tensor) if tensor is not None else None
            if value is not None:
                operand.node, operand.step = self.builder.place_of(value)
        return explained.problem

    def _execute(self, snippet: Snippet) -> None:
        self._prepare()
        looping = snippet.tree is not None and has_loops(snippet.tree)
        loops = Loops(snippet.tree if looping else None)
        reach = Reach(snippet.tree if looping else None)
        self.recorder.turns = Turns(loops, reach, self.namespace, self.recorder.loop_headers)
        self.recorder.turns.over = self.telling.end_turn
        self.readings = Readings(snippet.tree) if looping and snippet.tree is not None else None
        self.telling.bindings = Bindings(self.names, self.builder.shown, snippet.bindings, self.send)
        self.code = body, last = self._compile(snippet)
        started = self.clock()
        before = self.telling.seconds
        gc.set_threshold(*_COLLECT)
        try:
            with Watching(self.recorder) as modes, self._coasting(modes):
                try:
                    exec(body, self.namespace)  # the learner's code; the sandbox around us is the boundary
                    if last is not None:
                        self.value = eval(last, self.namespace)
                        self.has_value = self.value is not None
                    elif snippet.last is not None and len(snippet.last.names) == 1:
                        self.value = self.namespace.get(snippet.last.names[0])
                except Exception as error:
                    raise self._seen(error, snippet)  # noqa: B904  # it is the same error, or that very one
                self._auto_backward(snippet)
        finally:
            self.run_seconds = self.clock() - started - (self.telling.seconds - before)

    def _seen(self, error: Exception, snippet: Snippet) -> Exception:
        """The error, with what was going on when it was raised, also if it has left an iteration of which none was."""
        recorder, coasting = self.recorder, self.recorder.coasting
        if coasting is None or coasting.lost is not error or snippet.tree is None:
            return error
        recorder.coasting = None
        recorder.tell()
        recorder.loops = coasting.lost_at
        return look_again(error, snippet.tree)

    @contextmanager
    def _coasting(self, modes: Watching) -> Iterator[None]:
        """With `trace: "sampled"`, the modes may be off for a while."""
        self.recorder.coasting = Coasting(self.recorder, modes) if self.recorder.sampled else None
        try:
            yield
        finally:
            if self.recorder.coasting is not None:
                self.recorder.coasting.wake()

    def _compile(self, snippet: Snippet) -> tuple[types.CodeType, types.CodeType | None]:
        tree = snippet.tree
        assert tree is not None
        iterations = Iterations(self.recorder)
        vars(builtins).update(iterations.names())  # no names of the snippet, and there when it is run again
        if has_loops(tree):
            # a tree of its own: what the snippet's is read for is the text as it was written
            tree = ast.parse(self.job.code)
        statement = tree.body[-1] if tree.body else None
        if not isinstance(statement, ast.Expr):
            iterations.mark(tree)
            return compile(tree, FILENAME, "exec"), None
        body, value = ast.Module(tree.body[:-1], tree.type_ignores), ast.Expression(statement.value)
        for part in (body, value):
            iterations.mark(part)
        return compile(body, FILENAME, "exec"), compile(value, FILENAME, "eval")

    def _prepare(self) -> None:
        """Namespace, streams and seeds."""
        functional = torch.nn.functional
        self.namespace.update(torch=torch, nn=torch.nn, F=functional, math=math, __builtins__=builtins)
        sys.modules["__main__"] = self.module
        linecache.cache[FILENAME] = (len(self.job.code), None, self.job.code.splitlines(keepends=True), FILENAME)
        for name in STREAMS:
            heard = self._on_row if name == "stdout" else None
            printed = Printed(name, self.source, self.budget, self._on_output, heard)
            self.printed.append(printed)
            setattr(sys, name, printed)
        warnings.simplefilter("default")
        # as Python does: what a library says to itself is not for the learner
        for category in (DeprecationWarning, ResourceWarning):
            warnings.filterwarnings("ignore", category=category)
        warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
        warnings.showwarning = show_warning
        sys.unraisablehook = show_unraisable
        # without a seed of its own, each run would start from the state that all children inherit
        seed = self.job.seed if self.job.seed is not None else int.from_bytes(os.urandom(8)) >> 1
        self.seed = seed
        # torch.manual_seed would also note a traceback for each kind of accelerator that is not here
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)

    def _on_output(self, stream: Stream, text: str, line: int | None) -> None:
        self.send(OutputMessage(stream=stream, text=text, line=line))

    def _on_row(self, row: str, line: int | None) -> None:
        if self.recorder.turns is not None and self.readings is not None:
            self.recorder.turns.printed(partial(self.readings.read, row, line))

    def _auto_backward(self, snippet: Snippet) -> None:
        value = self.value
        if self.job.backward != "auto" or self.recorder.backwards or snippet.last is None:
            return
        if not isinstance(value, torch.Tensor) or value.grad_fn is None:
            return
        seed = "1" if value.dim() == 0 else f"ones of shape {list(value.shape)}"
        message = f"backward was run for you from the last value, seeded with {seed}"
        self.send(NoticeMessage(kind="auto_backward", message=message, line=snippet.last.line))
        torch.autograd.backward([value], [torch.ones_like(value)])

    def _result(self, line: int) -> None:
        try:
            text = repr_of(self.value, _RESULT_WIDTH)
        except Stopped:
            raise
        except Exception:  # a learner's __repr__ may do anything; its own traceback says what
            text = traceback.format_exc(limit=0).strip()
        known = self.recorder.table.get(id(self.value)) if isinstance(self.value, torch.Tensor) else None
        seen = self.builder.shown.get(id(known)) if known is not None else None
        self.send(
            ResultMessage(
                line=line,
                text=text if len(text) <= _RESULT_WIDTH else text[:_RESULT_WIDTH] + " …",
                node=seen.node if seen else None,
                step=seen.step if seen else None,
            )
        )


def _drop_frames(error: BaseException) -> None:
    """The traceback keeps every local alive, and with them graphs and memory."""
    error.__traceback__ = None
