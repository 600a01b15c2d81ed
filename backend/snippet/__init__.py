"""Text -> `Snippet`: its size, its syntax with line and column, its last statement, the names that each line binds.

Parsing builds a tree and runs nothing. Used by `runs`, which answers syntax errors without the sandbox, and inside the
sandbox by `trace`. Imports the standard library, `schema` and `errors` only.
"""

from backend.snippet.bindings import bound_names
from backend.snippet.parse import Last, Snippet, parse

__all__ = ["Last", "Snippet", "bound_names", "parse"]
