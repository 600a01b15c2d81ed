"""A run's frames and its JSON say the same to the page: real frames of the tracer, read by the page's own modules."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest

from backend.schema import Timings
from backend.trace.entry import Entry
from backend.wire.fold import Fold
from backend.wire.messages import Job
from backend.wire.unpack import Unpacker
from tests.programs import node

HERE = Path(__file__).parent

SNIPPETS = {
    "regression by hand": """
X = torch.randn(10, 3)
W = torch.randn(3, 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for i in range(3):
    loss = ((X @ W + b - 1) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        W -= 0.1 * W.grad
    print(loss.item())
W
""",
    "every dtype": """
a = torch.tensor([1.5, float("nan"), float("inf"), -float("inf")], requires_grad=True)
c = torch.tensor([1 + 2j, 3 - 4j], requires_grad=True)
d = torch.randn(3, dtype=torch.float64, requires_grad=True)
big = torch.randn(40, 50, requires_grad=True)
count = torch.tensor([2**40 + 1, -3])
flag = torch.tensor([True, False])
low, high = torch.aminmax(big)
first, rest = big.split(20)
y = a.clamp(max=float("inf")).sum() + c.abs().sum() + d.sum() + big.softmax(-1).sum() + count[0] + low + rest.sum()
empty = torch.zeros(0, 3)
masked = big.masked_fill(big > 0, -float("inf"))
y.backward()
""",
    "shapes without values": """
x = torch.randn(4, 8, device="meta", requires_grad=True)
y = (x @ x.T).sum()
y.backward()
""",
    "a large model with Adam, told briefly": """
model = nn.Sequential(*[nn.Sequential(nn.Linear(48, 48), nn.GELU(), nn.LayerNorm(48)) for _ in range(24)])
opt = torch.optim.Adam(model.parameters(), lr=0.01)
for i in range(4):
    loss = model(torch.randn(8, 48)).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
""",
    "an optimizer with momentum, gradients piled up": """
w = torch.tensor(5.0, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1, momentum=0.9)
for i in range(4):
    loss = (w - 2) ** 2
    loss.backward()
    if i % 2:
        opt.step()
        opt.zero_grad()
""",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_frames_and_json_say_the_same(entry: Entry, tmp_path: Path, name: str) -> None:
    frames: list[bytes] = []
    streams, main = (sys.stdout, sys.stderr), sys.modules["__main__"]
    try:
        entry.run(msgspec.msgpack.encode(Job(code=SNIPPETS[name], step_bytes=40_000)), frames.append)
    finally:
        sys.stdout, sys.stderr = streams
        sys.modules["__main__"] = main
    unpacker, fold = Unpacker(message_bytes=1 << 25), Fold(answer_bytes=1 << 28)
    for frame in frames:
        fold.add(unpacker.read(frame))
    answer = json.loads(fold.answer(status="ok", problem=None, timings=Timings()))
    assert answer["steps"], answer["status"]
    told = tmp_path / "run.json"
    told.write_text(json.dumps({"frames": [b64encode(frame).decode() for frame in frames], "answer": answer}))
    ran = subprocess.run([node(), HERE / "spellings.js", told], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout == f"{len(answer['steps'])} steps are the same\n"
