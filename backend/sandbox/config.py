"""What the server tells a new zygote, on its command line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from backend.sandbox.limits import Limits


@dataclass(frozen=True, slots=True)
class Config:
    """All that a zygote knows of the world. No secret may ever be among it."""

    entry: str
    """Which class does the jobs: "package.module:Class"."""
    limits: Limits
    control: int
    """The descriptor of the control socket."""
    unsafe_local: bool
    """Whether children may take jobs although the lock is not complete."""

    def to_json(self) -> str:
        """As one argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Config:
        """The inverse of `to_json`."""
        fields = json.loads(text)
        return cls(**{**fields, "limits": Limits(**fields["limits"])})
