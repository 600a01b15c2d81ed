"""Of all that torch's own databases of ops and modules hold, what is not bit-identical when it is watched, and why.

Everything else about these is checked as of the others: the nodes, their values, the sums along the edges.
"""

from __future__ import annotations

from typing import Final

_UNINITIALISED = "returns memory as it is found: two runs without a tracer differ as well"

UNDEFINED: Final[dict[str, str]] = {
    "empty": _UNINITIALISED,
    "empty_like": _UNINITIALISED,
    "empty_permuted": _UNINITIALISED,
    "empty_strided": _UNINITIALISED,
    "new_empty": _UNINITIALISED,
    "new_empty_strided": _UNINITIALISED,
    "linalg.lstsq": "part of its result is memory as it is found: two runs without a tracer differ as well",
    "linalg.lstsq.grad_oriented": "part of its result is memory as it is found",
}
"""Results that torch does not define. They are not compared."""

ROUNDED: Final[dict[str, str]] = {
    "nn.LinearCrossEntropyLoss": (
        "cross_entropy with label_smoothing and weight asks whether any TorchDispatchMode is active, one that does "
        "nothing included, and then sums in another order: the last bit of a float32 may differ"
    ),
}
"""Compared within torch.testing's tolerances. One of these that turns out to be bit-identical fails the test."""

_LENGTHS = "under any TorchDispatchMode torch takes the overload that saves the lengths as tensors"

SAVED: Final[dict[str, str]] = {
    "nn.functional.ctc_loss": _LENGTHS,
    "nn.CTCLoss": _LENGTHS,
    "max_pool2d_with_indices_backward": "its sample runs a forward beside it that backward does not pass",
}
"""What backward keeps alive for these is told otherwise than torch, left alone, counts it."""
