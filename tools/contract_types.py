"""Writes `frontend/src/contract.d.ts`: the contract's models as TypeScript types, so that each name is written once.

Run as `python -m tools.contract_types` (or `make types`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic.json_schema import models_json_schema

from backend.schema import (
    Cancel,
    Done,
    ErrorAnswer,
    GraphAnswer,
    GraphRequest,
    Health,
    Hello,
    Progress,
    Refusal,
    RunLinks,
    Skipped,
    Start,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pydantic import BaseModel

TARGET = Path(__file__).parents[1] / "frontend" / "src" / "contract.d.ts"
HEADER = "// Made from backend/schema by `make types`. Do not edit.\n"
REQUESTS = (GraphRequest, Start, Cancel)
ANSWERS = (GraphAnswer, ErrorAnswer, Health, RunLinks, Hello, Progress, Skipped, Done, Refusal)
PRIMITIVES = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}


def contract() -> str:
    """The text of the file. An answer has all its fields; a request may leave out those with a default."""
    requests, answers = _definitions(REQUESTS, "validation"), _definitions(ANSWERS, "serialization")
    texts = {name: _interface(name, model, model["properties"]) for name, model in answers.items()}
    texts |= {name: _interface(name, model, model.get("required", ())) for name, model in requests.items()}
    return HEADER + "".join(text for _, text in sorted(texts.items()))


def _definitions(models: Sequence[type[BaseModel]], mode: Literal["validation", "serialization"]) -> dict[str, Any]:
    _, schema = models_json_schema([(model, mode) for model in models], ref_template="{model}")
    return dict(schema["$defs"])


def _interface(name: str, model: dict[str, Any], required: Collection[str]) -> str:
    lines = [f"\n{_comment(model, '')}export interface {name} {{\n"]
    for field, schema in model["properties"].items():
        mark = "" if field in required else "?"
        lines.append(f"{_comment(schema, '  ')}  {field}{mark}: {_type(schema)};\n")
    return "".join([*lines, "}\n"])


def _comment(schema: dict[str, Any], indent: str) -> str:
    text = " ".join(schema.get("description", "").split()).replace("*/", "*\\/")
    return f"{indent}/** {text} */\n" if text else ""


def _type(schema: dict[str, Any]) -> str:
    """The TypeScript type of one JSON schema.

    Raises:
        ValueError: it uses something that the contract did not use so far.
    """
    if "$ref" in schema:
        return str(schema["$ref"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(option) for option in schema["anyOf"]))
    kind = schema.get("type")
    if kind == "array" and "prefixItems" in schema:
        return f"[{', '.join(_type(item) for item in schema['prefixItems'])}]"
    if kind == "array":
        return f"Array<{_type(schema['items'])}>"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"Record<string, {_type(schema['additionalProperties'])}>"
    if kind in PRIMITIVES:
        return PRIMITIVES[kind]
    raise ValueError(f"no type for schema: {json.dumps(schema)}")


if __name__ == "__main__":
    TARGET.write_text(contract(), encoding="utf-8")
    sys.stdout.write(f"{TARGET.name} is up to date\n")
