"""What `repr` says of a value, without spelling out what nobody will be shown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

BRACKETS: Final[dict[type, tuple[str, str]]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    dict: ("{", "}"),
}
"""Python's own containers, whose repr is that of their items. Of a subclass nobody knows."""


def repr_of(held: Any, room: int) -> str:
    """`repr(held)`, or as much of its beginning as is longer than `room` characters.

    A list of a gigabyte is asked for a few items only. Raises whatever a `__repr__` of the learner's raises.
    """
    text = ""
    for piece in _pieces(held, room, ()):
        text += piece
        if len(text) > room:
            break
    return text


def _pieces(held: Any, room: int, around: tuple[int, ...]) -> Iterator[str]:
    kind = type(held)
    if kind in (str, bytes, bytearray):
        yield repr(held[: room + 1])
        return
    if kind not in BRACKETS or not held:
        yield repr(held)
        return
    opening, closing = BRACKETS[kind]
    if id(held) in around:
        yield f"{opening}...{closing}"
        return
    around = (*around, id(held))
    yield opening
    for place, item in enumerate(islice(held.items() if kind is dict else held, room)):
        if place > 0:
            yield ", "
        if kind is dict:
            yield from _pieces(item[0], room, around)
            yield ": "
            yield from _pieces(item[1], room, around)
        else:
            yield from _pieces(item, room, around)
    yield ",)" if kind is tuple and len(held) == 1 else closing
