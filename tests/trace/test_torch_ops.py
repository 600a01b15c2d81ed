"""torch's own database of ops and of modules, every sample run plainly and watched: see `watching.disagreements`.

A part of the samples by default, all of them with --all-ops (`make test-ops`); --op NAME picks one op or module.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch

from tests.trace.exceptions import ROUNDED, UNDEFINED
from tests.trace.watching import disagreements

PARTS = 16
"""Tests that share the databases, so that several processes can."""

FEW = 2
"""Samples of each op, and of each mode of a module, that are run by default."""

TYPES = (torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64)
"""The first that an op takes on a CPU is the one that it is run in."""


class Sample(NamedTuple):
    """One call of one op or module."""

    name: str
    call: Callable[..., Any]
    inputs: Any


def _ops(few: int | None) -> Iterator[tuple[str, Iterator[Sample]]]:
    """Every op that runs on a CPU in one of TYPES, with its samples."""
    from torch.testing._internal import common_utils
    from torch.testing._internal.common_methods_invocations import op_db

    # It looks through the whole stack for the unittest that it is in, which here is none: most of the time of a test.
    common_utils.extract_test_fn = lambda: None
    for op in op_db:
        kinds = op.supported_dtypes("cpu")
        dtype = next((d for d in TYPES if d in kinds), None)
        if dtype is not None:
            name = f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name
            yield name, itertools.islice(_samples(name, op, dtype), few)


def _samples(name: str, op: Any, dtype: torch.dtype) -> Iterator[Sample]:
    differentiable = op.supports_autograd and (dtype.is_floating_point or dtype.is_complex)
    for sample in op.sample_inputs("cpu", dtype, requires_grad=differentiable):

        def call(inputs: Any, finish: Any = sample.output_process_fn_grad) -> Any:
            return finish(op(inputs[0], *inputs[1], **inputs[2]))

        yield Sample(name, call, (sample.input, sample.args, sample.kwargs))


def _modules(few: int | None) -> Iterator[tuple[str, Iterator[Sample]]]:
    """Every module, in train and in eval mode."""
    from torch.testing._internal.common_modules import module_db

    for kind in module_db:
        modes = (itertools.islice(_module_samples(kind, training), few) for training in (True, False))
        yield kind.name, itertools.chain.from_iterable(modes)


def _module_samples(kind: Any, training: bool) -> Iterator[Sample]:
    settings = {"device": "cpu", "dtype": torch.float32, "requires_grad": True, "training": training}
    for sample in kind.module_inputs_func(kind, **settings):
        made, given = sample.constructor_input, sample.forward_input
        if given is not None:
            module = kind.module_cls(*made.args, **made.kwargs).train(training)
            yield Sample(
                kind.name, lambda inputs: inputs[0](*inputs[1], **inputs[2]), (module, given.args, given.kwargs)
            )


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("database", [_ops, _modules], ids=["ops", "modules"])
def test_watched_torch_is_torch(entry: Any, database: Any, part: int, request: Any, record_property: Any) -> None:
    whole, only = request.config.getoption("all_ops"), request.config.getoption("op")
    faults: list[str] = []
    counts = dict.fromkeys(("kinds", "samples", "impossible", "exceptions"), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, samples in itertools.islice(database(None if whole or only else FEW), part, None, PARTS):
            if only and only != name:
                continue
            torch.manual_seed(0)
            faults += _check(name, samples, counts, strict=whole)
    for what, count in counts.items():
        record_property(f"{database.__name__[1:]} {what}", count)
    assert not faults, "\n".join(faults)


def _check(name: str, samples: Iterator[Sample], counts: dict[str, int], *, strict: bool) -> Iterator[str]:
    """What is wrong with one op or module, a line for each sample."""
    compared = "not" if name in UNDEFINED else "exactly"
    counts["kinds"] += 1
    counts["exceptions"] += name in UNDEFINED or name in ROUNDED
    rounded = False
    for place, sample in enumerate(samples):
        found = disagreements(sample.call, sample.inputs, compared=compared)
        if found and name in ROUNDED:
            rounded = True
            found = disagreements(sample.call, sample.inputs, compared="closely")
        counts["samples"] += found is not None
        counts["impossible"] += found is None
        if found:
            yield f"{name}, sample {place}: {'; '.join(found)}"
    if strict and name in ROUNDED and not rounded:
        yield f"{name} is listed as rounded and is not: {ROUNDED[name]}"
