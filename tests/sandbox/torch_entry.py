"""The test entry with torch in its zygote."""

from __future__ import annotations

from tests.sandbox.entry import Entry as PlainEntry


class Entry(PlainEntry):
    """As the torch-free one, and torch is there."""

    def warm_up(self) -> None:
        """Import what the attacks on torch use, without leaving a thread."""
        super().warm_up()
        import torch
        import torch._dynamo
        import torch.hub
        import torch.utils.checkpoint
        import torch.utils.cpp_extension
        import torch.utils.data
        import torch.utils.serialization

        torch.set_num_threads(1)

    def versions(self) -> dict[str, str]:
        """That of torch."""
        import torch

        return {"torch": str(torch.__version__)}
