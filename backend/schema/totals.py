"""How much there is in a group, or in a whole graph."""

from pydantic import Field

from backend.schema.base import Model


class Totals(Model):
    """Sums over the nodes of a group or a graph. What lies in one piece of memory counts once."""

    elements: int = Field(
        0, description="Numbers in the values of its nodes; a value with a `base` lies in the memory of another."
    )
    bytes: int = Field(0, description="Of the memory that those values are in.")
    parameters: int = Field(
        0,
        description="Numbers in the parameters of its modules, and in those that are used otherwise; each counts once.",
    )
    saved_tensors: int = Field(0, description="Pieces of memory that backward keeps alive for its nodes.")
    saved_bytes: int = Field(0, description="Bytes of them.")
