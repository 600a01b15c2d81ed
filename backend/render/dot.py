"""A drawing -> DOT. Labels are HTML-like, in which every hostile character has an escape."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from backend.render.drawing import SEED, Arrow, Box, Drawing
from backend.render.wording import shorten

BLUE: Final = "#2563eb"
ORANGE: Final = "#d9480f"
GREEN: Final = "#0f8a5f"
GREY: Final = "#6b7280"
INK: Final = "#1f2430"

SHAPES: Final = MappingProxyType(
    {
        "leaf": f'color="{GREEN}" penwidth=2',
        "data": f'color="{GREY}" style="rounded,filled" fillcolor="#f3f4f6"',
        "op": f'color="{BLUE}" style="rounded,filled"',
        "break": f'color="{GREY}" style="rounded,filled,dashed"',
        "group": f'color="{BLUE}" fillcolor="#eef3ff" peripheries=2',
        "more": f'color="{GREY}" fillcolor="#f3f4f6" style="filled,dashed"',
        "seed": f'color="{ORANGE}" fillcolor="#ffe3d3"',
    }
)
"""Colour never alone: the border, the fill or a line of text says the same."""

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


def write_dot(drawing: Drawing) -> str:
    """The DOT source, one statement a line."""
    lines = [
        "digraph chainrule {",
        '  graph [rankdir=TB bgcolor="#fbfaf7" fontname="Helvetica,Arial,sans-serif" nodesep=0.35 ranksep=0.5 '
        "nslimit=4 nslimit1=4]",
        '  node [shape=box style="rounded,filled" fillcolor="white" fontname="Helvetica,Arial,sans-serif" fontsize=11]',
        f'  edge [color="{GREY}" arrowsize=0.7 fontname="Helvetica,Arial,sans-serif" fontsize=10]',
        *_frames(drawing),
        *(f"  {_arrow(arrow)}" for arrow in drawing.arrows),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _frames(drawing: Drawing) -> Iterator[str]:
    """Boxes inside their frames, frames inside their parents. Iterative: groups may be deep."""
    inside: dict[str | None, list[str]] = {}
    for box in drawing.boxes:
        inside.setdefault(box.frame, []).append(_box(box))
    children: dict[str | None, list[str]] = {}
    titles = {frame.key: frame.title for frame in drawing.frames}
    for frame in drawing.frames:
        children.setdefault(frame.parent, []).append(frame.key)
    stack: list[tuple[str | None, bool]] = [(None, False)]
    while stack:
        key, closing = stack.pop()
        if closing:
            yield "  }"
            continue
        if key is not None:
            yield f"  subgraph cluster_{key} {{"
            yield f'    label=<{_text(titles[key], INK, 10)}> labeljust=l style="rounded" color="#c9ced8"'
            stack.append((key, True))
        yield from (f"  {line}" for line in inside.get(key, ()))
        stack.extend((child, False) for child in reversed(children.get(key, ())))


def _box(box: Box) -> str:
    name, equals, value = box.title.partition(" = ")
    title = f"<B>{_text(name, INK, 12)}</B>"
    if equals:
        title += f"{_text(' = ', GREY, 12)}{_text(value, BLUE, 12)}"
    elif box.kind == "seed":
        title = _text(box.title, ORANGE, 11)
    rows = [title, *(_text(line, _detail_colour(line), 9) for line in box.details)]
    border = f' color="{ORANGE}" penwidth=2.5' if box.is_loss else ""
    return f"{box.key} [label=<{'<BR/>'.join(rows)}> {SHAPES[box.kind]}{border}]"


def _detail_colour(line: str) -> str:
    return ORANGE if line.startswith("grad ") else GREEN if line.startswith("leaf ") else GREY


def _arrow(arrow: Arrow) -> str:
    if arrow.target == SEED:
        return f"{arrow.source} -> {arrow.target} [style=dashed]"
    words = []
    if arrow.gradient is not None:
        words.append(_text(f"∂ {arrow.gradient}", ORANGE, 10))
    if arrow.uses > 1:
        words.append(_text(f"×{arrow.uses}", GREY, 9))
    return f"{arrow.source} -> {arrow.target}" + (f" [label=<{' '.join(words)}>]" if words else "")


def _text(text: str, colour: str, size: int) -> str:
    """One run of text. Graphviz reads it as XML, so what XML cannot hold becomes a visible mark."""
    safe = html.escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", shorten(text)))
    return f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{safe or " "}</FONT>'
