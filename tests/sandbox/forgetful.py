"""Entries that change os.environ while they warm up."""

from __future__ import annotations

import os

from tests.sandbox.entry import Entry as PlainEntry


class Entry(PlainEntry):
    """Forgets the environment, as far as Python knows it, which is not enough to keep a secret."""

    def warm_up(self) -> None:
        """Import, and empty os.environ."""
        super().warm_up()
        os.environ.clear()


class Noting(PlainEntry):
    """Leaves a note, as torch does of where it would keep compiled code."""

    def warm_up(self) -> None:
        """Import, and note."""
        super().warm_up()
        os.environ["CHAINRULE_TEST_NOTE"] = "/tmp/of its own making"
