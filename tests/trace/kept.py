"""What torch itself saves for backward: counted with hooks on saved tensors, in a run that nobody watches."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import torch


class Kept:
    """`with Kept() as kept:` every tensor that autograd saves inside is counted, each piece of memory once.

    torch calls no hook for a plain number that it saves (`x * 2`).
    """

    def __init__(self) -> None:
        self._held: list[torch.Tensor] = []
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda tensor: tensor)

    def count(self) -> tuple[int, int]:
        """Pieces of memory, and their bytes."""
        memory = {storage._cdata: storage.nbytes() for storage in (t.untyped_storage() for t in self._held)}
        return len(memory), sum(memory.values())

    def _pack(self, tensor: torch.Tensor) -> torch.Tensor:
        self._held.append(tensor)
        return tensor

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hooks.__exit__(kind, error, at)


def count_plain(code: str) -> tuple[int, int]:
    """Pieces of memory and bytes that a snippet saves for backward when it runs unwatched."""
    namespace: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "__name__": "__main__"}
    torch.manual_seed(0)
    with Kept() as kept:
        exec(compile(code, "snippet.py", "exec"), namespace)
        return kept.count()
