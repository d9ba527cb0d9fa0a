"""Partition of the terrain: kilometre cells, the files that reach into them, and the buildings they own.

The value of a pixel and the elevations of a building do not depend on how points are cut into files. So the unit of
work is a cell of the kilometre grid, not a file: files may be named, cut and overlap as they like.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.points import PointBlock, PointChunk
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.disk import file_sha256
from jnt_pipeline.errors import AssemblyError
from jnt_pipeline.sources.lidar import read_points, stream_points
from jnt_pipeline.stages.ingest import POINT_FILES
from jnt_pipeline.stages.raster_files import RasterFile
from jnt_pipeline.store import Workspace
from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.twin import TwinIndex

__all__ = ["Cell", "PointFile", "cells", "gather_points", "point_files", "stream_files"]

_KM = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFile:
    """One LiDAR file of the twin."""

    name: str
    """File name as delivered."""
    path: Path
    sha256: str
    bounds: Bounds
    """Of its points, in the twin's horizontal CRS."""

    def meets(self, bounds: Bounds) -> bool:
        """Whether its points may reach into ``bounds``."""
        west, south, east, north = bounds
        return self.bounds[0] <= east and self.bounds[2] >= west and self.bounds[1] <= north and self.bounds[3] >= south

    def verify(self) -> None:
        """Raise ``AssemblyError`` when the file is no longer the one that was ingested."""
        if not self.path.is_file() or file_sha256(self.path) != self.sha256:
            raise AssemblyError(
                "the point cloud changed since it was ingested",
                where=self.path,
                expected=f"SHA-256 {self.sha256[:12]}…",
                remedy="run again: it will be ingested anew",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One square of the kilometre grid, cut to the extent of all points."""

    name: str
    """Kilometres of its north-west corner, xxxx_yyyy, as IGN names its tiles."""
    grid: Grid
    """Its pixels: no two cells share one, and none between them is left out."""


def point_files(workspace: Workspace, index: TwinIndex) -> tuple[PointFile, ...]:
    """The LiDAR files of the twin, by name and checksum."""
    if "point_clouds" not in index.layers or not index.layers["point_clouds"].counts.kept:
        return ()
    paths = json.loads(workspace.read_document(POINT_FILES) or b"{}")
    frame = index.territory(workspace).layer("point_clouds").to_geopandas()
    files = []
    for name, sha256, box in zip(frame["file_name"], frame["sha256"], frame.geometry.bounds.to_numpy(), strict=True):
        bounds: Bounds = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
        files.append(PointFile(name=str(name), path=Path(paths[sha256]), sha256=str(sha256), bounds=bounds))
    return tuple(sorted(files, key=lambda file: (file.name, file.sha256)))


def cells(files: tuple[PointFile, ...], resolution_m: float, rasters: tuple[RasterFile, ...] = ()) -> tuple[Cell, ...]:
    """The kilometre cells that points or elevation rasters reach into, by name.

    A cell is cut to the box of all the points of the twin and a pixel more, and of all its rasters, never to the
    points of its own files: a void on the edge of a file is bridged like any other.
    """
    if not files and not rasters:
        return ()
    pixel_out = np.array([-1, -1, 1, 1]) * resolution_m
    boxes = np.asarray([*(file.bounds for file in files), *(raster.reach(resolution_m) for raster in rasters)])
    edges = np.concatenate([boxes[: len(files)] + pixel_out, boxes[len(files) :]])
    west, south = edges[:, :2].min(axis=0)
    east, north = edges[:, 2:].max(axis=0)
    names: set[tuple[int, int]] = set()
    for box in boxes:
        # Points exactly on the edge of a kilometre, as IGN delivers them, open no cell of one row of pixels.
        west_in, south_in, east_in, north_in = box - pixel_out
        columns = range(math.floor(west_in / _KM), math.floor(east_in / _KM) + 1)
        rows = range(math.ceil(south_in / _KM), math.ceil(north_in / _KM) + 1)  # numbered by their north edge
        names |= {(column, row) for column in columns for row in rows}
    found = []
    for column, row in sorted(names):
        left, top = column * _KM, row * _KM
        bounds = (max(west, left), max(south, top - _KM), min(east, left + _KM), min(north, top))
        if bounds[2] - bounds[0] >= resolution_m and bounds[3] - bounds[1] >= resolution_m:
            grid = Grid.covering(bounds, resolution_m)
            found.append(Cell(name=f"{column:04d}_{row:04d}", grid=grid))
    return tuple(found)


def gather_points(files: tuple[PointFile, ...], bounds: Bounds, reference: Reference) -> PointBlock:
    """Points of all classes inside ``bounds``, from every file that may hold some."""
    blocks = []
    for tile in files:
        tile.verify()
        blocks.append(read_points(tile.path, reference=reference, bounds=bounds))
    return PointBlock.joined(blocks) if blocks else _no_points(reference)


def stream_files(files: tuple[PointFile, ...], bounds: Bounds) -> Iterator[PointChunk]:
    """The points of every file that may hold some inside ``bounds``, in chunks; points beyond may come along."""
    for file in files:
        file.verify()
        yield from stream_points(file.path, bounds=bounds)


def _no_points(reference: Reference) -> PointBlock:
    return PointBlock(xyz=np.empty((0, 3)), classification=np.empty(0, dtype=np.uint8), reference=reference)
