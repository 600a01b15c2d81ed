"""Wrong syntax that one small change makes right: only what can be read afterwards is offered."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from backend.schema import Fix

_CLOSING = {"(": ")", "[": "]", "{": "}"}


def syntax_fixes(message: str, code: str, line: int) -> list[Fix]:
    """At most one fix of 1-based `line`, for Python's own `message`."""
    lines = code.split("\n")
    old = lines[line - 1]
    for new in _candidates(message, old):
        if _reads("\n".join([*lines[: line - 1], new, *lines[line:]])):
            return [Fix(line=line, end_line=line, code=new, label=new.strip())]
    return []


def _candidates(message: str, old: str) -> Iterator[str]:
    text = old.rstrip()
    never_closed = re.search(r"'([(\[{])' was never closed", message)
    if message == "expected ':'":
        yield f"{text}:"
    elif never_closed is not None:
        yield text + _CLOSING[never_closed.group(1)]
    elif message.startswith("Missing parentheses in call to 'print'"):
        yield re.sub(r"\bprint\s+(.*)$", r"print(\1)", text)
    elif "Maybe you meant '=='" in message:
        yield re.sub(r"(?<![=!<>])=(?!=)", "==", text, count=1)
    elif message == "unexpected indent":
        yield text.lstrip()


def _reads(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
