"""`/healthz` and the description of the API."""

from __future__ import annotations

import platform
from typing import get_args

import httpx
from starlette.routing import WebSocketRoute

from backend import __version__
from backend.routes import runs_socket
from backend.schema import GraphAnswer, GraphRequest, Health
from backend.wire.messages import Message
from tests.routes.example_answers import EXAMPLES, timeless
from tests.serving import Served


def test_health_says_which_layers_held_and_what_runs(server: Served) -> None:
    health = Health.model_validate_json(server.client.get("/healthz").content)
    assert health.version == __version__
    assert health.python == platform.python_version()
    assert health.torch
    assert health.sandbox.layers
    assert health.sandbox.attacks
    assert health.status == ("ok" if health.sandbox.safe else "degraded")
    assert set(health.runs) == {"running", "queued", "finished"}
    for layer in health.sandbox.layers:
        assert layer.name in server.greeting


def test_finished_runs_are_counted(server: Served) -> None:
    server.until_idle()
    before = server.runs()["finished"]
    server.graph("x = 1")
    assert server.runs()["finished"] == before + 1


def test_the_api_describes_itself_with_examples(server: Served) -> None:
    schema = server.client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/api/graph",
        "/api/render",
        "/api/runs",
        "/api/runs/{run_id}",
        "/api/runs/{run_id}/events",
        "/healthz",
    }
    operation = schema["paths"]["/api/graph"]["post"]
    examples = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert [GraphAnswer.model_validate(example["value"]).status for example in examples.values()] == ["error", "ok"]
    for status in ("413", "415", "422", "503"):
        assert operation["responses"][status]["content"]["application/json"]["example"]["error"]["code"]
    (request,) = schema["components"]["schemas"]["GraphRequest"]["examples"]
    GraphRequest.model_validate(request)
    assert "501" in schema["paths"]["/api/render"]["post"]["responses"]


def test_the_example_answers_are_what_this_server_answers(server: Served) -> None:
    """`python -m tests.routes.example_answers` writes them anew."""
    schema = server.client.get("/openapi.json").json()
    response = schema["paths"]["/api/graph"]["post"]["responses"]["200"]
    examples = response["content"]["application/json"]["examples"]
    assert set(examples) == set(EXAMPLES)
    for name, (summary, code) in EXAMPLES.items():
        assert examples[name] == {"summary": summary, "value": timeless(server.graph(code))}


def test_the_example_request_runs_as_it_stands(server: Served) -> None:
    schema = server.client.get("/openapi.json").json()
    (request,) = schema["components"]["schemas"]["GraphRequest"]["examples"]
    response = httpx.post(f"{server.url}/api/graph", json=request, timeout=60)
    assert response.json()["status"] == "ok"


def test_the_sockets_are_described_beside_the_calls(server: Served) -> None:
    schema = server.client.get("/openapi.json").json()
    told = schema["x-websockets"]
    assert set(told) == {route.path for route in runs_socket.router.routes if isinstance(route, WebSocketRoute)}
    tags = {str(kind.__struct_config__.tag) for kind in get_args(Message)}
    for socket in told.values():
        assert set(socket["receives"]) == tags | {"hello", "skipped", "error"}
        for reference in (*socket["receives"].values(), *socket["sends"]):
            assert reference["$ref"].rpartition("/")[2] in schema["components"]["schemas"]
        assert set(socket["closes"]) == {str(code) for code in runs_socket.CLOSES}
