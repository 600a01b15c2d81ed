"""Which modules the page's own module imports, and those theirs: asked for at once, not one after another."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

IMPORT: Final = re.compile(
    r"""^\s*(?:import|export)\b[^;"'()]*?(?:\bfrom\s*)?["'](\.{1,2}/[^"']+\.js)["']""", re.MULTILINE
)
"""A static import or re-export of a file beside. Dynamic ones are for later, and stay so."""


def imported(entry: Path) -> list[Path]:
    """`entry` and everything that it imports statically, in the order of first use; missing files are left out.

    Looks at the file system each time, so an edit shows at once; a file is read again only when it has changed.
    """
    found: dict[Path, None] = {}
    waiting = [entry.resolve()]
    while waiting:
        path = waiting.pop(0)
        if path in found or not path.is_file():
            continue
        found[path] = None
        stat = path.stat()
        waiting += [(path.parent / name).resolve() for name in imports(str(path), stat.st_mtime_ns, stat.st_size)]
    return list(found)


@lru_cache(maxsize=512)
def imports(path: str, *_version: int) -> tuple[str, ...]:
    """What one file imports, as it is written there."""
    return tuple(IMPORT.findall(Path(path).read_text("utf-8")))
