"""The Graphviz program `dot`: DOT in, a picture out, in bounded time."""

from __future__ import annotations

import subprocess
from typing import Final

import graphviz
from graphviz.backend import execute
from graphviz.backend.dot_command import command

from backend.errors import GraphvizMissing, RenderError

SECONDS: Final = 20.0
"""The longest layout. Pictures are folded to a size that takes well under a second."""


def lay_out(source: bytes, format_name: str) -> bytes:
    """The picture of DOT `source` as svg, png or pdf.

    Errors:
        GraphvizMissing: with how to get it.
        RenderError: `dot` refused the source, or was still at it after `SECONDS`.
    """
    try:
        done = execute.run_check(
            command("dot", format_name), input=source, capture_output=True, quiet=True, timeout=SECONDS
        )
    except graphviz.ExecutableNotFound:
        raise GraphvizMissing(
            f"{format_name} needs the Graphviz program dot, which is not installed here",
            hint="Install it (apt-get install graphviz, brew install graphviz, https://graphviz.org/download), "
            "or ask for format=dot or format=mermaid.",
        ) from None
    except subprocess.TimeoutExpired:
        raise RenderError(
            f"Graphviz did not finish the {format_name} within {SECONDS:g} s",
            hint="Draw a smaller part, or ask for format=dot and lay it out yourself.",
        ) from None
    except graphviz.CalledProcessError as error:
        words = bytes(error.stderr or b"").decode(errors="replace").strip()[:200]
        raise RenderError(f"Graphviz could not draw this: {words or error.returncode}") from None
    return bytes(done.stdout)


def graphviz_version() -> str | None:
    """The version of `dot`, such as "2.43.0"; None when it is not installed."""
    try:
        return ".".join(str(part) for part in graphviz.version())
    except (graphviz.ExecutableNotFound, graphviz.CalledProcessError, RuntimeError):
        return None
