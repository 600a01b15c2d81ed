"""An answer and a format -> the bytes of a picture."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from backend.errors import NothingToDraw, UnknownFormat
from backend.render.dot import write_dot
from backend.render.drawing import sketch
from backend.render.mermaid import write_mermaid
from backend.render.program import lay_out
from backend.schema import GraphAnswer

FORMATS: Final = MappingProxyType(
    {
        "svg": "image/svg+xml",
        "png": "image/png",
        "pdf": "application/pdf",
        "dot": "text/vnd.graphviz; charset=utf-8",
        "mermaid": "text/vnd.mermaid; charset=utf-8",
    }
)
"""Format -> media type."""


def media_type(name: str) -> str:
    """The media type of a format.

    Errors:
        UnknownFormat: names those that there are.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise UnknownFormat(
            f"unknown format: {name[:40]!r}", hint=f"Use one of {', '.join(FORMATS)}.", where="format"
        ) from None


def draw(answer: GraphAnswer, name: str) -> bytes:
    """The picture of the last step with gradients; without one of the last step, or of the bare structure.

    Errors:
        UnknownFormat: `name` is not in `FORMATS`.
        NothingToDraw: no operation was recorded; says why, when the snippet failed.
        GraphvizMissing: svg, png and pdf need the program `dot`.
        RenderError: Graphviz failed, or took too long.
    """
    media_type(name)
    steps = [step for step in answer.steps if step.grads or step.edge_grads] or answer.steps
    step = steps[-1] if steps else None
    graphs = [graph for graph in answer.graphs if graph.nodes and (step is None or graph.id == step.graph)]
    if not graphs:
        why = f": {answer.problem.message}" if answer.problem is not None else ""
        raise NothingToDraw(
            f"no operation was recorded, so there is nothing to draw{why}",
            hint="Make a tensor and compute something with it.",
            where="code",
        )
    drawing = sketch(graphs[-1], step)
    if name == "mermaid":
        return write_mermaid(drawing).encode()
    source = write_dot(drawing).encode()
    return source if name == "dot" else lay_out(source, name)
