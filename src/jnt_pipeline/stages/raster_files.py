"""Elevation rasters of the twin: which files there are, where they reach, and their values in a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jnt_pipeline.area import Bounds
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.transform import Transformation, transformation
from jnt_pipeline.disk import file_sha256
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.sources.elevation import ElevationSource
from jnt_pipeline.sources.elevation_pixels import read_block
from jnt_pipeline.sources.files import safe_name
from jnt_pipeline.stages.kilometres import widened
from jnt_pipeline.store import Workspace
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain_from_rasters import Way, centres_in, filled_from, values_at_centres
from jnt_pipeline.twin import TwinIndex

__all__ = ["RasterFile", "RasterValues", "raster_files", "values_from_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterFile:
    """One elevation raster of the twin."""

    tile_id: str
    path: Path
    sha256: str
    bounds: Bounds
    """Outer edges of its pixels, in the twin's horizontal CRS, cut to the area of interest and a buffer."""
    surface: str
    """``dtm``, ``dsm`` or ``dhm``."""
    reference: Reference
    """Of the pixels in the file."""
    resolution_m: float | None
    """Width of a pixel; None where the file counts in degrees."""
    void_value: float | None
    """Declared mark of pixels without a value."""

    def reach(self, resolution_m: float) -> Bounds:
        """Where pixels of the twin may take their value from it: its outer pixel centres, and half a pixel around."""
        own = self.resolution_m or resolution_m
        inwards = (own - min(own, resolution_m)) / 2
        west, south, east, north = self.bounds
        return west + inwards, south + inwards, east - inwards, north - inwards

    def meets(self, bounds: Bounds) -> bool:
        """Whether its pixels may matter in ``bounds``: they do up to one pixel beyond their edge."""
        margin = 2 * (self.resolution_m or 0.01 * (self.bounds[2] - self.bounds[0]))
        west, south, east, north = self.bounds
        return (
            west - margin <= bounds[2]
            and east + margin >= bounds[0]
            and south - margin <= bounds[3]
            and north + margin >= bounds[1]
        )

    def verify(self) -> None:
        """Raise ``AssemblyError`` when the file is no longer the one that was ingested."""
        if not self.path.is_file() or _sha256(self.path, *_stamp(self.path)) != self.sha256:
            raise AssemblyError(
                "the elevation raster changed since it was ingested",
                where=self.path,
                expected=f"SHA-256 {self.sha256[:12]}…",
                remedy="run again: it will be ingested anew",
            )


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4096)
def _sha256(path: Path, n_bytes: int, modified_ns: int) -> str:
    """Checksum of a file, once for each state of it: one raster may serve a thousand cells."""
    del n_bytes, modified_ns
    return file_sha256(path)


def raster_files(config: TwinConfig, workspace: Workspace, index: TwinIndex) -> tuple[RasterFile, ...]:
    """The elevation rasters of the twin, by tile id; those set aside are not among them.

    One raster may cover a département: only what lies in the area of interest, and ``buffer_m`` around, is terrain.
    """
    if "elevation_tiles" not in index.layers or not index.layers["elevation_tiles"].counts.kept:
        return ()
    sources = [source for source in config.sources if isinstance(source, ElevationSource)]
    paths = {unit.name: unit.files[0] for source in sources for unit in source.units(config.area)}
    frame = index.territory(workspace).layer("elevation_tiles").to_geopandas()
    boxes = frame.geometry.bounds.to_numpy()
    if config.area is not None:
        west, south, east, north = widened(config.area.bbox, config.terrain.buffer_m)
        boxes = np.column_stack((np.maximum(boxes[:, :2], (west, south)), np.minimum(boxes[:, 2:], (east, north))))
    files = []
    for row, box in zip(frame.to_dict("records"), boxes.tolist(), strict=True):
        files.append(
            RasterFile(
                tile_id=row["tile_id"],
                path=paths[safe_name(row["tile_id"])],
                sha256=row["sha256"],
                bounds=(box[0], box[1], box[2], box[3]),
                surface=row["surface"],
                reference=Reference.model_validate(row["stored_reference"]),
                resolution_m=None if pd.isna(row["resolution_m"]) else float(row["resolution_m"]),
                void_value=None if pd.isna(row["void_value"]) else float(row["void_value"]),
            )
        )
    return tuple(sorted(files, key=lambda file: file.tile_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterValues:
    """What the rasters of one surface say of a cell."""

    values: NDArray[np.float32]
    """Shape of the grid; NaN where no raster has a value."""
    transformations: tuple[Transformation, ...]
    """How places and heights were moved."""


def values_from_files(
    files: Sequence[RasterFile],
    surface: str,
    grid: Grid,
    reference: Reference,
    undulation: DeclaredUndulation | None = None,
) -> RasterValues:
    """Values of one surface at the pixel centres of ``grid``, the finest rasters first.

    Raises ``AssemblyError`` for a file that changed, ``UnreadableError`` for one that is damaged, ``CrsError``.
    """
    values = np.full(grid.shape, np.nan, np.float32)
    used: list[Transformation] = []
    chosen = [file for file in files if file.surface == surface]
    codes = dict.fromkeys(file.reference.code for file in sorted(chosen, key=_fineness))
    for code in codes:
        ours = [file for file in chosen if file.reference.code == code]
        native = ours[0].reference
        way = Way(
            places=transformation(reference.flat(), native.flat(), undulation=undulation),
            heights=None if surface == "dhm" else transformation(native, reference, undulation=undulation),
        )
        used += [one for one in (way.places, way.heights) if one is not None and not one.is_identity]
        x, y = centres_in(grid, way.places)
        bounds = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
        blocks = []
        for file in ours:
            file.verify()
            voids = () if file.void_value is None else (file.void_value,)
            block = read_block(file.path, file.tile_id, native, bounds=bounds, voids=voids)
            if block is not None:
                blocks.append(block)
        values = filled_from(values, values_at_centres(blocks, grid, way))
    return RasterValues(values=values, transformations=tuple(used))


def _fineness(file: RasterFile) -> tuple[float, str]:
    return file.resolution_m or np.inf, file.reference.code
