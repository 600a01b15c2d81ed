"""A drawing -> Mermaid flowchart text."""

from __future__ import annotations

import re
from typing import Final

from backend.render.drawing import SEED, Arrow, Box, Drawing
from backend.render.wording import shorten

CLASSES: Final = (
    "classDef leaf fill:#ffffff,stroke:#0f8a5f,stroke-width:2px,color:#1f2430",
    "classDef data fill:#f3f4f6,stroke:#6b7280,color:#1f2430",
    "classDef op fill:#ffffff,stroke:#2563eb,color:#1f2430",
    "classDef break fill:#ffffff,stroke:#6b7280,stroke-dasharray:4 3,color:#1f2430",
    "classDef group fill:#eef3ff,stroke:#2563eb,stroke-width:2px,color:#1f2430",
    "classDef more fill:#f3f4f6,stroke:#6b7280,stroke-dasharray:4 3,color:#1f2430",
    "classDef seed fill:#ffe3d3,stroke:#d9480f,color:#d9480f",
)

_HOSTILE: Final = re.compile(r"[^\w .,=·∂×…+\-]")
"""Everything that is not surely text to Mermaid: quotes, brackets, #, backticks, markup, line ends."""


def write_mermaid(drawing: Drawing) -> str:
    """The flowchart, one statement a line."""
    inside: dict[str | None, list[str]] = {}
    for box in drawing.boxes:
        inside.setdefault(box.frame, []).append(f"  {_box(box)}")
    lines = ["flowchart TD", *inside.get(None, ())]
    for frame in drawing.frames:
        # Flat on purpose: a subgraph may name another one as its member, so no nesting has to be written.
        nested = [f"  {other.key}" for other in drawing.frames if other.parent == frame.key]
        lines += [f'  subgraph {frame.key}["{_text(frame.title)}"]', *inside.get(frame.key, ()), *nested, "  end"]
    lines += [f"  {_arrow(arrow)}" for arrow in drawing.arrows]
    lines += [f"  {definition}" for definition in CLASSES]
    return "\n".join(lines) + "\n"


def _box(box: Box) -> str:
    label = "<br/>".join(_text(line) for line in (box.title, *box.details))
    left, right = ("([", "])") if box.kind == "op" else ("[[", "]]") if box.kind == "group" else ("[", "]")
    return f'{box.key}{left}"{label}"{right}:::{box.kind}'


def _arrow(arrow: Arrow) -> str:
    if arrow.target == SEED:
        return f"{arrow.source} -.-> {arrow.target}"
    words = [] if arrow.gradient is None else [f"∂ {arrow.gradient}"]
    if arrow.uses > 1:
        words.append(f"×{arrow.uses}")
    label = f'|"{_text(" ".join(words))}"|' if words else ""
    return f"{arrow.source} -->{label} {arrow.target}"


def _text(text: str) -> str:
    """Mermaid's own escape: #code; by decimal code point."""
    return _HOSTILE.sub(lambda match: f"#{ord(match[0])};", shorten(text)) or " "
