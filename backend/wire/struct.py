"""msgspec structs made from the contract's pydantic models, so that each name is written down once.

Why structs at all: what comes out of the sandbox is hostile. A typed msgspec decoder refuses a wrong type at the
first byte of it, never allocates more than the input is long times a small constant, and is some ten times faster
than validating decoded dictionaries.
"""

from __future__ import annotations

import types
import typing
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Union, cast, get_args, get_origin

import msgspec
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def struct_for(model: type[BaseModel], tag: str | None = None) -> type[msgspec.Struct]:
    """The msgspec struct with the fields of `model`. `tag`, if given, is the message's `type`."""
    required: list[Any] = []
    optional: list[Any] = []
    for name, field in model.model_fields.items():
        annotation = _translate(field.annotation)
        if field.is_required():
            required.append((name, annotation))
        elif field.default_factory is not None:
            optional.append(
                (name, annotation, msgspec.field(default_factory=cast("Callable[[], Any]", field.default_factory)))
            )
        else:
            assert field.default is not PydanticUndefined
            optional.append((name, annotation, field.default))
    return msgspec.defstruct(
        model.__name__,
        [*required, *optional],
        tag=tag,
        tag_field="type" if tag else None,
        forbid_unknown_fields=True,
        omit_defaults=False,
        kw_only=True,
        module=__name__,
    )


def _translate(annotation: Any) -> Any:
    """The same annotation with every pydantic model in it replaced by its struct."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return struct_for(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is None or origin is typing.Literal:
        return annotation
    if origin is Annotated:
        return _translate(args[0])
    translated = tuple(_translate(a) for a in args)
    if origin in (types.UnionType, Union):
        return Union[translated]  # noqa: UP007  # the members are known only at run time
    return origin[translated]
