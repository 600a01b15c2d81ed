"""What passes, what does not, and that what does not says why."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from backend.errors import WireError
from backend.schema import Totals
from backend.wire.messages import (
    CheckedElementRecord,
    DoneMessage,
    Edge,
    FixRecord,
    GradcheckMessage,
    GradientMessage,
    GraphMessage,
    Group,
    Node,
    NoticeMessage,
    OperandRecord,
    ProblemMessage,
    ProgressMessage,
    ResultMessage,
    ScalarsMessage,
    Slot,
)
from backend.wire.unpack import Unpacker
from tests.wire import sample

pack = msgspec.msgpack.encode


def unpacker() -> Unpacker:
    return Unpacker(message_bytes=1 << 20)


def read(*messages: Any) -> Any:
    """The last of the messages, all read in order."""
    reader = unpacker()
    return [reader.read(pack(message)) for message in messages][-1]


def test_a_valid_run_passes_and_comes_back_equal() -> None:
    reader = unpacker()
    read_back = [reader.read(frame) for frame in sample.frames()]
    # NaN is not equal to itself, so the packed form is compared.
    assert [pack(message) for message in read_back] == sample.frames()
    assert reader.graph("g").id == "g"


def node(place: int, **changes: Any) -> list[Node]:
    nodes = list(sample.graph().nodes)
    nodes[place] = msgspec.structs.replace(nodes[place], **changes)  # type: ignore[type-var]  # a struct at run time
    return nodes


def slot(place: int, **changes: Any) -> list[Slot]:
    slots = list(sample.graph().slots)
    slots[place] = msgspec.structs.replace(slots[place], **changes)
    return slots


def edge(**changes: Any) -> list[Edge]:
    return [Edge(**{"id": "e0", "source": "n0", "target": "n1", **changes})]


GRAPHS = [
    ({"id": ""}, "graph id has 0 characters"),
    ({"nodes": node(1, id="n7")}, "node 1 calls itself 'n7', not 'n1'"),
    ({"nodes": node(2, outputs=0)}, "n2 has 0 outputs"),
    ({"nodes": node(2, outputs=10**9)}, "n2 has 1000000000 outputs"),
    ({"nodes": node(1, group="nobody")}, "n1 is in group 'nobody'"),
    ({"nodes": node(1, op="x" * 2000)}, "op of 2000 characters"),
    ({"nodes": node(1, saved=[{"name": "self", "node": "n99"}])}, "n1 saves 'n99'"),
    ({"nodes": node(1, saved=[{"name": "self", "bytes": -8}])}, "n1 has impossible sizes: [-8]"),
    ({"nodes": node(1, base="n99")}, "n1 lies in the memory of 'n99'"),
    ({"nodes": node(1, elements=-1)}, "n1 has impossible sizes"),
    ({"nodes": node(1, saved_bytes=2**63)}, "n1 has impossible sizes"),
    ({"parameters": -1}, "'g' has impossible sizes"),
    ({"groups": [Group(id="m", kind="loop", label="", saved_tensors=2**63)]}, "'m' has impossible sizes"),
    ({"nodes": node(1, next_functions=[{"name": "F", "node": "n99"}])}, "n1 has a next function of 'n99'"),
    ({"edges": edge(id="e1")}, "edge 0 calls itself 'e1'"),
    ({"edges": edge(source="n9")}, "e0 goes from 'n9' to 'n1'"),
    ({"edges": edge(target="e0")}, "e0 goes from 'n0' to 'e0'"),
    ({"edges": edge(source_output=1)}, "e0 starts at output 1 of n0"),
    ({"edges": edge(target_input=-1)}, "e0 ends at input -1"),
    ({"groups": []}, "n1 is in group 'm'"),
    ({"groups": [Group(id="m", kind="loop", label=""), Group(id="m", kind="loop", label="")]}, "there twice"),
    ({"groups": [Group(id="m", parent="q", kind="loop", label="")]}, "group 'm' is in 'q', which does not exist"),
    ({"groups": [Group(id="m", parent="m", kind="loop", label="")]}, "group 'm' is inside itself"),
    (
        {
            "groups": [
                Group(id="m", parent="m.l", kind="loop", label=""),
                Group(id="m.l", parent="m", kind="loop", label=""),
            ]
        },
        "is inside itself",
    ),
    (
        {
            "groups": [
                Group(id="m", kind="loop", label=""),
                *(Group(id=f"d{i}", parent=f"d{i - 1}" if i else "m", kind="loop", label="") for i in range(1100)),
            ]
        },
        "groups are 1001 deep",
    ),
    ({"slots": slot(0, kind=6)}, "slot 0 has kind 6"),
    ({"slots": slot(11, output=16)}, "slot 11 is of output 16 of n0"),
    ({"slots": slot(0, kind=-1)}, "slot 0 has kind -1"),
    ({"slots": slot(0, target=5)}, "slot 0 is of node 5"),
    ({"slots": slot(0, target=-1)}, "slot 0 is of node -1"),
    ({"slots": slot(0, output=1)}, "slot 0 is of output 1 of n0"),
    ({"slots": slot(6, target=3)}, "slot 6 is of edge 3"),
    ({"slots": slot(1, target=0, shape=[])}, "slot 1 is there twice"),
    ({"slots": slot(0, dtype="torch.float32; drop")}, "slot 0 has dtype"),
    ({"slots": slot(0, shape=[-1])}, "impossible shape"),
    ({"slots": slot(0, shape=[1] * 65)}, "impossible shape of 65 dimensions"),
    ({"slots": slot(0, shape=[2**62, 2**62])}, "more elements than torch can count"),
    ({"slots": slot(0, shape=[2])}, "slot 0 sends 1 of 2 values"),
    ({"slots": slot(0, count=10**12)}, "slot 0 sends 1000000000000 of 1 values"),
    ({"slots": slot(0, count=-1)}, "slot 0 sends -1 of 1 values"),
    ({"slots": slot(0, device="c" * 40)}, "device of 40 characters"),
    ({"slots": slot(5, thumb=(33, 2))}, "thumb of 33x2"),
    ({"slots": slot(5, thumb=(0, 2))}, "thumb of 0x2"),
    ({"slots": slot(0, thumb=(1, 1))}, "thumb of 1x1 beside 1 values"),
    ({"slots": slot(1, offset=0)}, "slot 1 starts at 0, not where the one before ends: 7"),
    ({"slots": slot(1, offset=2**62)}, "slot 1 starts at"),
    ({"slots": slot(8, offset=1)}, "slot 8 starts at 1"),
    ({"floats": 10**15}, "slots fill"),
    ({"doubles": 0}, "slots fill"),
]


@pytest.mark.parametrize(("changes", "words"), GRAPHS, ids=[words for _, words in GRAPHS])
def test_a_graph_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(WireError) as caught:
        read(sample.graph(**changes))
    assert words in caught.value.message


STEPS = [
    ({"graph": "other"}, "no graph 'other' was sent"),
    ({"index": -1}, "step -1 after step -1"),
    ({"floats": b""}, "has buffers of 0 and"),
    ({"doubles": b"\0" * 7}, "and 7 bytes"),
    ({"events": [(4, 0, 0)]}, "impossible event [4, 0, 0]"),
    ({"events": [(-1, 0, 0)]}, "impossible event [-1, 0, 0]"),
    ({"events": [(0, 5, 0)]}, "impossible event [0, 5, 0]"),
    ({"events": [(0, -4, 0)]}, "impossible event [0, -4, 0]"),
    ({"events": [(0, 0, -1)]}, "impossible event [0, 0, -1]"),
    ({"loss_node": 5}, "loss at node 5"),
    ({"updates": [sample.UpdateRecord(-1, None, None)]}, "updates node -1"),
]


@pytest.mark.parametrize(("changes", "words"), STEPS, ids=[words for _, words in STEPS])
def test_a_step_that_does_not_fit_its_graph_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(WireError) as caught:
        read(sample.graph(), sample.step(**changes))
    assert words in caught.value.message


def problem(**more: Any) -> ProblemMessage:
    return ProblemMessage(kind="E", status="error", message="", **more)


def gradient(**more: Any) -> GradientMessage:
    return GradientMessage(name="x", state="none", text="", **more)


def many_leaves() -> GradcheckMessage:
    return GradcheckMessage(line=1, epsilon=1.0, leaves=sample.gradcheck().leaves * 257)


def endless() -> GradcheckMessage:
    element = CheckedElementRecord(index=[0], analytical=sample.INF, numerical=1.0, difference=1.0)
    return sample.gradcheck(elements=[element])


def operand(**more: Any) -> OperandRecord:
    return OperandRecord(name="x", type_name="Tensor", **more)


ORDERS: list[tuple[list[Any], str]] = [
    ([sample.step()], "no graph 'g' was sent"),
    ([sample.graph(), sample.graph()], "was sent twice"),
    ([sample.graph(), sample.step(index=3), sample.step(index=3)], "step 3 after step 3"),
    ([DoneMessage("ok", 1, 1), sample.graph()], "after the one that said it was the last"),
    ([DoneMessage("fine", 1, 1)], "done with status 'fine'"),
    ([DoneMessage("ok", sample.NAN, 1)], "done with run_ms nan"),
    ([DoneMessage("ok", 1, -1)], "done with trace_ms -1"),
    ([ResultMessage(line=1, text="", node="x1")], "of node 'x1'"),
    ([ScalarsMessage(index=3), ScalarsMessage(index=3)], "scalars of iteration 3 after those of 3"),
    ([ScalarsMessage(index=-1)], "scalars of iteration -1"),
    ([ScalarsMessage(index=2**31)], "scalars of iteration"),
    ([ScalarsMessage(index=0, values={"__proto__": 1.0})], "the name '__proto__'"),
    ([ScalarsMessage(index=0, loops={"__class__": 1})], "the name '__class__'"),
    ([ScalarsMessage(index=0, values={"x" * 201: 1.0})], "the name 'xxx"),
    ([ScalarsMessage(index=0, values={f"x{n}": 1.0 for n in range(257)})], "scalars with 257 names"),
    ([ScalarsMessage(index=0, loops={"x": "y" * 201})], "a text of 201 characters"),
    ([ProgressMessage(step=-1, rate=1.0)], "progress with step -1"),
    ([ProgressMessage(step=1, rate=sample.NAN)], "progress with rate nan"),
    ([ProgressMessage(step=1, rate=1.0, left=-1.0)], "progress with left -1.0"),
    ([ResultMessage(line=-1, text="")], "at line -1"),
    (
        [ProblemMessage(kind="E", status="error", message="", traceback=[{"line": 1, "function": "f"}] * 1001)],  # type: ignore[list-item]
        "traceback of 1001 frames",
    ),
    ([problem(operands=[operand()] * 33)], "33 operands"),
    ([problem(operands=[operand(shape=[-1])])], "operand of shape [-1]"),
    ([problem(operands=[operand(shape=[2**63])])], "operand of shape"),
    ([problem(operands=[operand(shape=[1] * 65)])], "operand of shape"),
    ([problem(operands=[operand(shape=[2], clash=[1])])], "a clash in [1]"),
    ([problem(operands=[operand(clash=[0])])], "a clash in [0]"),
    ([problem(operands=[operand(node="e1")])], "operand of node 'e1'"),
    ([problem(operands=[operand(step=-1)])], "operand of step -1"),
    ([problem(operands=[operand(line=-1)])], "operand at line -1"),
    ([problem(fixes=[FixRecord(line=0, end_line=1, code="", label="")])], "fix of lines 0 to 1"),
    ([problem(fixes=[FixRecord(line=3, end_line=2, code="", label="")])], "fix of lines 3 to 2"),
    ([problem(fixes=[FixRecord(line=1, end_line=1, code="", label="")] * 9)], "9 fixes"),
    ([NoticeMessage(kind="k", message="", node="n")], "of node 'n'"),
    ([NoticeMessage(kind="k", message="", step=2**31)], "of step 2147483648"),
    ([gradient(node="e0")], "of node 'e0'"),
    ([gradient(step=-1)], "namedgradient of step -1"),
    ([gradient(line=-2)], "namedgradient at line -2"),
    ([gradient(cause=2**31)], "the cause of a gradient at line 2147483648"),
    ([sample.gradcheck(node="e1")], "checked leaf of node 'e1'"),
    ([sample.gradcheck(shape=[-1])], "checked leaf of shape [-1]"),
    ([sample.gradcheck(shape=[1])], "checked element at [1] of shape [1]"),
    ([sample.gradcheck(shape=[2, 2])], "checked element at [1] of shape [2, 2]"),
    ([sample.gradcheck(difference=sample.NAN)], "the numbers (nan,)"),
    ([sample.gradcheck(elements=sample.gradcheck().leaves[0].elements * 257)], "257 elements"),
    ([many_leaves()], "257 leaves"),
    ([endless()], "the numbers (inf, 1.0, 1.0)"),
]


@pytest.mark.parametrize(("sent", "words"), ORDERS, ids=[words for _, words in ORDERS])
def test_messages_out_of_order_or_beside_the_point_are_refused(sent: list[Any], words: str) -> None:
    with pytest.raises(WireError) as caught:
        read(*sent)
    assert words in caught.value.message


RAW = [
    (b"", "not a message"),
    (b"\xc1", "not a message"),
    (pack({"type": "nothing"}), "nothing"),
    (pack({}), "type"),
    (pack([1, 2]), "not a message"),
    (pack({"type": "done", "status": "ok", "run_ms": "1", "trace_ms": 1}), "run_ms"),
    (pack({"type": "done", "status": "ok", "run_ms": 1, "trace_ms": 1, "more": 1}), "more"),
    (b"\x81" * 100_000 + b"\xc0", "not a message"),
    (b"\x91" * 100_000 + b"\xc0", "not a message"),
    (b"\xdd\xff\xff\xff\xff", "not a message"),
    (b"\xdf\xff\xff\xff\xff", "not a message"),
    (b"\x81\xa4type\xdb\xff\xff\xff\xff", "not a message"),
    (b"\x81\xa4type\xa2\xff\xfe", "not a message"),
    (pack({"type": "graph", "nodes": [[]] * 5}), "not a message"),
    (pack({"type": "gradient", "name": "x", "state": "lost", "text": ""}), "lost"),
    (pack({"type": "gradient", "name": "x", "state": "none", "text": "", "reason": "fate"}), "fate"),
    (pack({"type": "gradcheck", "line": 1, "epsilon": 1, "leaves": [[]] * 5}), "leaves"),
    (pack({"type": "gradient", "name": ["x"], "state": "none", "text": ""}), "name"),
]


@pytest.mark.parametrize(("frame", "words"), RAW, ids=range(len(RAW)))
def test_bytes_that_are_no_message_are_refused(frame: bytes, words: str) -> None:
    with pytest.raises(WireError, match=words):
        unpacker().read(frame)


def test_deep_nesting_inside_a_known_field_is_refused() -> None:
    head = pack({"type": "graph", "id": "g"})
    deep = b"\x83" + head[1:] + pack("nodes") + b"\x91" * 200_000 + b"\xc0"
    with pytest.raises(WireError):
        unpacker().read(deep)


def test_too_long_a_message_is_refused_unread() -> None:
    with pytest.raises(WireError, match="message of 11 bytes, at most 10 are allowed"):
        Unpacker(message_bytes=10).read(b"\xc1" * 11)


def test_too_many_messages_are_refused() -> None:
    reader = Unpacker(message_bytes=1 << 20, messages=3)
    frame = pack(sample.OutputMessage(stream="stdout", text="x"))
    for _ in range(3):
        reader.read(frame)
    with pytest.raises(WireError, match="more than 3 messages"):
        reader.read(frame)


def test_the_graph_message_has_no_field_that_is_not_checked() -> None:
    """A new field must be thought of here: say below how it is checked."""
    checked = {"id", "nodes", "edges", "groups", "slots", "floats", "doubles", "events", "updates", "brief"}
    checked |= set(Totals.model_fields)
    assert set(GraphMessage.__struct_fields__) == checked
