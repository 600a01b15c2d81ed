"""The page's types are those of the contract."""

from __future__ import annotations

import pytest

from tools.contract_types import TARGET, _type, contract


def test_committed_types_are_fresh() -> None:
    assert TARGET.read_text(encoding="utf-8") == contract(), "run `make types`"


def test_an_unknown_schema_is_an_error() -> None:
    with pytest.raises(ValueError, match="no type for schema"):
        _type({"type": "object", "patternProperties": {}})
