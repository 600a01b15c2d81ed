"""The contract: closed, frozen, and the same in every form it takes."""

from __future__ import annotations

import inspect

import msgspec
import pytest
from pydantic import BaseModel, ValidationError

from backend import schema
from backend.errors import ChainruleError
from backend.routes.failures import error_response
from backend.schema import GraphAnswer, GraphRequest, Options, TensorSummary
from backend.wire.struct import struct_for

MODELS = [model for _, model in inspect.getmembers(schema, inspect.isclass) if issubclass(model, BaseModel)]


@pytest.mark.parametrize("model", MODELS)
def test_models_are_frozen_and_closed(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"] is True
    assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize("model", MODELS)
def test_structs_have_the_fields_and_defaults_of_their_model(model: type[BaseModel]) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(struct_for(model))}
    assert set(fields) == set(model.model_fields)
    for name, field in model.model_fields.items():
        assert fields[name].required == field.is_required(), name
        if not field.is_required():
            default = (
                fields[name].default_factory() if fields[name].default is msgspec.NODEFAULT else fields[name].default
            )
            assert default == field.get_default(call_default_factory=True), name


def test_defaults_are_what_the_contract_says() -> None:
    assert Options() == Options(backward="auto", seed=0, preview=64, trace="every")
    assert GraphRequest(code="").options == Options()


@pytest.mark.parametrize(
    "options", [{"preview": -1}, {"preview": 4097}, {"seed": -1}, {"seed": 2**63}, {"trace": "some"}]
)
def test_options_have_limits(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(options)


def test_numbers_that_json_lacks_are_words() -> None:
    summary = TensorSummary(
        shape=[2], dtype="torch.float32", device="cpu", numel=2, min="NaN", values=["Infinity", 1.0]
    )
    assert '"min":"NaN"' in summary.model_dump_json()
    assert TensorSummary.model_validate_json(summary.model_dump_json()) == summary
    with pytest.raises(ValidationError):
        TensorSummary.model_validate({**summary.model_dump(), "min": "none"})


def test_every_description_in_the_answer_is_reachable_from_openapi() -> None:
    definitions = GraphAnswer.model_json_schema()["$defs"]
    assert {"Graph", "GraphNode", "GraphEdge", "Step", "TensorSummary", "Problem", "Timings"} <= set(definitions)


def errors(root: type[ChainruleError]) -> list[type[ChainruleError]]:
    return [root, *(error for child in root.__subclasses__() for error in errors(child))]


@pytest.mark.parametrize("error", errors(ChainruleError))
def test_every_exception_has_a_code_and_an_http_status(error: type[ChainruleError]) -> None:
    assert error.code.replace("_", "").isalpha()
    assert 400 <= error.status < 600
    assert error_response(error.status, error.code, "words").status_code == error.status
