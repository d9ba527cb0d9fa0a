"""Where a layer comes from: producer, licence, vintage, files, coordinate operations, and counts.

*Traçabilité*. These are documents (pydantic): they are written beside every layer and travel into every publication.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Counts", "GridUse", "Operation", "Provenance", "SourceFile"]


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
    sha256: str = Field(description="SHA-256 of the grid; with the name it fixes the edition.")


class Operation(_Document):
    """A coordinate operation as it was really used."""

    source: str = Field(description="Reference of the input, e.g. EPSG:2154+5720.")
    target: str = Field(description="Reference of the output, e.g. EPSG:4979.")
    description: str = Field(description="PROJ's own words for the operation, or ours for a declared undulation.")
    pipeline: str = Field(default="", description="PROJ pipeline, where PROJ could state one.")
    accuracy_m: float | None = Field(default=None, description="Stated accuracy, metres; null = not stated.")
    grids: tuple[GridUse, ...] = Field(default=(), description="Grids that were read.")


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

    def __or__(self, other: Provenance) -> Provenance:
        """Record of a layer made from two parts: texts joined where they differ, lists united in order."""

        def joined(a: str, b: str) -> str:
            return "; ".join(dict.fromkeys(part for part in (*a.split("; "), *b.split("; ")) if part))

        return Provenance(
            producer=joined(self.producer, other.producer),
            licence=joined(self.licence, other.licence),
            attribution=joined(self.attribution, other.attribution),
            vintage=joined(self.vintage, other.vintage),
            files=tuple(dict.fromkeys((*self.files, *other.files))),
            operations=tuple(dict.fromkeys((*self.operations, *other.operations))),
            notes=tuple(dict.fromkeys((*self.notes, *other.notes))),
        )
