"""Settings: the only reader of the environment (variables with the prefix ``CHAINRULE_``)."""

from __future__ import annotations

import os

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


class Settings(BaseSettings):
    """What an operator may set. Sizes are bytes, durations seconds, unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="CHAINRULE_", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")

    origins: str = Field(
        "", description="Pages beside this server's own that may open a WebSocket: `https://example.org`, by commas."
    )

    code_bytes: int = Field(64 * 1024, ge=1, description="Largest snippet, in bytes of UTF-8.")
    cpu_seconds: float = Field(10.0, gt=0, description="CPU time of one run.")
    wall_seconds: float = Field(30.0, gt=0, description="Wall time of one run.")
    memory_bytes: int = Field(1024 * MIB, ge=64 * MIB, description="Memory that one run may add to the warm process.")
    output_bytes: int = Field(256 * 1024, ge=1024, description="Text that one run may print; the rest is cut.")
    message_bytes: int = Field(32 * MIB, ge=64 * 1024, description="Largest single message out of the sandbox.")
    run_bytes: int = Field(256 * MIB, ge=64 * 1024, description="All messages of one run together.")
    answer_bytes: int = Field(
        256 * MIB, ge=64 * 1024, description="JSON of one run's steps; what comes after is left out."
    )

    concurrent_runs: int = Field(
        default_factory=lambda: max(2, os.cpu_count() or 2), ge=1, description="Runs at the same time."
    )
    queue_length: int = Field(64, ge=0, description="Runs that may wait; the next is answered 503.")
    warm_children: int = Field(2, ge=1, description="Locked processes kept ready.")

    run_log_bytes: int = Field(32 * MIB, ge=64 * 1024, description="Messages kept of one streamed run.")
    run_log_minutes: float = Field(10.0, ge=0, description="How long they are kept after its end, in minutes.")
    log_bytes: int = Field(512 * MIB, ge=64 * 1024, description="Messages kept of all runs together.")
    step_bytes: int = Field(
        48 * 1024, ge=0, description="Numbers of a streamed step; later steps of larger graphs are brief. 0: never."
    )
    viewer_bytes: int = Field(
        8 * MIB, ge=64 * 1024, description="How far a viewer may fall behind before it skips steps."
    )
    grace_seconds: float = Field(
        10.0, ge=0, description="How long a run started on a WebSocket goes on when nobody follows it."
    )

    unsafe_local: bool = Field(
        False, description="Start although the sandbox's minimum does not hold; then binds loopback only."
    )
