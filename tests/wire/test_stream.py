"""Frames as a viewer gets them: numbered by splicing, in both spellings."""

from __future__ import annotations

import json

import msgspec
import pytest

from backend.schema import Scalars, Skipped
from backend.wire import stream
from backend.wire.messages import ScalarsMessage
from backend.wire.unpack import decode
from tests.wire import sample

SEQS = [1, 127, 128, 255, 256, 65_535, 65_536, 2**31, 2**32]


@pytest.mark.parametrize("seq", SEQS)
def test_a_numbered_frame_is_the_message_with_its_number(seq: int) -> None:
    for frame in sample.frames():
        numbered = stream.number(frame, seq)
        assert repr(msgspec.msgpack.decode(numbered)) == repr({"seq": seq, **msgspec.msgpack.decode(frame)})
        assert stream.unnumbered(numbered, seq) == frame
        decode(stream.unnumbered(numbered, seq))


@pytest.mark.parametrize("fields", [0, 1, 14, 15, 16, 40, 65_534, 65_535, 65_536])
def test_maps_of_any_size_take_a_number(fields: int) -> None:
    message = {f"f{n}": n for n in range(fields)}
    numbered = stream.number(msgspec.msgpack.encode(message), 7)
    assert msgspec.msgpack.decode(numbered) == {"seq": 7, **message}
    assert msgspec.msgpack.decode(stream.unnumbered(numbered, 7)) == message


@pytest.mark.parametrize("head", [b"\xde\x00\x01", b"\xdf\x00\x00\x00\x01"])
def test_a_map_that_is_packed_wider_than_need_be_takes_one_too(head: bytes) -> None:
    """A hostile sender may; what follows must not be taken for something else."""
    numbered = stream.number(head + b"\xa1a\x05", 3)
    assert msgspec.msgpack.decode(numbered) == {"seq": 3, "a": 5}


def test_json_has_type_and_number_in_front() -> None:
    assert stream.numbered_json("done", 5, b"{}") == b'{"type":"done","seq":5}'
    assert json.loads(stream.numbered_json("output", 5, b'{"text":"x"}')) == {"type": "output", "seq": 5, "text": "x"}


@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_skipped_says_the_numbers_of_its_iterations(as_json: bool) -> None:
    told = ScalarsMessage(index=3, loss=sample.NAN, values={"a": sample.INF}, loops={"i": 1})
    scalars = stream.scalars_of(stream.number(msgspec.msgpack.encode(told), 9))
    assert scalars == Scalars(index=3, loss="NaN", values={"a": "Infinity"}, loops={"i": 1})
    message = Skipped(first=4, last=9, steps=2, reason="slow", scalars=[scalars])
    sent = stream.skipped(message, as_json=as_json)
    fields = json.loads(sent) if as_json else msgspec.msgpack.decode(sent)
    assert (fields.pop("type"), fields.pop("seq")) == ("skipped", 9)
    assert Skipped.model_validate(fields) == message
