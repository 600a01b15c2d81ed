"""What `/healthz` says."""

from typing import Literal

from pydantic import Field

from backend.schema.base import Model


class Layer(Model):
    """One layer of the sandbox and whether it HELD in the self-test, not whether it was asked for."""

    name: str = Field(description='"seccomp", "landlock", "namespaces", "rlimits", "setuid", "clean_zygote".')
    held: bool
    required: bool = Field(description="Part of the minimum without which the server does not start.")
    detail: str = ""


class Attack(Model):
    """One attack of the self-test, run for real in a real child at start."""

    name: str
    held: bool
    detail: str = ""


class SandboxReport(Model):
    """Which layers held when the server started."""

    safe: bool = Field(description="Every required layer held.")
    unsafe_local: bool = Field(False, description="Started with --unsafe-local.")
    layers: list[Layer]
    attacks: list[Attack] = Field(default_factory=list)


class Health(Model):
    """Is it well, and how safe is it."""

    status: Literal["ok", "degraded", "starting"]
    version: str
    python: str
    torch: str | None = None
    graphviz: str | None = Field(None, description="Version of the `dot` program, or null when it is missing.")
    sandbox: SandboxReport
    runs: dict[str, int] = Field(default_factory=dict, description="running, queued, finished.")
