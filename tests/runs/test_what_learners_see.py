"""What a learner is told when the sandbox refuses something: the line, what it means, and what to do instead."""

from __future__ import annotations

import pytest

from tests.serving import Served

FILES = ("Files are not available here", "in the snippet itself")
PROCESSES = ("Processes are not available here", "in the snippet itself")
NETWORK = ("There is no network here", "in the snippet itself")
COMPILE = ("torch.compile is not available here", "as it is")
HUB = ("torch.hub is not available here", "Define the model in the snippet")
MEMORY_FILE = ("Files are not available here", "io.BytesIO()")
NO_GPU = ("There is no GPU here", "torch.cuda.is_available()")

REFUSED = {
    "open('x')": FILES,
    "open('x', 'w')": FILES,
    "from pathlib import Path; Path('x').read_text()": FILES,
    "import os; os.getcwd()": FILES,
    "import os; os.listdir('.')": FILES,
    "import logging; logging.basicConfig(filename='x.log')": FILES,
    "import tempfile; tempfile.TemporaryFile()": FILES,
    "import numpy as np; np.load('x.npy')": FILES,
    "torch.load('x')": MEMORY_FILE,
    "torch.save(torch.ones(1), 'x')": MEMORY_FILE,
    "import os; os.fork()": PROCESSES,
    "import os; os.kill(os.getppid(), 9)": PROCESSES,
    "import os; os.popen('ls')": PROCESSES,
    "import subprocess; subprocess.run(['ls'])": PROCESSES,
    "import multiprocessing; multiprocessing.Process(target=print).start()": PROCESSES,
    "import multiprocessing; multiprocessing.Pool(2)": PROCESSES,
    "from concurrent.futures import ProcessPoolExecutor; ProcessPoolExecutor(2)": PROCESSES,
    "torch.ones(2).share_memory_()": ("only this one", "share_memory_()"),
    "import requests": NETWORK,
    "import socket; socket.socket()": NETWORK,
    "import socket; socket.create_connection(('example.com', 80))": NETWORK,
    "import urllib.request; urllib.request.urlopen('http://example.com')": NETWORK,
    "import asyncio; asyncio.run(asyncio.sleep(0))": ("asyncio is not available here", "without async"),
    "torch.compile(lambda x: x * 2)(torch.ones(2))": COMPILE,
    "torch.compile(nn.Linear(2, 2))": COMPILE,
    "torch.hub.load('a', 'b')": HUB,
    "torch.hub.load_state_dict_from_url('https://example.com/a.pth')": HUB,
    "from torch.utils.data import DataLoader; list(DataLoader(range(3), num_workers=2))": ("worker", "num_workers=0"),
    "from torch.utils.cpp_extension import load_inline": ("no compiler", "torch.autograd.Function"),
    "torch.onnx.export(nn.Linear(2, 2), (torch.ones(1, 2),), 'x.onnx')": ("exported", "as it is"),
    "torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),))": ("exported", "as it is"),
    "from torch.utils.tensorboard import SummaryWriter": ("TensorBoard is not available", "Leave the writer out"),
    "import torchvision": ("'torchvision' is not available here", "torch.rand(3, H, W)"),
    "import matplotlib.pyplot as plt": ("'matplotlib' is not available here", "the page draws"),
    "from torch import tensr": ("'torch' is there", "Check the spelling"),
    "torch.ones(2).cuda()": NO_GPU,
    "torch.ones(2, device='mps')": NO_GPU,
    "input('?')": ("waits for a keyboard", "`x = 3`"),
    "torch.tensor([1]) // torch.tensor([0])": ("divided by zero", "floating point"),
}


@pytest.mark.parametrize(("code", "words"), REFUSED.items(), ids=REFUSED)
def test_what_is_refused_is_explained(server: Served, code: str, words: tuple[str, str]) -> None:
    answer = server.graph(f"a = torch.ones(2, requires_grad=True)\nb = a * 3\n{code}\nc = b * 2")
    problem = answer["problem"]
    assert (answer["status"], problem["line"]) == ("error", 3)
    assert words[0] in problem["explanation"]
    assert words[1] in problem["suggestion"]
    names = {name for graph in answer["graphs"] for node in graph["nodes"] for name in node["names"]}
    assert names >= {"a", "b"}


