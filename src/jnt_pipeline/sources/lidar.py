"""LiDAR tiles (*dalles LiDAR HD*): LAS, LAZ and COPC files, one unit per tile, described by one record each."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import geopandas as gpd
import pandas as pd
from pydantic import Field
from shapely.geometry import box

from jnt_pipeline.area import AreaOfInterest, Bounds
from jnt_pipeline.base_layers.layers import Layer, rejections
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import system
from jnt_pipeline.errors import EmptySourceError, SourceError
from jnt_pipeline.provenance import Counts, SourceFile
from jnt_pipeline.sources.files import delivered_files, fingerprint, safe_name
from jnt_pipeline.sources.las_header import read_las_promise
from jnt_pipeline.sources.las_points import TileSummary, read_las_header, read_points, summarise_tile
from jnt_pipeline.sources.las_reference import resolve_reference, stated_crs
from jnt_pipeline.sources.las_stream import stream_points
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit

__all__ = [
    "LidarSource",
    "acquisition_days",
    "is_inside",
    "named_square",
    "read_points",
    "read_tile",
    "stream_points",
    "tile_id_of_name",
]

SUFFIXES = (".las", ".laz")  # .copc.laz ends in .laz
SQUARE_M = 1000.0  # side of a LiDAR HD tile, metres
_GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
_ADJUSTED_ZERO_S = 1_000_000_000  # adjusted standard GPS time = GPS time - 1e9 s (LAS 1.4 R15, table 4)
_KM = re.compile(r"\d{4}")


class LidarSource(SourceDeclaration):
    """A folder of LiDAR tiles, or one tile."""

    kind: Literal["lidar"] = Field(default="lidar", description="Discriminator.")
    crs: Reference | None = Field(
        default=None,
        description="Reference that overrides what the files state, e.g. EPSG:2154+5720; null = believe the files.",
    )
    vertical: str | None = Field(
        default=None,
        pattern=r"^EPSG:\d{4,6}$",
        description="Vertical CRS for tiles that state none in their records nor in their name, e.g. EPSG:5720.",
    )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that every unit yields."""
        return ("point_clouds",)

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per tile, named by its tile id; opens no file.

        Raises ``EmptySourceError`` without any tile, ``SourceError`` when two files claim the same tile.
        """
        del area  # where a tile lies is known for sure only once it is read
        by_name: dict[str, Path] = {}
        for path in delivered_files(self.path, *SUFFIXES):
            name = safe_name(tile_id_of_name(path.name))
            if name in by_name:
                raise SourceError(
                    f"two files claim the tile {name}",
                    where=path,
                    found=f"also {by_name[name]}",
                    expected="one file per tile",
                    remedy="keep the newest edition and take the other out of the folder",
                )
            by_name[name] = path
        if not by_name:
            raise EmptySourceError(
                "no LiDAR tile",
                where=self.path,
                expected="files ending in .las, .laz or .copc.laz",
                remedy="correct `path`, or download the tiles of the territory",
            )
        return tuple(SourceUnit(name=name, files=(by_name[name],)) for name in sorted(by_name))

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer, ...]:
        """The record of the unit's tile: ``point_clouds``."""
        del area  # the whole tile is described, wherever the territory ends
        return (read_tile(unit.files[0], self),)


def read_tile(path: Path, source: LidarSource) -> Layer:
    """Describe one tile: points per class, box, density, days of flight.

    Returns the layer ``point_clouds`` with one record, whose geometry is the box of the points in the file's CRS;
    a tile whose points span no area is set aside (``no_points``, ``no_area``). Withheld points are left out and
    counted in a note. Raises ``UnreadableError``, ``MissingCrsError``, ``MissingHeightReferenceError``.
    """
    promise = read_las_promise(path)
    stated = stated_crs(read_las_header(path, promise))
    reference, notes = resolve_reference(stated, path.name, crs=source.crs, vertical=source.vertical)
    summary = summarise_tile(path)
    file = fingerprint(path)
    if summary.n_withheld:
        notes = (*notes, f"{path.name}: {summary.n_withheld} withheld points left out")
    rejected = _set_aside(path, summary)
    frame = _frame([] if rejected else [_record(path, file, summary, reference)], summary, reference)
    return Layer(
        name="point_clouds",
        frame=frame,
        reference=reference,
        provenance=source.provenance((file,), *notes),
        counts=Counts(read=1, kept=len(frame), rejected={reason: 1 for _, reason, _ in rejected}),
        rejected=rejections(rejected),
    )


