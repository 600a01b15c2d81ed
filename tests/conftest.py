"""What all tests share: nothing of the environment that would change a server under test."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.serving import Served, serve

if TYPE_CHECKING:
    from backend.trace.entry import Entry


@pytest.fixture(autouse=True, scope="session")
def _plain_settings() -> None:
    """Forget the operator's own settings, here and in the servers that tests start."""
    for name in [name for name in os.environ if name.startswith("CHAINRULE_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    """A real server with the settings that it has by itself, for all tests that change none and leave it well."""
    with serve() as served:
        yield served


@pytest.fixture(scope="session")
def entry() -> Entry:
    """The tracer in this process. One for all tests: it wraps parts of torch, which must not be wrapped twice."""
    from backend.trace.entry import Entry  # not above: most tests need no torch

    made = Entry()
    made.warm_up()
    return made


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: a test in the browser or in the sandbox waits about as much."""
    cores = os.cpu_count() or 1
    return cores + (cores + 1) // 2


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much of torch's own databases `tests/trace/test_torch_ops.py` goes through."""
    parser.addoption("--all-ops", action="store_true", help="every sample of every op and module, not a few of each")
    parser.addoption("--op", help="every sample of this op or module alone, such as nn.functional.relu")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was counted there."""
    totals: Counter[str] = Counter()
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        if "test_torch_ops" in report.nodeid:
            totals.update({name: count for name, count in report.user_properties if isinstance(count, int)})
    for database in ("ops", "modules"):
        if totals[f"{database} samples"]:
            terminalreporter.write_line(
                f"torch's own {database}: {totals[f'{database} kinds']} {database}, {totals[f'{database} samples']} "
                f"samples ({totals[f'{database} impossible']} more refused by torch itself), "
                f"{totals[f'{database} exceptions']} exceptions (tests/trace/exceptions.py)"
            )
