"""The life of a child: close everything, lock, report, wait for one job, do it, end. Never returns."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import gc
import json
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from backend.errors import Stopped
from backend.sandbox import attacks, exits, kernel
from backend.sandbox.config import Config
from backend.sandbox.entry import Entry
from backend.sandbox.lockdown import Held
from backend.sandbox.sender import CHANNEL, Sender, hang_up, read_frame, tell_failure
from backend.sandbox.stopping import Stopper

NAME: Final = "chainrule-job"
"""How `ps` shows a child, and how the server knows orphans of its own; the lock forbids to change it."""

Lock = Callable[[], list[Held]]

WAKE_READ: Final = 4
WAKE_WRITE: Final = 5
FIRST_CLOSED: Final = 6
RESERVED: Final = 100
"""Descriptors are moved up here first, so that placing one does not overwrite another."""
MOST_DESCRIPTORS: Final = 256
"""The zygote limits itself to these, so closing up to here closes all."""

REQUIRED: Final = ("seccomp", "rlimits")


def live(entry: Entry, config: Config, channel: int, text: int, lock: Lock, *, attack: bool, settle: bool) -> NoReturn:
    """Everything from the fork to the end of the process."""
    code = exits.BROKEN
    try:
        forget_parent()
        place_descriptors(channel, text)
        code = _serve(entry, config, lock, attack=attack, settle=settle)
    except Stopped as stopped:
        code = exits.STOPPED[stopped.reason]
    except MemoryError:
        code = exits.NO_MEMORY
    except BaseException:
        tell_failure()
    finally:
        hang_up()
        os._exit(code)


def _serve(entry: Entry, config: Config, lock: Lock, *, attack: bool, settle: bool) -> int:
    sender = Sender(config.limits.message_bytes)
    stopper = Stopper(WAKE_READ, WAKE_WRITE, sender, entry.rescue)
    stopper.prepare()
    with contextlib.suppress(OSError, AttributeError):
        kernel.set_name(NAME)
    layers = lock()
    sender(json.dumps([dataclasses.asdict(layer) for layer in layers]).encode())
    failed = [layer for layer in layers if layer.name in REQUIRED and not layer.held]
    if failed and not config.unsafe_local:
        return exits.UNLOCKED
    if attack:
        return _attack(sender)
    if settle:
        _settle(entry)
    job = read_frame()
    return exits.DONE if job is None else _work(entry, config, sender, stopper, job)


def _settle(entry: Entry) -> None:
    """Let the entry prepare, step by step, until its job is here."""
    steps = entry.settle() if hasattr(entry, "settle") else None
    for _ in steps or ():
        if select.select([CHANNEL], [], [], 0)[0]:
            return


def _attack(sender: Sender) -> int:
    order = read_frame()
    if order is not None:
        for finding in attacks.attempt(json.loads(order)):
            sender(json.dumps(finding).encode())
    return exits.DONE


def _work(entry: Entry, config: Config, sender: Sender, stopper: Stopper, job: bytes) -> int:
    try:
        stopper.arm(config.limits)
        entry.run(job, sender, sender)
    finally:
        stopper.disarm()
    if stopper.stopped is not None:
        return exits.STOPPED[stopper.stopped]
    sender(b"")  # the end: the server need not wait until the kernel has taken this process apart
    return exits.DONE


def place_descriptors(channel: int, text: int) -> None:
    """0 is /dev/null, 1 and 2 the text pipe, 3 the channel, 4 and 5 a pipe to oneself; nothing else stays open."""
    null = os.open(os.devnull, os.O_RDONLY)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    wanted = (null, text, text, channel, wake_read, wake_write)
    reserved = [fcntl.fcntl(number, fcntl.F_DUPFD, RESERVED) for number in wanted]
    for place, number in enumerate(reserved):
        os.dup2(number, place, inheritable=False)
    os.closerange(FIRST_CLOSED, MOST_DESCRIPTORS)


def forget_parent() -> None:
    """Undo in a fresh child what the zygote set up for itself."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    gc.enable()
    sys.stdout.flush()


assert CHANNEL == 3
