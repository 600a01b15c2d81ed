"""What all models of the contract have in common."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen, and closed: an unknown field is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
