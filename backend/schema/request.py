"""What a client sends."""

from typing import Literal

from pydantic import ConfigDict, Field

from backend.schema.base import Model


class Options(Model):
    """How to run and watch a snippet."""

    backward: Literal["auto", "never"] = Field(
        "auto",
        description="auto: if the last value is a differentiable tensor and the snippet never called backward, "
        "seed it with ones and run backward. never: only what the snippet does itself.",
    )
    seed: int | None = Field(
        0, ge=0, lt=2**63, description="torch.manual_seed and random.seed before the snippet; null for none."
    )
    preview: int = Field(64, ge=0, le=4096, description="Values kept per tensor; larger tensors get a thumbnail.")
    gradcheck: bool = Field(
        False,
        description="Run the snippet again with each number of its leaves moved a little, and put finite differences "
        "beside the gradients of its first backward.",
    )
    trace: Literal["every", "sampled"] = Field(
        "every", description="every: each step in full. sampled: the first steps and a thinning sample in full."
    )


class GraphRequest(Model):
    """A snippet and how to run it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "a = torch.tensor(2.0, requires_grad=True)\n"
                    "b = torch.tensor(3.0, requires_grad=True)\n"
                    "x = torch.tensor(4.0, requires_grad=True)\n"
                    "z = x * (a + b)\n"
                    "z.backward()",
                    "options": {"preview": 64},
                }
            ]
        }
    )

    code: str = Field(description="Python with torch, nn, F and math at hand.")
    options: Options = Field(default_factory=Options)
