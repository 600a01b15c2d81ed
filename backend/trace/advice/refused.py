"""What the sandbox refuses, told by the part of Python or of torch that ran into it, and what to use instead."""

from __future__ import annotations

import ast
import linecache
import re
from typing import Final

from backend.trace.advice.failure import Failure
from backend.trace.source import FILENAME
from backend.wire.messages import FixRecord

Words = tuple[str | None, str | None]
"""(explanation, suggestion)."""

_FILES: Final = (
    "Files are not available here: the snippet runs in a sandbox that has no file system.",
    "Make the numbers in the snippet itself, with torch.tensor, torch.arange or torch.randn.",
)
_PROCESSES: Final = (
    "Processes are not available here: the snippet runs in one process, and may not start or signal another.",
    "Do the work in the snippet itself, one thing after the other.",
)
_SHARING: Final = (
    "Memory cannot be shared with other processes here: there is only this one.",
    "Leave share_memory_() out.",
)
_NETWORK: Final = (
    "There is no network here: the snippet runs in a sandbox that cannot reach any other machine.",
    "Make the numbers in the snippet itself, with torch.tensor, torch.arange or torch.randn.",
)
_SYSTEM: Final = (
    "The snippet asked the operating system for something that is not available here: it runs in a sandbox without "
    "files, network or other processes.",
    "Leave this out, and compute with torch, numpy and plain Python.",
)

_FAMILIES: Final[tuple[tuple[str, Words], ...]] = (
    (
        r"torch\.(_dynamo|_inductor|compiler)\b",
        (
            "torch.compile is not available here: it needs a compiler, files and more of torch than is loaded.",
            "Call the function or the model as it is: the values and the gradients are the same.",
        ),
    ),
    (
        r"torch\.(hub|utils\.model_zoo)\b",
        (
            "torch.hub is not available here: it downloads, and there is no network and no file system.",
            "Define the model in the snippet, with nn.Sequential or a class; its weights are random then.",
        ),
    ),
    (
        r"torch\.utils\.data\b",
        (
            "DataLoader cannot start worker processes here.",
            "Use num_workers=0, which is the default: the batches are the same.",
        ),
    ),
    (
        r"torch\.utils\.cpp_extension\b",
        (
            "C++ and CUDA extensions are not available here: there is no compiler and no file system.",
            "Write the operation with torch's own, or as a torch.autograd.Function with a forward and a backward.",
        ),
    ),
    (
        r"torch\.(export|onnx)\b",
        (
            "Models cannot be exported here: that needs files and more of torch than is loaded.",
            "Call the model as it is: its graph is shown.",
        ),
    ),
    (
        r"torch\.utils\.tensorboard\b",
        (
            "TensorBoard is not available here: it writes files.",
            "Leave the writer out: values, gradients and the loss of each step are shown.",
        ),
    ),
    (
        r"torch\.serialization\b",
        (
            _FILES[0],
            "Save to memory instead: `f = io.BytesIO()`, `torch.save(x, f)`, `f.seek(0)`, `torch.load(f)`.",
        ),
    ),
    (
        r"(torch\.)?multiprocessing\b|torch\.distributed\b|subprocess\b|concurrent\.futures\.process\b|pty\b",
        _PROCESSES,
    ),
    (
        r"asyncio\b",
        (
            "asyncio is not available here: its event loop needs more of the operating system than a snippet may use.",
            "Make the functions plain ones, without async and await, and call them one after the other.",
        ),
    ),
    (r"(socket|ssl|http|urllib|ftplib|smtplib|requests|httpx|aiohttp|urllib3)\b", _NETWORK),
    (r"(posixpath|genericpath|pathlib|tempfile|shutil|glob|zipfile|tarfile|shelve|dbm|sqlite3)\b", _FILES),
)
"""By the start of the name of a module that the error came through, or that could not be imported."""

_WORDS: Final[tuple[tuple[str, Words], ...]] = (
    (r"\b(fork\w*|exec[lv]\w*|spawn\w*|posix_spawn\w*|p?kill\w*|popen|system|wait\w*|nice|setpriority)\(", _PROCESSES),
    (r"\b(socket\w*|connect|bind|listen|gethost\w*|getaddrinfo)\(", _NETWORK),
    (r"\b(getcwd|chdir|stat|listdir|scandir|mkdir|makedirs|remove|unlink|rename|exists|open|glob|pipe|dup)\(", _FILES),
)
"""By a call in the line: functions written in C leave no frame."""


def denied(error: BaseException) -> Words:
    """Explanation and suggestion for what failed because the sandbox forbids it; (None, None) for any other error."""
    if not _may_be_denied(error):
        return None, None
    places, line = _way(error)
    if isinstance(error, ImportError):
        places.append(error.name or "")
    for pattern, advice in _FAMILIES:
        if any(re.match(pattern, place) for place in places):
            return advice
    if isinstance(error, ImportError) or (isinstance(error, OSError) and error.errno is None):
        return None, None  # not there, or raised by the learner's own code
    if isinstance(error, OSError) and error.filename is not None:
        return _FILES
    if "shared memory" in str(error):
        return _SHARING
    for pattern, advice in _WORDS:
        if re.search(pattern, line):
            return advice
    return _SYSTEM


def without(failure: Failure) -> list[FixRecord]:
    """The code without what is refused, where that is one word: `model` for `torch.compile(model)`, no workers."""
    text = failure.text
    for node in ast.walk(text.tree):
        if not isinstance(node, ast.Call):
            continue
        if ast.unparse(node.func) == "torch.compile" and node.args and _came_through(failure, "torch._dynamo", "torch"):
            plain = text.of(node.args[0])
            return [text.fix([(node, plain)], f"{plain}, in line {node.lineno}")]
        for keyword in node.keywords:
            if keyword.arg == "num_workers" and _came_through(failure, "torch.utils.data"):
                return [text.fix([(keyword.value, "0")], f"num_workers=0, in line {node.lineno}")]
    return []


def _came_through(failure: Failure, *modules: str) -> bool:
    places, _ = _way(failure.error)
    return any(place == m or place.startswith(f"{m}.") for place in places for m in modules)


def _may_be_denied(error: BaseException) -> bool:
    if isinstance(error, OSError | ImportError):
        return True
    return "not permitted" in str(error) or type(error).__module__.startswith("torch._dynamo")


def _way(error: BaseException) -> tuple[list[str], str]:
    """The modules between the snippet's innermost frame and the error, and that frame's line."""
    modules: list[str] = []
    line = ""
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename == FILENAME:
            modules, line = [], linecache.getline(FILENAME, traceback.tb_lineno)
        else:
            modules.append(str(frame.f_globals.get("__name__", "")))
        traceback = traceback.tb_next
    return modules, line
