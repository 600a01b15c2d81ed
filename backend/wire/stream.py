"""The messages of a stream as a viewer gets them: numbered frames, and what the server itself says.

A frame is relayed as it came out of the sandbox, with one key more; the few messages of the server's own are written
here in both spellings. JSON is one object with `type` and `seq` first.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from backend.schema import Done, Hello, Problem, Refusal, Scalars, Skipped
from backend.wire.messages import Message, ScalarsMessage
from backend.wire.spelling import encode, spell_scalars

pack: Final = msgspec.msgpack.Encoder().encode
_SEQ: Final = pack("seq")
_SCALARS: Final = msgspec.msgpack.Decoder(dict[str, Any])

FIXMAP: Final = 0x80
MAP16: Final = 0xDE
MAP32: Final = 0xDF


def number(frame: bytes, seq: int) -> bytes:
    """A frame that `Unpacker` has passed, with `seq` as the first key of its map."""
    count, start = _head(frame)
    return b"".join((_map(count + 1), _SEQ, pack(seq), frame[start:]))


def kind_of(message: Message) -> str:
    """The message's `type`."""
    return str(message.__struct_config__.tag)  # type: ignore[union-attr]  # what the checker takes for models are structs


def unnumbered(frame: bytes, seq: int) -> bytes:
    """The inverse of `number`: the frame as `Unpacker` reads it."""
    count, start = _head(frame)
    return _map(count - 1) + frame[start + len(_SEQ) + len(pack(seq)) :]


def _head(frame: bytes) -> tuple[int, int]:
    """How many keys the map has, and where they begin."""
    first = frame[0]
    if first & 0xF0 == FIXMAP:
        return first & 0x0F, 1
    width = 2 if first == MAP16 else 4
    return int.from_bytes(frame[1 : 1 + width]), 1 + width


def _map(count: int) -> bytes:
    """How a map of so many keys begins."""
    if count < 1 << 4:
        return bytes([FIXMAP | count])
    return bytes([MAP16]) + count.to_bytes(2) if count < 1 << 16 else bytes([MAP32]) + count.to_bytes(4)


def numbered_json(kind: str, seq: int, body: bytes) -> bytes:
    """A spelled message (`Speller.spell`) with its type and number in front."""
    rest = body[1:] if body == b"{}" else b"," + body[1:]
    return b'{"type":"%s","seq":%d' % (kind.encode(), seq) + rest


def hello(message: Hello, *, as_json: bool) -> bytes:
    """The first message of a connection."""
    return _own("hello", 0, message.model_dump(mode="json"), as_json=as_json)


def skipped(message: Skipped, *, as_json: bool) -> bytes:
    """What stands in the place of missing messages; its own `seq` is that of the last of them."""
    return _own("skipped", message.last, message.model_dump(mode="json" if as_json else "python"), as_json=as_json)


def refusal(message: Refusal, *, as_json: bool) -> bytes:
    """Why a socket is closed. It is no message of a run and has no `seq`."""
    fields = message.model_dump(mode="json")
    return encode(fields) if as_json else pack(fields)


def done(message: Done) -> bytes:
    """The frame of a run's last message, not yet numbered."""
    return pack({"type": "done", **message.model_dump(mode="json")})


def problem(message: Problem) -> bytes:
    """The frame of the verdict on a run that did not end well, not yet numbered."""
    return pack({"type": "problem", **message.model_dump(mode="json")})


def scalars_of(frame: bytes) -> Scalars:
    """The numbers in a numbered `scalars` frame."""
    fields = _SCALARS.decode(frame)
    del fields["type"], fields["seq"]
    return Scalars.model_validate(spell_scalars(ScalarsMessage(**fields)))


def _own(kind: str, seq: int, fields: dict[str, Any], *, as_json: bool) -> bytes:
    named = {"type": kind, "seq": seq, **fields}
    return json.dumps(named, separators=(",", ":")).encode() if as_json else pack(named)
