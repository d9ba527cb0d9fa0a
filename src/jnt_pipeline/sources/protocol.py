"""What a source is: a frozen declaration that lists its units cheaply and reads one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.streams import LayerStream
from jnt_pipeline.provenance import Provenance, SourceFile
from jnt_pipeline.services import AnyDownload

__all__ = ["Source", "SourceDeclaration", "SourceUnit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceUnit:
    """One partition of a source: a commune of the cadastre, a LiDAR tile, an IFC file, a sensor network."""

    name: str
    """Unique within the source kind, safe as a file name."""
    files: tuple[Path, ...]
    """The files it is read from; their bytes decide whether the unit must be made again."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further facts that the declaration found (JSON values); ``member``: what it reads of an archive of many units."""


class SourceDeclaration(BaseModel):
    """Fields that every source shares. The declaration is the object: YAML validates straight into it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(description="File or folder, relative to the YAML file. Never part of a unit's key.")
    producer: str = Field(description="Who made the data (producteur).")
    licence: str = Field(description="Licence of the data.")
    attribution: str = Field(default="", description="Wording to show with the data.")
    vintage: str = Field(default="", description="Edition of the data (millésime).")
    repair: bool = Field(
        default=False,
        description="Whether invalid polygons are made valid where that leaves no doubt; otherwise they are set aside.",
    )
    download: AnyDownload | None = Field(
        default=None,
        exclude=True,  # the files decide whether a unit is made again, not where they came from
        description="Service that fills `path`; none: the files are there.",
    )

    def provenance(self, files: tuple[SourceFile, ...], *notes: str) -> Provenance:
        """The record of origin of what was read from ``files``."""
        return Provenance(
            producer=self.producer,
            licence=self.licence,
            attribution=self.attribution,
            vintage=self.vintage,
            files=files,
            notes=notes,
        )


class Source(Protocol):
    """The seam: any declaration with these members can feed the twin."""

    @property
    def kind(self) -> str:
        """Discriminator in the YAML."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The base layers that a unit of this source may yield, in their order; those not delivered are left out."""

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """The partitions, without parsing; raises ``SourceError`` when the path holds none."""

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer | LayerStream, ...]:
        """The native layers of one unit: native CRS, schema's column names, bad records set aside.

        A layer that may hold very many records comes as a stream.

        ``area`` is in the twin's CRS: a reader may use it to read less, never to reject.
        """
