"""Writes the example answers of the API's description: `python -m tests.routes.example_answers`."""

from __future__ import annotations

import json
from typing import Any, Final

from backend.routes.openapi import ANSWERS
from tests.serving import Served, serve

EXAMPLES: Final = {
    "ok": (
        "A value and its gradient",
        "x = torch.tensor(3.0, requires_grad=True)\ny = x * x\ny.backward()",
    ),
    "error": (
        "A snippet that fails is a result: the trace so far, and the problem",
        "a = torch.ones(2)\nb = a @ torch.ones(3)",
    ),
}
"""Name -> summary and code. Short, because the whole answer is shown."""


def timeless(answer: Any) -> Any:
    """The answer without what is different each time."""
    return {**answer, "timings": dict.fromkeys(answer["timings"], 1.0)}


def write(server: Served) -> None:
    """Run the examples and write what comes back."""
    for name, (summary, code) in EXAMPLES.items():
        example = {"summary": summary, "code": code, "answer": timeless(server.graph(code))}
        (ANSWERS / f"{name}.json").write_text(json.dumps(example, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    with serve() as served:
        write(served)
