"""Messages in, the contract's JSON out."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from backend.errors import WireError
from backend.schema import GraphAnswer, Problem, TensorSummary, Timings
from backend.wire.fold import AnswerTooLarge, Fold
from backend.wire.messages import GraphMessage, Slot
from backend.wire.summary import Summary
from tests.wire import sample

PROBLEM = Problem(kind="RuntimeError", status="error", message="no")


def folded(*messages: Any) -> Any:
    """The answer as plain JSON; first held against the contract."""
    fold = Fold(answer_bytes=1 << 24)
    for message in messages or sample.messages():
        fold.add(message)
    body = fold.answer(status="error", problem=PROBLEM, timings=Timings(run=1.23456))
    GraphAnswer.model_validate_json(body)

    def refuse(word: str) -> Any:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(body, parse_constant=refuse)


def test_the_answer_has_the_contracts_fields_in_its_order() -> None:
    assert list(folded()) == list(GraphAnswer.model_fields)


def test_a_summary_has_the_contracts_fields() -> None:
    assert Summary.__struct_fields__ == tuple(TensorSummary.model_fields)


def test_values_stand_where_the_slots_say() -> None:
    values = folded()["steps"][0]["values"]
    assert values["n0"] == {
        "shape": [],
        "dtype": "torch.float32",
        "device": "cpu",
        "numel": 1,
        "min": 2.0,
        "max": 2.0,
        "mean": 2.0,
        "std": None,
        "nan": 0,
        "inf": 0,
        "values": [2.0],
        "thumb": None,
    }


def test_nan_and_infinities_are_spelled() -> None:
    step = folded()["steps"][0]
    assert step["values"]["n1"]["values"] == [1.0, "NaN", "-Infinity"]
    assert (step["values"]["n1"]["nan"], step["values"]["n1"]["inf"]) == (1, 1)
    assert step["values"]["n4"]["thumb"] == [[0.5, -0.5], ["NaN", 1.5]]
    assert folded()["steps"][1]["loss"] == "NaN"
    assert folded()["graphs"][0]["nodes"][2]["attributes"] == {"fill": "-Infinity", "dims": [1, "NaN"]}


def test_integers_stay_integers_and_bool_is_a_number() -> None:
    outputs = folded()["steps"][0]["outputs"]["n2"]
    assert outputs[0]["values"] == [-1, 7]
    assert isinstance(outputs[0]["values"][0], int)
    assert isinstance(outputs[0]["min"], int)
    assert outputs[1]["values"] == [1]
    assert outputs[1]["mean"] is None


def test_complex_elements_are_pairs() -> None:
    assert folded()["steps"][0]["values"]["n3"]["values"] == [[1.0, -2.0], ["Infinity", 0.5]]


def test_several_outputs_have_their_own_places() -> None:
    step = folded()["steps"][0]
    assert step["values"]["n2"] == step["outputs"]["n2"][0]
    assert step["output_grads"]["n2"][0] is None
    assert step["output_grads"]["n2"][1]["values"] == [0.1]
    assert step["grads"]["n2"]["values"] == [0.1]


def test_an_empty_slot_is_left_out() -> None:
    assert set(folded()["steps"][0]["edge_grads"]) == {"e0"}


def test_a_grad_slot_on_an_edge_slot_has_the_same_numbers() -> None:
    step = folded()["steps"][0]
    assert step["grads"]["n0"] == step["edge_grads"]["e0"]
    assert step["grads"]["n0"]["values"] == [6.0]


def test_events_and_updates_are_spelled() -> None:
    step = folded()["steps"][0]
    assert step["events"] == [
        {"phase": "forward", "node": "n0", "edge": None, "line": 1},
        {"phase": "forward", "node": "n1", "edge": None, "line": 2},
        {"phase": "backward", "node": "n1", "edge": None, "line": 3},
        {"phase": "backward", "node": None, "edge": "e0", "line": None},
        {"phase": "update", "node": "n0", "edge": None, "line": 4},
        {"phase": "zero_grad", "node": "n0", "edge": None, "line": 5},
    ]
    update = step["updates"][0]
    assert (update["parameter"], update["name"], update["optimizer"]) == ("n0", "a", "SGD")
    assert (update["before"]["values"], update["after"]["values"]) == ([2.0], [1.5])
    assert update["gradient"]["values"] == [6.0]


def test_notes_lose_the_tag_that_only_the_wire_needs() -> None:
    answer = folded()
    for note in (
        *answer["bindings"],
        *answer["output"],
        *answer["notices"],
        *answer["gradients"],
        answer["result"],
        answer["problem"],
    ):
        assert "type" not in note
    assert answer["bindings"][0]["name"] == "a"
    assert answer["output"][0]["text"] == "hello\n"
    assert answer["result"]["node"] == "n1"
    assert answer["gradients"][0]["reason"] == "zeroed"
    assert answer["gradcheck"]["leaves"][0]["elements"][0]["numerical"] == 6.000001
    assert answer["problem"]["message"] == "no"
    assert answer["timings"]["run"] == 1.235


def one_slot(slot: Slot, numbers: bytes) -> list[Any]:
    graph = GraphMessage("g", sample.graph().nodes[:1], [], [], [slot], len(numbers) // 4, 0)
    return [graph, sample.step(floats=numbers, doubles=b"", events=[], loss_node=None, updates=[])]


def test_numbers_that_lie_about_nan_still_become_json() -> None:
    slot = Slot(0, 0, 0, [2], "torch.int32", "cpu", False, 0, 2)
    numbers = msgspec.Raw(sample.struct.pack("<8f", 1, sample.INF, 0, 0, 0, 0, sample.NAN, 3))
    value = folded(*one_slot(slot, bytes(numbers)))["steps"][0]["values"]["n0"]
    assert value["max"] == "Infinity"
    assert value["values"] == ["NaN", 3.0]


@pytest.mark.parametrize("count", [sample.NAN, 2.0, -2.0, sample.INF])
def test_a_count_that_is_none_is_refused(count: float) -> None:
    slot = Slot(0, 0, 0, [], "torch.float32", "cpu", False, 0, 1)
    with pytest.raises(WireError, match="counts"):
        folded(*one_slot(slot, sample.struct.pack("<7f", 1, 1, 1, 1, count, 0, 1)))


def test_no_elements_are_all_the_values_there_are() -> None:
    nan = sample.NAN
    slot = Slot(0, 0, 0, [0, 3], "torch.float32", "meta", False, 0, 0)
    value = folded(*one_slot(slot, sample.struct.pack("<6f", nan, nan, nan, nan, 0, 0)))["steps"][0]["values"]["n0"]
    assert (value["values"], value["numel"], value["min"]) == ([], 0, None)


def add_steps(fold: Fold) -> None:
    for index in range(100):
        fold.add(sample.step(index=index))


def test_a_step_that_does_not_fit_is_left_out_and_the_rest_stays() -> None:
    fold = Fold(answer_bytes=4000)
    fold.add(sample.graph())
    with pytest.raises(AnswerTooLarge):
        add_steps(fold)
    answer = GraphAnswer.model_validate_json(fold.answer(status="memory", problem=None, timings=Timings()))
    assert len(answer.graphs) == 1
    assert len(answer.steps) < 100
