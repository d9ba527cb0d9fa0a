"""Elevation rasters (*RGE ALTI, MNT, MNS et MNH LiDAR HD*): one unit per file, described by one record each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import geopandas as gpd
import pandas as pd
import pyproj
from pydantic import Field
from shapely.geometry import box

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.base_layers.layers import Layer, rejections
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.crs.identify import reference_of
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import system
from jnt_pipeline.errors import EmptySourceError, MissingCrsError, MissingHeightReferenceError, SourceError
from jnt_pipeline.provenance import Counts
from jnt_pipeline.sources.elevation_doubts import above_ground_doubt, require_named_place
from jnt_pipeline.sources.elevation_names import (
    SUFFIXES,
    Surface,
    is_companion,
    is_raster_name,
    product_of_name,
    states_elevations,
    states_heights,
    surface_of_name,
    tile_of_name,
)
from jnt_pipeline.sources.elevation_pixels import USUAL_VOIDS, RasterHeader, RasterSummary, read_header, summarise
from jnt_pipeline.sources.files import delivered_files, fingerprint, safe_name
from jnt_pipeline.sources.las_reference import StatedCrs, named_code, resolve_reference, stated_reference
from jnt_pipeline.sources.protocol import SourceDeclaration, SourceUnit

__all__ = ["ElevationSource", "raster_reference", "read_elevation_tile"]

_NAMED = re.compile(r"EPSG:(\d{4,6})", re.IGNORECASE)


class ElevationSource(SourceDeclaration):
    """A folder of elevation rasters, or one of them: the terrain where there is no LiDAR."""

    kind: Literal["elevation"] = Field(default="elevation", description="Discriminator.")
    surface: Surface | None = Field(
        default=None,
        description="What the rasters show, where their names do not say: dtm (MNT, ground), dsm (MNS, ground and "
        "what stands on it), dhm (MNH, height above ground).",
    )
    crs: Reference | None = Field(
        default=None,
        description="Reference that overrides what the files state, e.g. EPSG:2154+5720; null = believe the files.",
    )
    vertical: str | None = Field(
        default=None,
        pattern=r"^EPSG:\d{4,6}$",
        description="Vertical CRS for rasters that state none, neither in the file nor in the name, e.g. EPSG:5720.",
    )
    nodata: float | None = Field(
        default=None,
        description="Mark of pixels without a value, where the files hold one that they do not declare; "
        "-9999 and -99999 need no declaration.",
    )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that every unit yields."""
        return ("elevation_tiles",)

    def units(self, area: AreaOfInterest | None) -> tuple[SourceUnit, ...]:
        """One unit per raster, named by its tile id; opens no file.

        Raises ``EmptySourceError`` without any raster, ``SourceError`` when two claim the same tile, or when neither
        name nor declaration says what a raster shows.
        """
        del area  # where a raster lies is known for sure only once it is read
        by_name: dict[str, Path] = {}
        for path in delivered_files(self.path, *SUFFIXES, ""):
            if path != self.path and not is_raster_name(path.name):
                continue
            name = safe_name(tile_of_name(path.name, surface_of(path, self.surface)))
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
                "no elevation raster",
                where=self.path,
                expected=f"files ending in {', '.join(SUFFIXES)}, or named as LiDAR HD rasters are",
                remedy="correct `path`, or download the rasters of the territory",
            )
        return tuple(SourceUnit(name=name, files=_with_place(by_name[name])) for name in sorted(by_name))

    def read(self, unit: SourceUnit, area: AreaOfInterest | None) -> tuple[Layer, ...]:
        """The record of the unit's raster: ``elevation_tiles``."""
        del area  # the whole raster is described, wherever the territory ends
        return (read_elevation_tile(unit.files[0], self),)


def _with_place(path: Path) -> tuple[Path, ...]:
    """The file, and the ``.prj`` that states the CRS of an ASCII grid: it takes part, so it is part of the unit."""
    beside = path.with_suffix(".prj")
    return (path, beside) if path.suffix.lower() == ".asc" and beside.is_file() else (path,)


def surface_of(path: Path, declared: Surface | None) -> Surface:
    """What a raster shows, by its name or the declaration; raises ``SourceError`` where they say nothing, or differ.

    A folder called MNH or DHM states nothing by itself, but contradicts a declaration of elevations.
    """
    name = path.name
    if is_companion(name):
        raise SourceError(
            "a companion of RGE ALTI, not elevations",
            where=name,
            found="DST (distance to the next measure) or SRC (where it comes from) in the name",
            expected="the raster named MNT",
            remedy="point `path` at the folder of the terrain, e.g. RGEALTI_MNT_1M_ASC_LAMB93_IGN69_D038",
        )
    stated = surface_of_name(name)
    height = states_heights(name)
    if height is None and stated is None:
        folder = path.parent.name
        height = None if states_elevations(folder) else states_heights(folder)
        place = f"in the name of its folder, {folder}"
    else:
        place = "in the name"
    if height is not None and declared in {"dtm", "dsm"}:
        raise SourceError(
            "heights above the ground are declared as elevations",
            where=name,
            found=f"surface: {declared} declared, {height} {place}",
            expected="elevations above the vertical datum: MNT (dtm) or MNS (dsm)",
            remedy="declare surface: dhm, and give the terrain (MNT) as a source of its own",
        )
    found = stated or declared
    if found is None:
        raise SourceError(
            "nothing says what the raster shows",
            where=name,
            found="no word such as MNT, MNS or MNH in the file name" + (f"; {height} {place}" if height else ""),
            expected="ground (dtm), surface (dsm) or height above ground (dhm)",
            remedy=f"declare it for this source, e.g. surface: {'dhm' if height else 'dtm'}",
        )
    if declared is not None and found != declared:
        raise SourceError(
            "the declared surface contradicts the product name",
            where=name,
            found=f"surface: {declared} declared, {stated} in the name",
            expected="one kind of raster in a source that declares it",
            remedy="drop `surface`, or give the others a source of their own",
        )
    return found


