"""The beginning of a repr: the same characters, and no more of them made than are shown."""

from __future__ import annotations

from typing import Any

import pytest

from backend.trace.reprs import repr_of

LOOP: list[Any] = [1]
LOOP.append(LOOP)
KNOT: dict[str, Any] = {"a": 1}
KNOT["self"] = KNOT

VALUES = [
    3,
    "it's",
    b"x",
    [],
    (),
    (1,),
    (1, 2),
    {},
    set(),
    {3},
    frozenset(),
    frozenset({3}),
    {"lr": 0.1, "betas": (0.9, 0.999), 3: [None, {"deep": [1, 2]}]},
    [[1, 2], [1, 2]],
    [range(3), print, int],
    LOOP,
    KNOT,
    bytearray(b"ab"),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_fits_is_python_s_own(value: Any) -> None:
    assert repr_of(value, 1000) == repr(value)


@pytest.mark.parametrize("value", [list(range(1000)), {i: str(i) for i in range(1000)}, "ab" * 1000, [["x" * 99] * 99]])
def test_what_does_not_is_the_beginning_of_it(value: Any) -> None:
    text = repr_of(value, 60)
    assert len(text) > 60
    assert text[:60] == repr(value)[:60]


def test_only_a_few_items_of_a_long_list_are_asked() -> None:
    asked: list[int] = []

    class Item:
        def __repr__(self) -> str:
            asked.append(1)
            return "item"

    repr_of([[Item() for _ in range(1000)] for _ in range(1000)], 60)
    assert len(asked) < 60


def test_a_repr_of_the_learner_s_own_may_raise() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        repr_of([Broken()], 60)
