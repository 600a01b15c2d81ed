"""The self-test: it says what held, and the server does not start below the minimum."""

from __future__ import annotations

import re

import pytest

from backend.errors import BelowMinimum
from backend.sandbox import Sandbox, selftest, zygote_process
from tests.sandbox.conftest import PLAIN
from tests.sandbox.driving import LIMITS, Unlocked

pytestmark = pytest.mark.anyio


async def test_every_attack_is_stopped_and_every_required_layer_holds(locked: Sandbox) -> None:
    report = locked.report
    assert report.safe
    assert len(report.attacks) == 16
    assert [attack for attack in report.attacks if not attack.held] == []
    assert {layer.name for layer in report.layers if layer.required} == {"seccomp", "rlimits", "clean_zygote"}
    assert {layer.name for layer in report.layers} >= {"namespaces", "setuid", "landlock"}


async def test_without_a_lock_nearly_every_attack_succeeds(unlocked: Sandbox) -> None:
    """The control: what is clean without a lock is the environment and the descriptors."""
    report = unlocked.report
    assert not report.safe
    assert report.unsafe_local
    held = {attack.name for attack in report.attacks if attack.held}
    assert held >= {"read the server's environment", "use a descriptor of the server"}
    assert held <= {
        "read the server's environment",
        "use a descriptor of the server",
        "use io_uring",  # not in every kernel, nor are the next two for a plain user
        "trace the parent",
        "make a user namespace",
    }


async def test_below_the_minimum_it_does_not_start() -> None:
    with pytest.raises(BelowMinimum, match=r"seccomp \(not applied; not stopped: read a file, .*fork"):
        await Unlocked(entry=PLAIN, warm_children=1, limits=LIMITS).start()


async def test_a_zygote_that_inherits_the_environment_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the stack: os.environ is emptied by the entry here, and the secret is there all the same."""
    monkeypatch.setenv("CHAINRULE_TEST_SECRET", "hunter2")
    monkeypatch.setattr(
        zygote_process, "ENVIRONMENT", {**zygote_process.ENVIRONMENT, "CHAINRULE_TEST_SECRET": "hunter2"}
    )
    with pytest.raises(BelowMinimum, match=r"clean_zygote \(.*read the server's environment"):
        await Sandbox(entry="tests.sandbox.forgetful:Entry", warm_children=1, limits=LIMITS).start()


async def test_what_the_zygote_made_up_itself_is_no_secret_of_a_server_that_has_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAINRULE_TEST_NOTE", "/tmp/of its own making")
    sandbox = Sandbox(entry="tests.sandbox.forgetful:Noting", warm_children=1, limits=LIMITS)
    try:
        assert (await sandbox.start()).safe
    finally:
        await sandbox.close()


async def test_a_child_that_does_not_answer_holds_nothing_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selftest, "SECONDS", 0.0)
    with pytest.raises(BelowMinimum, match=r"clean_zygote \(") as caught:
        await Sandbox(entry=PLAIN, warm_children=1, limits=LIMITS).start()
    # one answer may be there before the time is over
    assert re.search(r"seccomp \([^;]*; not stopped: .*trace the parent", str(caught.value))
