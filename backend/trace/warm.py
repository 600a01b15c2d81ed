"""What is imported before the lock, and what a waiting child does to be quick when its job comes."""

from __future__ import annotations

import gc
import importlib
import sys
import warnings
from collections.abc import Iterator
from typing import Final

import torch

from backend.trace.session import Session
from backend.wire.messages import Job

LAZY: Final = (
    "torch._dynamo torch.utils.checkpoint torch.func torch.distributions torch.utils.data torch.nn.utils torch.fft "
    "torch.linalg torch.special torch.sparse torch.autograd.forward_ad torch.autograd.gradcheck torch.hub torch.onnx "
    "torch.autograd.functional torch.nn.utils.parametrizations torch.nn.utils.rnn torch.nn.attention torch.profiler "
    "torch.optim.lr_scheduler torch.optim.swa_utils torch.testing torch.utils._foreach_utils torch._tensor_str "
    "torch.masked torch.nested torch.jit torch.quasirandom torch.utils.serialization "
    "torch.profiler._cupti_monitor"
)
"""What torch imports when it is first needed, which after the lock is too late."""

STANDARD: Final = (
    "numpy numpy.linalg numpy.random math cmath random statistics itertools functools operator collections "
    "collections.abc dataclasses typing enum abc contextlib copy time datetime string re textwrap pprint json "
    "decimal fractions numbers heapq bisect warnings logging io types inspect traceback gc weakref uuid hashlib "
    "base64 struct array csv pickle argparse timeit os os.path sys pathlib shutil tempfile subprocess threading "
    "queue concurrent.futures asyncio socket urllib.request multiprocessing multiprocessing.queues calendar "
    "locale zlib unicodedata secrets graphlib ast dis typing_extensions encodings.idna encodings.utf_8 "
    "encodings.ascii encodings.latin_1 encodings.cp437"
)
"""What snippets import. Codecs are modules too."""

_REHEARSALS: Final = (
    "a = 1.0",
    "a = torch.tensor(2.0, requires_grad=True)",
    "a = torch.tensor(2.0, requires_grad=True)\nb = a * a + a\nb.backward()",
    "w = torch.ones(3, 2, requires_grad=True)\nF.mse_loss(torch.ones(4, 3) @ w, torch.zeros(4, 2))",
    "m = nn.Sequential(nn.Linear(3, 40), nn.ReLU(), nn.Linear(40, 1))\nm(torch.ones(20, 3)).sum().backward()",
    "print(nonsense)",
)
"""Snippets that use the parts which most snippets use."""


def import_everything() -> None:
    """Import every module that a snippet may ask for. One that this platform lacks is left out."""
    for name in f"{LAZY} {STANDARD}".split():
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    # the first optimizer pulls in torch._dynamo and more
    parameter = torch.nn.Parameter(torch.zeros(1))
    for kind in (torch.optim.SGD, torch.optim.Adam):
        kind([parameter])
    repr(torch.zeros(2))


def rehearse() -> Iterator[None]:
    """Run small snippets through the tracer and throw the messages away, one at each `next`."""
    for code in _REHEARSALS:
        before = torch.random.get_rng_state(), sys.stdout, sys.stderr, sys.modules["__main__"], gc.get_threshold()
        try:
            with warnings.catch_warnings():
                Session(Job(code=code), lambda _frame: None).run()
        finally:
            state, sys.stdout, sys.stderr, sys.modules["__main__"], threshold = before
            gc.set_threshold(*threshold)
            torch.random.set_rng_state(state)
        yield
