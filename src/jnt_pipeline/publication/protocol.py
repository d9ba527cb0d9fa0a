"""What an exporter is: a frozen declaration that writes the twin into one folder in one standard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.transform import Transformation
from jnt_pipeline.provenance import Operation
from jnt_pipeline.territory.model import PublishedFile, Territory

__all__ = ["Exporter", "ExporterDeclaration", "Publication", "PublishedFile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What an exporter wrote: files, and how many records went in and came out per layer."""

    files: tuple[PublishedFile, ...]
    records_in: dict[str, int]
    records_out: dict[str, int]
    left_out: dict[str, int]
    """Records that the standard cannot carry, by ``layer: reason``; ``in = out + left out``."""
    operations: tuple[Operation, ...] = ()
    """Coordinate operations that the content hangs on: another edition of their grids makes it stale."""


class ExporterDeclaration(BaseModel):
    """Base of the declarations in the YAML (``publication: [{kind: cityjson}]``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def transformations(
        self, reference: Reference, undulation: DeclaredUndulation | None
    ) -> tuple[Transformation, ...]:
        """The ways out of a twin's reference that it needs: none, unless it says otherwise."""
        del reference, undulation
        return ()


class Exporter(Protocol):
    """The seam: writes only in ``folder``, same bytes twice, CRS stated, valid against the official schema."""

    @property
    def kind(self) -> str:
        """Discriminator in the YAML, and name of the folder."""

    @property
    def version(self) -> int:
        """Bumped by hand when the output changes."""

    @property
    def describes_publications(self) -> bool:
        """True: runs after the other exporters and finds what they wrote in ``territory.publications``."""

    def reads(self, layer_names: tuple[str, ...], raster_names: tuple[str, ...]) -> tuple[str, ...]:
        """Which of the twin's layers and rasters it uses: only their change makes it run again."""

    def transformations(
        self, reference: Reference, undulation: DeclaredUndulation | None
    ) -> tuple[Transformation, ...]:
        """The ways out of a twin's reference that it needs; raises ``CrsError`` where there is none.

        They are asked for before any work is done, so that a missing grid stops a run at its start.
        """

    def write(self, territory: Territory, folder: Path) -> Publication:
        """Write the publication; raises ``ExportError``."""
