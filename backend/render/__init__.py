"""Graph -> DOT, SVG, PNG, PDF, Mermaid. The only importer of graphviz.

`drawing` decides what is seen, `dot` and `mermaid` write it down, `program` lets Graphviz lay it out.
"""

from backend.render.draw import FORMATS, draw, media_type
from backend.render.program import graphviz_version

__all__ = ["FORMATS", "draw", "graphviz_version", "media_type"]
