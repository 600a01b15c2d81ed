"""One small, valid run: every kind of message, several outputs, wide and complex slots, a thumb, an empty slot."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from backend.wire.messages import (
    BindingMessage,
    CheckedElementRecord,
    CheckedLeafRecord,
    DoneMessage,
    Edge,
    GradcheckMessage,
    GradientMessage,
    GraphMessage,
    Group,
    Node,
    NoticeMessage,
    OptimizerRecord,
    OutputMessage,
    ProblemMessage,
    ProgressMessage,
    ResultMessage,
    ScalarsMessage,
    Slot,
    StepMessage,
    UpdateRecord,
)

NAN = float("nan")
INF = float("inf")

# (target, kind, output, shape, dtype, numbers): the offset and the buffer follow from the order.
SLOTS: list[tuple[int, int, int, list[int], str, list[float], tuple[int, int] | None]] = [
    (0, 0, 0, [], "torch.float32", [2.0, 2.0, 2.0, NAN, 0, 0, 2.0], None),
    (1, 0, 0, [3], "torch.float32", [1.0, 1.0, 1.0, NAN, 1, 1, 1.0, NAN, -INF], None),
    (2, 0, 0, [2], "torch.int64", [-1, 7, 3.0, 5.5, 0, 0, -1, 7], None),
    (2, 0, 1, [], "torch.bool", [0, 1, NAN, NAN, 0, 0, 1], None),
    (3, 0, 0, [2], "torch.complex64", [NAN, NAN, NAN, NAN, 0, 0, 1.0, -2.0, INF, 0.5], None),
    (4, 0, 0, [64, 128], "torch.float32", [-3.0, 3.0, 0.25, 1.0, 0, 0, 0.5, -0.5, NAN, 1.5], (2, 2)),
    (0, 2, 0, [], "torch.float32", [6.0, 6.0, 6.0, NAN, 0, 0, 6.0], None),
    (1, 2, 0, [3], "torch.float32", [NAN, NAN, NAN, NAN, -1, 0, 0.0, 0.0, 0.0], None),
    (0, 1, 0, [], "torch.float32", [], None),  # on the numbers of edge 0
    (2, 1, 1, [], "torch.float64", [0.1, 0.1, 0.1, NAN, 0, 0, 0.1], None),
    (0, 4, 0, [], "torch.float32", [1.5, 1.5, 1.5, NAN, 0, 0, 1.5], None),
    (0, 5, 0, [], "torch.float32", [0.5, 0.5, 0.5, NAN, 0, 0, 0.5], None),
]


def graph(**changes: Any) -> GraphMessage:
    """The structure: n0 leaf -> n1, n2 (two outputs) -> n3, n4; two nested groups."""
    slots: list[Slot] = []
    ends = [0, 0]
    for target, kind, output, shape, dtype, numbers, thumb in SLOTS:
        wide = dtype not in ("torch.float32",)
        length = len(numbers) - 6
        count = 0 if thumb else length // 2 if "complex" in dtype else length
        offset = ends[wide]
        if not numbers:
            offset, count = next(slot.offset for slot in slots if slot.kind == 2), 1
        slots.append(Slot(target, kind, output, shape, dtype, "cpu", wide, offset, count, thumb))
        ends[wide] += len(numbers)
    parts: dict[str, Any] = {
        "id": "g",
        "nodes": [
            Node(id="n0", kind="leaf", op="tensor", names=["a"], line=1, is_leaf=True, requires_grad=True),
            Node(id="n1", kind="op", op="mul", grad_fn="MulBackward0", line=2, group="m"),
            Node(id="n2", kind="op", op="split", outputs=2, group="m.l", attributes={"fill": -INF, "dims": [1, NAN]}),
            Node(id="n3", kind="op", op="fft"),
            Node(id="n4", kind="data", op="randn"),
        ],
        "edges": [
            Edge(id="e0", source="n0", target="n1"),
            Edge(id="e1", source="n1", target="n2"),
            Edge(id="e2", source="n2", target="n3", source_output=1),
        ],
        "groups": [
            Group(id="m", kind="module", label="model"),
            Group(id="m.l", parent="m", kind="module", label="l"),
        ],
        "slots": slots,
        "floats": ends[0],
        "doubles": ends[1],
    }
    return GraphMessage(**{**parts, **changes})


def step(**changes: Any) -> StepMessage:
    """The numbers."""
    floats = [n for *_, dtype, numbers, _thumb in SLOTS if dtype == "torch.float32" for n in numbers]
    doubles = [n for *_, dtype, numbers, _thumb in SLOTS if dtype != "torch.float32" for n in numbers]
    parts: dict[str, Any] = {
        "index": 0,
        "graph": "g",
        "events": [(0, 0, 1), (0, 1, 2), (1, 1, 3), (1, -1, 0), (2, 0, 4), (3, 0, 5)],
        "floats": struct.pack(f"<{len(floats)}f", *floats),
        "doubles": struct.pack(f"<{len(doubles)}d", *doubles),
        "loss": 2.5,
        "loss_node": 1,
        "optimizers": [OptimizerRecord("SGD", {"lr": 0.1, "momentum": INF})],
        "updates": [UpdateRecord(0, "a", 0, ["momentum_buffer"])],
    }
    return StepMessage(**{**parts, **changes})


def gradcheck(**changes: Any) -> GradcheckMessage:
    """One leaf of shape [2], one element of which was checked."""
    element = CheckedElementRecord(index=[1], analytical=6.0, numerical=6.000001, difference=1e-6)
    parts: dict[str, Any] = {"name": "a", "node": "n0", "step": 0, "shape": [2], "elements": [element], **changes}
    return GradcheckMessage(line=3, epsilon=1e-6, loss=2.5, leaves=[CheckedLeafRecord(**parts)])


def messages() -> list[Any]:
    """The whole run."""
    return [
        graph(),
        BindingMessage(line=1, name="a", type_name="Tensor", text="2.0", node="n0", step=0),
        OutputMessage(stream="stdout", text="hello\n", line=2),
        step(),
        ScalarsMessage(index=0, loss=2.5, values={"loss": 2.5, "lr": 0.1}, loops={"epoch": 0, "name": "a"}),
        step(index=1, loss=NAN),
        ScalarsMessage(index=1, loss=NAN, values={"worst": -INF}, traced=True, loops={"epoch": 1}),
        ProgressMessage(step=2, rate=3.5, total=10, left=2.3),
        ResultMessage(line=3, text="tensor(2.)", node="n1", step=1),
        GradientMessage(name="a", line=1, node="n0", step=1, state="none", reason="zeroed", text="zeroed", cause=5),
        gradcheck(),
        NoticeMessage(kind="auto_backward", message="backward was run for you"),
        ProblemMessage(kind="RuntimeError", status="error", message="no", traceback=[]),
        DoneMessage("error", 1.5, 0.5),
    ]


def frames() -> list[bytes]:
    """The whole run, packed."""
    return [msgspec.msgpack.encode(message) for message in messages()]
