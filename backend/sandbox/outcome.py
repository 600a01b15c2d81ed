"""How a run ended, as the server saw it from outside. Data, with words for the learner."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from typing import Final, Literal

from backend.sandbox import exits
from backend.sandbox.limits import Limits

Status = Literal["ok", "error", "timeout", "memory", "crashed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run. "ok" means that the child ended its job by itself, whatever it said in its last frame."""

    status: Status
    limit: str | None = None
    """"cpu", "wall", "memory" or "messages": what it ran into."""
    signal: str | None = None
    """"SIGSEGV": what the process died of."""
    line: int | None = None
    """Line of the snippet, where it is known."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: its wait status, the CPU seconds that it used. `status` is None when nobody could tell."""

    status: int | None
    cpu: float = 0.0


_LINE: Final = re.compile(r'File "snippet\.py", line (\d+)')

_WHY: Final = {
    "SIGSEGV": "it used memory that is not its own. Very deep recursion, ctypes or a bug in a library can do this",
    "SIGBUS": "it used memory that is not there",
    "SIGFPE": "an integer division in C code failed, often an integer tensor divided by zero",
    "SIGABRT": "a C++ library gave up",
    "SIGILL": "a library used an instruction that this machine lacks",
    "SIGSYS": "it asked the system for something that no snippet may do (trace, mount, load into the kernel …)",
}


def judge(end: Exit, text: str, limits: Limits, cause: Outcome | None) -> Outcome:
    """The outcome of a run from how its process ended, what it wrote on descriptor 2, and why the server killed it."""
    line = _last_line(text)
    if end.status is not None and os.WIFEXITED(end.status):
        return _exited(os.WEXITSTATUS(end.status), line, text, limits)
    if cause is not None:
        return Outcome(cause.status, cause.limit, cause.signal, line, cause.detail)
    if end.status is None:
        return Outcome("crashed", None, None, line, "the sandbox was restarted under this run; run it again")
    return _killed(signal_name(os.WTERMSIG(end.status)), end, line, text, limits)


def stopped(reason: str, limits: Limits, line: int | None = None) -> Outcome:
    """The outcome of a run that reached a time limit ("cpu", "wall") or was "cancelled"."""
    if reason == "cpu":
        detail = f"stopped after {limits.cpu_seconds:g} s of CPU time: is there a loop that never ends?"
        return Outcome("timeout", "cpu", None, line, detail)
    if reason == "wall":
        detail = f"stopped after {limits.wall_seconds:g} s: does it wait for something?"
        return Outcome("timeout", "wall", None, line, detail)
    return Outcome("cancelled", None, None, line, "cancelled")


def signal_name(number: int) -> str:
    """The name of a signal: 11 is "SIGSEGV"."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _exited(code: int, line: int | None, text: str, limits: Limits) -> Outcome:
    if code == exits.DONE:
        return Outcome("ok")
    for reason, number in exits.STOPPED.items():
        if code == number:
            return stopped(reason, limits, line)
    if code == exits.NO_MEMORY:
        return _out_of_memory(limits, line)
    if code == exits.BROKEN:
        last = text.strip().rpartition("\n")[2]
        return Outcome("error", None, None, line, f"the sandbox's own code failed: {last}")
    return Outcome("crashed", None, None, line, f"the process ended itself with code {code}, as os._exit({code}) does")


def _killed(name: str, end: Exit, line: int | None, text: str, limits: Limits) -> Outcome:
    if name in ("SIGKILL", "SIGXCPU") and end.cpu >= limits.cpu_seconds:
        return stopped("cpu", limits, line)
    if name == "SIGABRT" and ("bad_alloc" in text or "memory allocation" in text):
        return _out_of_memory(limits, line)
    if name == "SIGKILL":
        detail = "killed from outside: most likely this machine ran out of memory. Try smaller tensors"
        return Outcome("memory", "memory", name, line, detail)
    why = _WHY.get(name, "it was ended by a signal")
    return Outcome("crashed", None, name, line, f"the process crashed with {name}: {why}")


def _out_of_memory(limits: Limits, line: int | None) -> Outcome:
    size = limits.memory_bytes / (1 << 20)
    detail = f"not enough memory: a run may use {size:,.0f} MiB. Try smaller tensors"
    return Outcome("memory", "memory", None, line, detail)


def _last_line(text: str) -> int | None:
    """The innermost line of the last traceback that faulthandler wrote."""
    _, _, last = text.rpartition("(most recent call first):")
    found = _LINE.search(last)
    return int(found[1]) if found else None
