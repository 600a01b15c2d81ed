"""Brief steps, and steps that take their events from the graph: read as laid out, and refused where they cannot be."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from backend.errors import WireError
from backend.trace.brief import brief_layout
from backend.wire.layout import slot_length
from backend.wire.messages import STATISTICS, BriefLayout, GraphMessage, OptimizerRecord, StepMessage, UpdateRecord
from backend.wire.spelling import Speller
from backend.wire.unpack import Unpacker
from tests.wire import sample


def read(*messages: Any) -> Any:
    reader = Unpacker(message_bytes=1 << 20)
    return [reader.read(msgspec.msgpack.encode(message)) for message in messages]


def with_brief(step_bytes: int) -> GraphMessage:
    graph = sample.graph(events=sample.step().events, updates=sample.step().updates)
    graph.brief = brief_layout(graph, step_bytes=step_bytes, loss=1)
    return graph


def shortened(graph: GraphMessage) -> StepMessage:
    """The sample's numbers, as the brief layout wants them."""
    whole, brief = sample.step(), graph.brief
    assert brief is not None
    buffers: tuple[list[bytes], list[bytes]] = ([], [])
    done: set[tuple[bool, int]] = set()
    for place, slot in enumerate(graph.slots):
        if (slot.wide, slot.offset) in done:
            continue
        done.add((slot.wide, slot.offset))
        width, buffer = (8, whole.doubles) if slot.wide else (4, whole.floats)
        length = slot_length(slot) if place in brief.whole else STATISTICS
        buffers[slot.wide].append(buffer[slot.offset * width : (slot.offset + length) * width])
    return sample.step(brief=True, floats=b"".join(buffers[0]), doubles=b"".join(buffers[1]), events=None, updates=None)


def spelled(graph: GraphMessage, step: StepMessage) -> Any:
    speller = Speller()
    speller.spell(graph)
    return json.loads(speller.spell(step))


@pytest.mark.parametrize("step_bytes", [1, 300, 420, 440])
def test_a_brief_step_has_all_statistics_and_the_values_that_the_layout_names(step_bytes: int) -> None:
    graph = with_brief(step_bytes)
    assert graph.brief is not None
    _, step = read(graph, shortened(graph))
    brief, whole = spelled(graph, step), spelled(graph, sample.step())
    assert brief["brief"] is True
    for part in ("values", "grads", "edge_grads"):
        assert brief[part].keys() == whole[part].keys()
        for name, summary in brief[part].items():
            expected = whole[part][name]
            assert {k: v for k, v in summary.items() if k not in ("values", "thumb")} == {
                k: v for k, v in expected.items() if k not in ("values", "thumb")
            }
            assert (summary["values"], summary["thumb"]) in (
                (None, None),
                (expected["values"], expected["thumb"]),
            )
    assert brief["events"] == whole["events"]
    update = brief["updates"][0]
    assert (update["optimizer"], update["hyperparameters"]) == ("SGD", {"lr": 0.1, "momentum": "Infinity"})
    assert update["state"]["momentum_buffer"]["mean"] == 0.5


def test_the_loss_and_what_the_learner_named_come_first() -> None:
    graph = sample.graph()
    layouts = [brief_layout(graph, step_bytes=step_bytes, loss=3) for step_bytes in range(300, 460, 4)]
    taken = [{graph.slots[place].target for place in layout.whole} for layout in layouts if layout and layout.whole]
    assert taken[0] <= {0}, "what has a name and fits before the loss does"
    first_with_loss = next(targets for targets in taken if 3 in targets)
    assert first_with_loss <= {0, 3}


def test_a_graph_that_is_small_enough_has_no_brief_layout() -> None:
    assert with_brief(10**6).brief is None
    assert with_brief(0).brief is None


def changed(**changes: Any) -> BriefLayout:
    brief = with_brief(300).brief
    assert brief is not None
    return msgspec.structs.replace(brief, **changes)


def moved(place: int, by: int) -> list[int]:
    offsets = list(changed().offsets)
    offsets[place] += by
    return offsets


LAYOUTS: list[tuple[dict[str, Any], str]] = [
    ({"offsets": []}, "has 0 offsets for 12 slots"),
    ({"offsets": moved(1, 1)}, "slot 1 starts at 7, not where the one before ends: 6"),
    ({"offsets": moved(8, 6)}, "other slots on the same numbers"),
    ({"whole": [99]}, "names slots out of order"),
    ({"whole": [-1]}, "names slots out of order"),
    ({"whole": [3, 2]}, "names slots out of order"),
    ({"whole": [2, 2]}, "names slots out of order"),
    ({"floats": 1 << 60}, "slots fill"),
    ({"whole": [6], "offsets": changed().offsets}, "starts at"),
]


@pytest.mark.parametrize(("changes", "words"), LAYOUTS, ids=range(len(LAYOUTS)))
def test_a_brief_layout_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    graph = with_brief(1)
    graph.brief = msgspec.structs.replace(graph.brief, **changes) if graph.brief else None
    with pytest.raises(WireError) as caught:
        read(graph)
    assert words in caught.value.message


STEPS: list[tuple[dict[str, Any], str]] = [
    ({"brief": True}, "is brief, and its graph says not how"),
    ({"updates": [UpdateRecord(0, None, None), UpdateRecord(0, None, None)]}, "updates node 0 twice"),
    ({"updates": [UpdateRecord(0, None, 3)]}, "has no optimizer 3"),
    ({"updates": [UpdateRecord(0, None, -1)]}, "has no optimizer -1"),
    ({"updates": [UpdateRecord(0, None, None, ["x"] * 17)]}, "a state of 17 tensors"),
    ({"optimizers": [OptimizerRecord("SGD", {"__proto__": 1})]}, "hyperparameter '__proto__'"),
    ({"optimizers": [OptimizerRecord("SGD", {"lr": [1.0] * 61})]}, "hyperparameter lr of length 61"),
    ({"optimizers": [OptimizerRecord("SGD", {str(n): n for n in range(25)})]}, "25 hyperparameters"),
    ({"optimizers": [OptimizerRecord("SGD", {})] * 257}, "257 optimizers"),
    ({"events": [(0, 0, 1)] * 100}, "100 events of 5 nodes and 3 edges"),
]


@pytest.mark.parametrize(("changes", "words"), STEPS, ids=[words for _, words in STEPS])
def test_a_step_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(WireError) as caught:
        read(sample.graph(), sample.step(**changes))
    assert words in caught.value.message


def test_updates_of_the_graph_want_their_optimizers_in_every_step() -> None:
    with pytest.raises(WireError, match="has no optimizer 0"):
        read(with_brief(0), sample.step(optimizers=[], updates=None))


def test_events_of_the_graph_are_checked() -> None:
    with pytest.raises(WireError, match=r"impossible event \[9, 0, 0\]"):
        read(sample.graph(events=[(9, 0, 0)]))
    with pytest.raises(WireError, match="updates node 9"):
        read(sample.graph(updates=[UpdateRecord(9, None, None)]))
