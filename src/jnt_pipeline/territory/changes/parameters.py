"""What counts as a change, and which layers have keys that say nothing beyond the place."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DERIVED_KEY_LAYERS", "ChangeParameters"]

DERIVED_KEY_LAYERS = frozenset(
    {"footprints", "localities", "cadastral_surfaces", "cadastral_lines", "cadastral_points"}
)
"""Layers without an id of their producer: their key is derived from the place, so that things are matched by geometry
and keep the id that they had."""


class ChangeParameters(BaseModel):
    """When two editions (*millésimes*) of a thing are the same, and when a difference is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tolerance_m: float = Field(
        # EDIGÉO is cut to 1 cm, Etalab to 1e-7° (1.1 cm): the same vertex, written twice, moves by less than 2 cm.
        default=0.05, gt=0, le=1,
        description="Outlines nowhere further apart than this are the same, metres.",
    )  # fmt: skip
    min_overlap_share: float = Field(
        # Row houses redrawn by 1 m overlap their neighbours by a tenth; a part cut off overlaps by the whole of it.
        default=0.2, gt=0, le=1,
        description="Two outlines have to do with each other where they share this part of the smaller one, 0 to 1.",
    )  # fmt: skip
    min_same_iou: float = Field(
        # An extension that triples a house leaves a third; a new building on a cleared plot mostly less.
        default=0.3, gt=0, le=1,
        description="An outline that alone takes the place of another is the same thing, redrawn, from this"
        " intersection over union on; below, one was removed and another created.",
    )  # fmt: skip
    max_shift_m: float = Field(
        # Reworked plans (remaniement) move sheets by decimetres to a few metres.
        default=5.0, gt=0, le=100,
        description="How far a whole sheet may have moved, metres, where its things have no id of their producer.",
    )  # fmt: skip
    min_shifted: int = Field(
        default=5, ge=2, le=10_000,
        description="So many things of one section that moved by the same vector are told as one shift.",
    )  # fmt: skip
    number_tolerance: float = Field(
        # Elevations pass through coordinate operations, whose last digits depend on the grid's edition.
        default=0.001, ge=0,
        description="Numbers no further apart than this are the same, in the unit of their column.",
    )  # fmt: skip
    ignored_columns: tuple[str, ...] = Field(
        default=("area_m2", "created_on", "updated_on"),
        description="Columns whose difference alone is no change: what follows from the geometry, and the producer's"
        " dates, which are told as evidence.",
    )  # fmt: skip