def read_elevation_tile(path: Path, source: ElevationSource) -> Layer:
    """Describe one raster: extent, resolution, range of its values, pixels without one.

    Returns the layer ``elevation_tiles`` with one record, whose geometry is the box of the pixels in the file's CRS;
    a raster without any value is set aside (``no_elevation``). Raises ``UnreadableError``, ``UnsupportedError``,
    ``SourceError`` (values that are no heights, a name of another place), ``MissingCrsError``,
    ``MissingHeightReferenceError``.
    """
    surface = surface_of(path, source.surface)
    header = read_header(path)
    reference, notes = raster_reference(header, path.name, surface, crs=source.crs, vertical=source.vertical)
    require_named_place(header, path.name, reference)
    voids = () if source.nodata is None else (source.nodata,)
    summary = summarise(path, header, voids)
    files = tuple(fingerprint(one) for one in _with_place(path))
    if header.is_south_up:
        notes = (*notes, f"{path.name}: rows run from south to north, read at the places that the file states")
    if summary.n_undeclared:
        notes = (
            *notes,
            f"{path.name}: {summary.n_undeclared} pixels at {_marks()} taken as void, not declared as such",
        )
    doubt = above_ground_doubt(summary) if surface_of_name(path.name) is None and surface != "dhm" else None
    if doubt is not None:
        notes = (*notes, f"warning: {path.name}: {doubt}; declared as {surface}")
    record = {
        "tile_id": tile_of_name(path.name, surface),
        "file_name": path.name,
        "sha256": files[0].sha256,
        "product": product_of_name(path.name),
        "surface": surface,
        "resolution_m": None if system(reference.flat()).is_degrees else abs(header.pixel[0]),
        "n_pixels": header.n_rows * header.n_columns,
        "n_void_pixels": summary.n_void,
        **_range(surface, summary),
        "stored_reference": reference.code,
        "void_value": source.nodata,
    }
    rejected = [(path.name, "no_elevation", f"none of {record['n_pixels']} pixels has a value")]
    is_void = summary.lowest_m is None
    table = pd.DataFrame([] if is_void else [record], columns=list(SCHEMAS["elevation_tiles"].column_names))
    frame = gpd.GeoDataFrame(table, geometry=[] if is_void else [box(*header.bounds)], crs=reference.horizontal)
    return Layer(
        name="elevation_tiles",
        frame=frame,
        reference=reference,
        provenance=source.provenance(files, *notes),
        counts=Counts(read=1, kept=len(frame), rejected={"no_elevation": 1} if is_void else {}),
        rejected=rejections(rejected if is_void else []),
    )


def _marks() -> str:
    return " or ".join(f"{mark:g}" for mark in USUAL_VOIDS)


def _range(surface: Surface, summary: RasterSummary) -> dict[str, float | None]:
    """Heights above the ground count from no datum: they are no elevations."""
    low, high = summary.lowest_m, summary.highest_m
    above_ground = surface == "dhm"
    return {
        "min_elevation_m": None if above_ground else low,
        "max_elevation_m": None if above_ground else high,
        "min_height_m": low if above_ground else None,
        "max_height_m": high if above_ground else None,
    }


def raster_reference(
    header: RasterHeader,
    file_name: str,
    surface: Surface,
    *,
    crs: Reference | None = None,
    vertical: str | None = None,
) -> tuple[Reference, tuple[str, ...]]:
    """Reference of places and values of a raster, and the notes that its provenance must carry.

    Horizontal: ``crs`` (a declaration), else the file, else an EPSG code that the name of an unusable CRS is made of,
    else a word of the product name such as LAMB93. Vertical: ``crs``, the file, the product name, ``vertical``.
    Heights above the ground have none. Raises ``MissingCrsError``, ``MissingHeightReferenceError``, ``CrsError``.
    """
    stated, notes = _stated(header.crs_wkt, file_name)
    if surface == "dhm":
        return stated_reference(stated, file_name, crs=crs).flat(), () if crs is not None else notes
    reference, more = resolve_reference(stated, file_name, crs=crs, vertical=vertical)
    if reference.vertical is None:
        raise MissingHeightReferenceError(
            "heights above the ellipsoid",
            where=file_name,
            found=f"{reference}, which has three dimensions",
            expected="a horizontal and a vertical reference, such as EPSG:2154+5720",
            remedy="bring the heights above the vertical datum first, knowingly: gdalwarp with the grid of the geoid",
        )
    return reference, more if crs is not None else (*notes, *more)


def _stated(wkt: str, file_name: str) -> tuple[StatedCrs, tuple[str, ...]]:
    origin = "the file states no CRS"
    if wkt:
        crs = pyproj.CRS.from_wkt(wkt)
        try:
            reference_of(crs, where=file_name)
            return StatedCrs(crs=crs, vertical=None, origin=crs.name), ()
        except MissingCrsError as error:
            origin = f"an unusable CRS named {crs.name!r}: {error.what}"
            match = _NAMED.fullmatch(crs.name)
        if match:
            note = f"the CRS of {file_name} is unusable; EPSG:{match[1]} taken from its name {crs.name!r}"
            return StatedCrs(crs=pyproj.CRS.from_epsg(int(match[1])), vertical=None, origin=origin), (note,)
    code = named_code(file_name)
    if code is None:
        return StatedCrs(crs=None, vertical=None, origin=origin), ()
    note = f"horizontal reference {code} taken from the product name; {origin}"
    return StatedCrs(crs=pyproj.CRS.from_user_input(code), vertical=None, origin=origin), (note,)
