"""The twin in the standards people use: one exporter per standard, all of one shape (see ``protocol``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jnt_pipeline.publication.cityjson import CityJsonExporter
from jnt_pipeline.publication.cog import CogExporter
from jnt_pipeline.publication.geoparquet import GeoParquetExporter
from jnt_pipeline.publication.stac import StacExporter
from jnt_pipeline.publication.tiles3d import Tiles3dExporter

__all__ = [
    "AnyExporter",
    "CityJsonExporter",
    "CogExporter",
    "GeoParquetExporter",
    "StacExporter",
    "Tiles3dExporter",
]

AnyExporter = Annotated[
    GeoParquetExporter | CogExporter | CityJsonExporter | Tiles3dExporter | StacExporter,
    Field(discriminator="kind"),
]
"""Every exporter that a YAML may name; a new one adds its name here and nothing else."""
