"""What counts as the same thing, and how far around a place one must look to know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["OFFSET_CELL_M", "VOTER_EXTENT_M", "IdentityParameters", "reach_m"]

OFFSET_CELL_M = 100.0
"""Offsets between registers are estimated once per square of this side, from the nine squares around it, metres.

Of cadastral sheets: a sheet at 1:1000 covers some 900 m by 600 m; three such squares lie on one or two sheets."""

VOTER_EXTENT_M = 60.0
"""Longer buildings have no vote in an offset, metres: their centroids hang on how each register cuts them."""


class IdentityParameters(BaseModel):
    """When records of two registers are linked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_score: float = Field(
        # Scores are calibrated: at 0.5 the number of errors of both kinds is the least. A wrong link does more harm
        # than a missing one, so the default asks for more; docs/identity.md gives figures for other thresholds.
        default=0.6, ge=0, le=1,
        description="A link is kept from this score on: the probability that it is true, 0 to 1.",
    )  # fmt: skip
    sure_score: float = Field(
        default=0.9, ge=0, le=1,
        description="A building takes the id of a register from this score on, where they meet one to one, 0 to 1.",
    )  # fmt: skip
    max_gap_m: float = Field(
        # BD TOPO states 3 to 5 m for buildings from the cadastre; the offset of the place is taken off before.
        default=4.0, ge=0, le=20,
        description="Outlines farther apart are not compared, unless a register links them by id, metres.",
    )  # fmt: skip
    max_declared_gap_m: float = Field(
        default=50.0, ge=0, le=500,
        description="A link that a register states is not believed beyond this distance, metres.",
    )  # fmt: skip
    max_address_gap_m: float = Field(
        default=30.0, ge=0, le=200,
        description="Buildings and parcels farther from an address are not compared with it, unless stated, metres.",
    )  # fmt: skip
    max_offset_m: float = Field(
        # Cadastre and BD TOPO are up to a few metres apart where the plan was never adjusted (calage).
        default=5.0, ge=0, le=20,
        description="Largest offset between cadastre and national registers that is looked for, metres; 0: none.",
    )  # fmt: skip
    max_extent_m: float = Field(
        # All but the largest halls. A larger value makes cells read more of their neighbours.
        default=200.0, ge=10, le=5000,
        description="Links of buildings up to this length do not depend on how the territory is cut, metres.",
    )  # fmt: skip


def reach_m(parameters: IdentityParameters) -> float:
    """How far around the things of a cell all layers must be read, metres, for the cell's links to be the whole's.

    What meets the envelope of the cell's things, widened by this, is read whole. The longest ways: from an address to
    its building, along it to a building of BD TOPO, along that to a rival; and to the middle of that building of BD
    TOPO, from there to the voters of its offset, one square and the next.
    """
    gaps = 3 * (parameters.max_gap_m + parameters.max_offset_m)
    to_address = max(parameters.max_declared_gap_m, parameters.max_address_gap_m) + parameters.max_address_gap_m
    voters = 2 * OFFSET_CELL_M + VOTER_EXTENT_M + parameters.max_offset_m
    return to_address + gaps + max(2 * parameters.max_extent_m, 1.5 * parameters.max_extent_m + voters)
