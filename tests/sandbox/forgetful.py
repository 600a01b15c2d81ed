"""An entry that empties os.environ, which is not enough to keep a secret."""

from __future__ import annotations

import os

from tests.sandbox.entry import Entry as PlainEntry


class Entry(PlainEntry):
    """Forgets the environment, as far as Python knows it."""

    def warm_up(self) -> None:
        """Import, and empty os.environ."""
        super().warm_up()
        os.environ.clear()