@pytest.mark.parametrize(
    ("code", "line", "mended"),
    [
        ("f = nn.Linear(2, 2)\ng = torch.compile(f)", 2, "g = f"),
        (
            "from torch.utils.data import DataLoader\nd = DataLoader(range(3), num_workers=2)\nfor x in d:\n    pass",
            2,
            "d = DataLoader(range(3), num_workers=0)",
        ),
    ],
    ids=["torch.compile", "workers"],
)
def test_what_is_refused_is_mended_by_leaving_it_out(server: Served, code: str, line: int, mended: str) -> None:
    answer = server.graph(code)
    assert [(fix["line"], fix["code"]) for fix in answer["problem"]["fixes"]] == [(line, mended)]
    assert answer["output"] == [], "nothing that Python stumbles over afterwards"
    lines = code.split("\n")
    lines[line - 1] = mended
    assert server.graph("\n".join(lines))["status"] == "ok"


def test_an_error_in_the_learners_own_destructor_is_said_without_a_path(server: Served) -> None:
    answer = server.graph("class A:\n    def __del__(self):\n        raise ValueError('no')\na = A()\ndel a")
    assert [o["text"] for o in answer["output"]] == ["Exception ignored in A.__del__: ValueError: no\n"]


@pytest.mark.parametrize(
    "code",
    [
        "import io\nf = io.BytesIO()\ntorch.save(torch.ones(2), f)\nf.seek(0)\nassert torch.load(f).sum() == 2",
        "from torch.utils.data import DataLoader\nassert len(list(DataLoader(range(3), num_workers=0))) == 3",
        'device = "cuda" if torch.cuda.is_available() else "cpu"\ntorch.ones(2, device=device)',
        "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()",
        "print(1)\nexit()",
        "import os\nprint(os.environ)",
    ],
    ids=["memory file", "no workers", "device", "thread", "exit", "environment"],
)
def test_what_is_suggested_works(server: Served, code: str) -> None:
    answer = server.graph(code)
    assert (answer["status"], answer["problem"]) == ("ok", None)


@pytest.mark.parametrize(
    "code",
    ["raise TimeoutError('of mine')", "raise OSError('of mine')", "raise PermissionError('of mine')"],
)
def test_the_learners_own_errors_are_not_explained_away(server: Served, code: str) -> None:
    problem = server.graph(code)["problem"]
    assert (problem["message"], problem["explanation"]) == ("of mine", None)


@pytest.mark.parametrize(
    ("code", "signal", "word"),
    [
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV", "memory that is not its own"),
        ("import os\nos.abort()", "SIGABRT", "gave up"),
        ("import sys\nsys.setrecursionlimit(10**9)\ndef f(): [*map(lambda _: f(), [0])]\nf()", "SIGSEGV", "recursion"),
    ],
    ids=["bad address", "abort", "stack"],
)
def test_a_crash_says_what_it_was_and_where(server: Served, code: str, signal: str, word: str) -> None:
    answer = server.graph(code)
    problem = answer["problem"]
    assert (answer["status"], problem["signal"]) == ("crashed", signal)
    assert problem["line"] in (2, 3)
    assert word in problem["message"]
    assert problem["explanation"]
    assert problem["suggestion"]


def test_endless_recursion_is_an_error_with_its_line(server: Served) -> None:
    problem = server.graph("def f(n):\n    return f(n + 1)\nf(0)")["problem"]
    assert (problem["kind"], problem["status"], problem["line"]) == ("RecursionError", "error", 2)
    assert problem["suggestion"]


def test_long_output_is_cut_and_says_so(server: Served) -> None:
    answer = server.graph("print('x' * 10**7)")
    assert answer["status"] == "ok"
    assert [notice["kind"] for notice in answer["notices"]] == ["output_cut"]
    assert 0 < sum(len(output["text"]) for output in answer["output"]) < 10**6