def tile_id_of_name(file_name: str) -> str:
    """Tile id from a product name: km of the NORTH-WEST corner, ``xxxx_yyyy``; else the stem.

    >>> tile_id_of_name("test_semis_2023_0292_6833_LA93_IGN69.laz")
    '0292_6833'
    >>> tile_id_of_name("LHD_FXX_0881-6546_PTS_LAMB93_IGN69.copc.laz")
    '0881_6546'
    """
    stem = _stem(file_name)
    words = re.split(r"[_-]", stem)
    pairs = [i for i in range(len(words) - 1) if _KM.fullmatch(words[i]) and _KM.fullmatch(words[i + 1])]
    # an older name puts the year before the pair (Semis_2022_0906_6665): the last pair is the corner
    return f"{words[pairs[-1]]}_{words[pairs[-1] + 1]}" if pairs else stem


def named_square(file_name: str) -> Bounds | None:
    """The km square (west, south, east, north; metres) that a product name states; None without a pair of km."""
    tile_id = tile_id_of_name(file_name)
    if not re.fullmatch(r"\d{4}_\d{4}", tile_id):
        return None
    west, north = (float(part) * SQUARE_M for part in tile_id.split("_"))
    return west, north - SQUARE_M, west + SQUARE_M, north


def acquisition_days(summary: TileSummary) -> str | None:
    """First and last day of flight, ``YYYY-MM-DD/YYYY-MM-DD`` in GPS time; None where the points do not tell."""
    if summary.gps_span is None:
        return None
    first, last = (_GPS_EPOCH + timedelta(seconds=t + _ADJUSTED_ZERO_S) for t in summary.gps_span)
    return f"{first:%Y-%m-%d}/{last:%Y-%m-%d}"


def _stem(file_name: str) -> str:
    return re.sub(r"(\.copc)?\.la[sz]$", "", file_name, flags=re.IGNORECASE)


def _set_aside(path: Path, summary: TileSummary) -> list[tuple[str, str, str]]:
    if summary.n_points == 0:
        return [(path.name, "no_points", f"{summary.n_withheld} withheld points, no other")]
    if summary.density is None:
        return [(path.name, "no_area", f"{summary.n_points} points span no area")]
    return []


def _record(path: Path, file: SourceFile, summary: TileSummary, reference: Reference) -> dict[str, object]:
    square = named_square(path.name)
    return {
        "tile_id": tile_id_of_name(path.name) if square is None or is_inside(summary, square) else _stem(path.name),
        "file_name": path.name,
        "sha256": file.sha256,
        "n_points": summary.n_points,
        "density_m2": _per_square_metre(summary.density, reference),
        "class_codes": list(summary.class_counts),
        "class_counts": list(summary.class_counts.values()),
        "min_elevation_m": summary.mins[2] if summary.mins else None,
        "max_elevation_m": summary.maxs[2] if summary.maxs else None,
        "acquired_on": acquisition_days(summary),
    }


def _per_square_metre(density: float | None, reference: Reference) -> float | None:
    """Density from points per square unit of the CRS; None where the unit is an angle."""
    horizontal = system(reference.flat())
    if density is None or horizontal.is_degrees or horizontal.flat is None:
        return None
    return density / float(horizontal.flat.axis_info[0].unit_conversion_factor) ** 2


def is_inside(summary: TileSummary, square: Bounds) -> bool:
    """Whether all points of a tile lie in a square (west, south, east, north), its edges included."""
    if summary.mins is None or summary.maxs is None:
        return True
    west, south, east, north = square
    return bool(
        west <= summary.mins[0] and summary.maxs[0] <= east and south <= summary.mins[1] and summary.maxs[1] <= north
    )


def _frame(records: list[dict[str, object]], summary: TileSummary, reference: Reference) -> gpd.GeoDataFrame:
    table = pd.DataFrame(records, columns=list(SCHEMAS["point_clouds"].column_names))
    corners = [(*summary.mins[:2], *summary.maxs[:2])] if records and summary.mins and summary.maxs else []
    return gpd.GeoDataFrame(table, geometry=[box(*corner) for corner in corners], crs=reference.horizontal)
