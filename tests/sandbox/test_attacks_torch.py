"""torch's own ways out: pickle, files, the hub, compiled extensions, worker processes."""

from __future__ import annotations

import pytest

from backend.sandbox import Sandbox
from tests.sandbox.attack import Attack, hold
from tests.sandbox.driving import drive

pytestmark = pytest.mark.anyio

DENIED = "PermissionError|Operation not permitted|not permitted|PytorchStreamWriter failed|Error"

PICKLE = """
import io, os, torch
class Bomb:
    def __reduce__(self):
        return os.mkdir, (f'/tmp/chainrule-bomb-{os.getpid()}',)
buffer = io.BytesIO()
torch.save(Bomb(), buffer)
buffer.seek(0)
torch.load(buffer, weights_only=False)
os.rmdir(f'/tmp/chainrule-bomb-{os.getpid()}')
result = True"""

ATTACKS = [
    Attack("a pickle that runs code", PICKLE, "PermissionError"),
    Attack(
        "save a file",
        "import os, torch\npath = f'/tmp/chainrule-{os.getpid()}.pt'\n"
        "torch.save(torch.ones(2), path)\nos.unlink(path)\nresult = True",
        "RuntimeError|PermissionError",
    ),
    Attack(
        "map a file",
        "import torch\nresult = torch.from_file('/etc/passwd', size=9, dtype=torch.uint8).tolist()",
        "RuntimeError.*Operation not permitted",
    ),
    Attack("load a library", "import ctypes.util, torch\ntorch.ops.load_library('/etc/passwd')", "Error"),
    Attack(
        "share memory by name",
        "import torch\nresult = torch.ones(2).share_memory_().is_shared()",
        "RuntimeError.*Operation not permitted",
    ),
    Attack(
        "start data loader workers",
        "import torch\nfrom torch.utils.data import DataLoader\n"
        "result = len(list(DataLoader(torch.ones(4, 2), num_workers=1, multiprocessing_context='fork')))",
        "Error",
    ),
    Attack(
        "fetch from a url through the hub",
        "import os, torch\nd = f'/tmp/chainrule-hub-{os.getpid()}'\n"
        "torch.hub.download_url_to_file('file:///etc/hostname', d, progress=False)\nos.unlink(d)\nresult = True",
        "Error",
    ),
    Attack(
        "find the compiler for an extension",
        "import subprocess, torch.utils.cpp_extension as c\n"
        "result = subprocess.check_output([c.get_cxx_compiler(), '--version'])",
        "Error",
    ),
]


@pytest.mark.parametrize("attack", [a for a in ATTACKS if a.name != "load a library"], ids=str)
async def test_torch_opens_no_door(attack: Attack, torch_locked: Sandbox, torch_unlocked: Sandbox) -> None:
    await hold(torch_locked, torch_unlocked, attack)


async def test_torch_works_behind_the_lock(torch_locked: Sandbox) -> None:
    """The oneDNN library compiles code at run time, OpenMP starts threads, autograd takes one more."""
    source = """
import torch
from torch import nn
torch.manual_seed(0)
conv = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GELU(), nn.BatchNorm2d(8))
conv(torch.randn(2, 3, 16, 16)).sum().backward()
nn.LSTM(8, 8)(torch.randn(4, 2, 8))[0].sum().backward()
nn.TransformerEncoderLayer(16, 2, batch_first=True)(torch.randn(2, 5, 16)).sum().backward()
w = nn.Linear(4, 4)
optimizer = torch.optim.Adam(w.parameters())
w(torch.randn(2, 4)).sum().backward()
optimizer.step()
x = torch.randn(2, requires_grad=True)
torch.utils.checkpoint.checkpoint(lambda x: x * 2, x, use_reentrant=True).sum().backward()
torch.linalg.svd(torch.randn(9, 9))
torch.set_num_threads(2)
torch.randn(500, 500) @ torch.randn(500, 500)
result = x.grad.tolist()"""
    ran = await drive(torch_locked, source)
    assert ran.result == [2.0, 2.0], ran.end


async def test_a_tensor_past_the_limit_is_refused(torch_locked: Sandbox) -> None:
    ran = await drive(torch_locked, "import torch\ntorch.empty(1 << 28).fill_(1)")
    assert "can't allocate memory" in ran.done["error"]


async def test_a_matrix_product_is_cancelled(torch_locked: Sandbox) -> None:
    """Inside C, with no Python to run for a while."""
    run = torch_locked.run(b"import torch\nsend(b'on')\na = torch.randn(2500, 2500)\nwhile True: a @ a")
    assert await anext(run) == b"on"
    await run.cancel()
    assert (await run.outcome()).status == "cancelled"
