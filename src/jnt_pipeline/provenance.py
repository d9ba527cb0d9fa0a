"""Where a layer comes from: producer, licence, vintage, files, coordinate operations, and counts.

*Traçabilité*. These are documents (pydantic): they are written beside every layer and travel into every publication.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "Counts",
    "GridUse",
    "Operation",
    "Provenance",
    "SourceFile",
    "UndulationUse",
    "accuracy_text",
    "grids_of",
    "whole_accuracy_m",
]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceFile(_Document):
    """One file as the producer delivered it."""

    name: str = Field(description="File name, without any folder of this machine.")
    sha256: str = Field(description="SHA-256 of its bytes, hexadecimal.")
    n_bytes: int = Field(ge=0, description="Size, bytes.")


class GridUse(_Document):
    """One grid file that a coordinate operation read."""

    name: str = Field(description="File name, e.g. fr_ign_RAF20.tif.")
    sha256: str = Field(description="SHA-256 of the grid, hexadecimal; it fixes the edition to the last bit.")
    edition: str = Field(default="", description="Edition, e.g. RAF20 (2020); empty for a grid we do not know.")
    relation: str = Field(default="", description="What it relates: vertical system to ellipsoid, or datum to datum.")
    licence: str = Field(default="", description="Licence of the grid.")
    attribution: str = Field(default="", description="Wording to show wherever its results are published.")


class UndulationUse(_Document):
    """A declared undulation (*ondulation déclarée*) that stood for a grid."""

    value_m: float = Field(description="Height above the ellipsoid minus height above the vertical datum, metres.")
    accuracy_m: float = Field(description="How far from it the true undulation may be over the territory, metres.")
    source: str = Field(description="Who says so.")
    vertical: str = Field(description="Vertical system whose heights it relates to the ellipsoid, e.g. EPSG:5720.")


class Operation(_Document):
    """A coordinate operation as it was really used."""

    source: str = Field(description="Reference of the input, e.g. EPSG:2154+5720.")
    target: str = Field(description="Reference of the output, e.g. EPSG:4979.")
    description: str = Field(description="PROJ's own words for the operation, or ours for a declared undulation.")
    pipeline: str = Field(default="", description="PROJ pipeline, where PROJ could state one.")
    accuracy_m: float | None = Field(default=None, description="Stated accuracy, metres; null = not stated.")
    grids: tuple[GridUse, ...] = Field(default=(), description="Grids that were read.")
    undulation: UndulationUse | None = Field(default=None, description="Declared undulation, where no grid was read.")


def whole_accuracy_m(operations: Iterable[Operation]) -> float | None:
    """Stated accuracy (*précision annoncée*) of coordinates that went through ``operations``, metres.

    Operations that follow one another add up, as PROJ adds the steps of one; where records came by different ways,
    the coarsest way counts. Two operations follow one another when the second starts, later in the order given, in the
    horizontal system in which the first ended. None (not stated) as soon as one operation states nothing: a sum
    without it would be invented. 0 when nothing moved. It says nothing of the survey, only of its transformations.
    """
    reached: dict[str, float] = {}
    for operation in operations:
        start, end = operation.source.partition("+")[0], operation.target.partition("+")[0]
        if operation.source == operation.target:
            continue
        own = math.inf if operation.accuracy_m is None else operation.accuracy_m
        reached[end] = max(reached.get(end, 0.0), own if start == end else reached.get(start, 0.0) + own)
    total = max(reached.values(), default=0.0)
    return round(total, 6) if math.isfinite(total) else None


def accuracy_text(accuracy_m: float | None) -> str:
    """The accuracy as people read it: ``0.5 m``, or ``not stated``."""
    return "not stated" if accuracy_m is None else f"{accuracy_m:g} m"


def grids_of(operations: Iterable[Operation]) -> tuple[GridUse, ...]:
    """Every grid that the operations read, once, by name."""
    found = {grid.name: grid for operation in operations for grid in operation.grids}
    return tuple(found[name] for name in sorted(found))


class Counts(_Document):
    """How many records were read, kept, and set aside with their reason; they always add up."""

    read: int = Field(ge=0, description="Records found in the source.")
    kept: int = Field(ge=0, description="Records in the layer.")
    rejected: dict[str, int] = Field(default_factory=dict, description="Records set aside, by reason code.")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.read != self.kept + sum(self.rejected.values()):
            raise ValueError(f"read {self.read} is not kept {self.kept} + rejected {sum(self.rejected.values())}")
        return self

    def __add__(self, other: Counts) -> Counts:
        """Sum of two disjoint parts of one layer."""
        reasons = sorted({*self.rejected, *other.rejected})
        return Counts(
            read=self.read + other.read,
            kept=self.kept + other.kept,
            rejected={r: self.rejected.get(r, 0) + other.rejected.get(r, 0) for r in reasons},
        )


class Provenance(_Document):
    """The full record of origin that travels with a layer."""

    producer: str = Field(description="Who made the data (producteur).")
    licence: str = Field(description="Licence under which it was delivered.")
    attribution: str = Field(default="", description="Wording to show wherever the data is published.")
    vintage: str = Field(default="", description="Edition of the data (millésime), as the producer writes it.")
    files: tuple[SourceFile, ...] = Field(default=(), description="Files it was read from.")
    operations: tuple[Operation, ...] = Field(default=(), description="Coordinate operations applied, in order.")
    notes: tuple[str, ...] = Field(default=(), description="Declarations and warnings a reader must know.")

    def with_operation(self, operation: Operation) -> Provenance:
        """The same record with one more coordinate operation (kept once)."""
        if operation in self.operations:
            return self
        return self.model_copy(update={"operations": (*self.operations, operation)})

    @property
    def accuracy_m(self) -> float | None:
        """Stated accuracy of all its operations together, metres; see ``whole_accuracy_m``."""
        return whole_accuracy_m(self.operations)

    @property
    def grids(self) -> tuple[GridUse, ...]:
        """Every grid that its operations read."""
        return grids_of(self.operations)

    @property
    def full_attribution(self) -> str:
        """Wording to show wherever the data is published: the producers' own, then that of the grids used."""
        wordings = [self.attribution, *(f"{grid.attribution} {grid.licence}.".strip() for grid in self.grids)]
        return _joined(*(wording for wording in wordings if wording.strip(" .")))

    def __or__(self, other: Provenance) -> Provenance:
        """Record of a layer made from two parts: texts joined where they differ, lists united in order."""

        return Provenance(
            producer=_joined(self.producer, other.producer),
            licence=_joined(self.licence, other.licence),
            attribution=_joined(self.attribution, other.attribution),
            vintage=_joined(self.vintage, other.vintage),
            files=tuple(dict.fromkeys((*self.files, *other.files))),
            operations=tuple(dict.fromkeys((*self.operations, *other.operations))),
            notes=tuple(dict.fromkeys((*self.notes, *other.notes))),
        )


def _joined(*texts: str) -> str:
    return "; ".join(dict.fromkeys(part for text in texts for part in text.split("; ") if part))
