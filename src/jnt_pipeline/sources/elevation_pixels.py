"""Pixels of elevation rasters: GeoTIFF and ESRI ASCII grids, described, summarised and read by window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.elevation_block import QUANTUM_DEG, QUANTUM_M, ElevationBlock
from jnt_pipeline.crs.possible import LOWEST_M
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.systems import system
from jnt_pipeline.errors import SourceError, UnreadableError, UnsupportedError

__all__ = [
    "HIGHEST_LAND_M",
    "NEAR_ZERO_M",
    "USUAL_VOIDS",
    "RasterHeader",
    "RasterSummary",
    "describe_raster",
    "read_block",
    "read_header",
    "refuse_pictures",
    "summarise",
]

USUAL_VOIDS = (-9999.0, -99999.0)
"""Marks of pixels without a value: IGN's rasters and the altimetry service; void even where the file declares none."""

HIGHEST_LAND_M = 9000.0
"""No ground is higher, metres: Mount Everest is 8,849 m high."""

NEAR_ZERO_M = 0.1
"""What counts as no height above the ground, metres: the noise of LiDAR on bare ground."""

Registration = Literal["centres", "edges", "other"]

_TIFF_SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_ROWS_AT_ONCE = 512
_DRIFT_QUANTA = {QUANTUM_M: 10, QUANTUM_DEG: 10_000}  # 1 mm over the width of a raster: what rounding may add up to
_ALONE = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
"""A raster means what its own bytes say, and the ``.prj`` of an ASCII grid: no other sidecar takes part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterHeader:
    """What one file states of itself."""

    format: str
    """``GeoTIFF`` or ``ESRI ASCII grid``."""
    n_rows: int
    n_columns: int
    n_bands: int
    dtype: str
    nodata: float | None
    """The mark of pixels without a value that the file declares; None: none declared."""
    crs_wkt: str
    """The stated CRS as WKT; empty: none stated."""
    origin: tuple[float, float]
    """Outer corner where the first row and the first column begin, in the unit of the CRS."""
    pixel: tuple[float, float]
    """Step from column to column, and from row to row: negative where the file is north up, as it should be."""
    oddity: str
    """Why it is no elevation raster as they are read here; empty where it is one."""

    @property
    def is_south_up(self) -> bool:
        """Whether the first row is the southernmost."""
        return self.pixel[1] > 0

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north: outer edges of the pixels, in the unit of the CRS."""
        west, first = self.origin
        last = first + self.n_rows * self.pixel[1]
        return west, min(first, last), west + self.n_columns * self.pixel[0], max(first, last)

    @property
    def registration(self) -> Registration:
        """What lies on whole multiples of the pixel: its centres (LiDAR HD, RGE ALTI), its edges, or neither."""
        west, _, _, north = self.bounds
        offsets = [abs(value / size) % 1 for value, size in zip((west, north), map(abs, self.pixel), strict=True)]
        if all(abs(offset - 0.5) < 1e-3 for offset in offsets):
            return "centres"
        return "edges" if all(min(offset, 1 - offset) < 1e-3 for offset in offsets) else "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterSummary:
    """What the pixels of one file hold."""

    n_void: int
    """Pixels without a value."""
    n_undeclared: int
    """Those of them that hold a usual mark which the file does not declare."""
    lowest_m: float | None
    """Lowest value; None where no pixel has one."""
    highest_m: float | None
    n_known: int
    """Pixels with a value."""
    n_near_zero: int
    """Those of them whose value is within ``NEAR_ZERO_M`` of zero."""


def read_header(path: Path) -> RasterHeader:
    """What an elevation raster states, without its pixels.

    Raises ``UnreadableError`` for a file that is no raster or is damaged; ``UnsupportedError`` for a rotated one, for
    one without a place, and for pictures: several bands, or 8 bits.
    """
    header = describe_raster(path)
    refuse_pictures(header, path)
    return header


def describe_raster(path: Path) -> RasterHeader:
    """What any raster states, without its pixels; raises ``UnreadableError``."""
    with _opened(path) as dataset:
        transform = dataset.transform
        return RasterHeader(
            format="GeoTIFF" if dataset.driver == "GTiff" else "ESRI ASCII grid",
            n_rows=dataset.height,
            n_columns=dataset.width,
            n_bands=dataset.count,
            dtype=str(dataset.dtypes[0]),
            nodata=None if dataset.nodata is None else float(dataset.nodata),
            crs_wkt=dataset.crs.to_wkt() if dataset.crs else "",
            origin=(float(transform.c), float(transform.f)),
            pixel=(float(transform.a), float(transform.e)),
            oddity=_oddity(dataset),
        )


def _oddity(dataset: Any) -> str:
    """Why these are no elevations as they are read here; empty where they are."""
    transform, dtype = dataset.transform, str(dataset.dtypes[0])
    if dataset.count != 1 or dtype not in {"int16", "uint16", "int32", "uint32", "float32", "float64"}:
        return f"{dataset.count} band{'s' * (dataset.count > 1)} of {dtype}: a picture"
    if transform.is_identity:
        return "no place: the file does not say where its pixels lie"
    if transform.b or transform.d or transform.a <= 0:
        return f"rows and columns that do not run east and north: {tuple(transform)[:6]}"
    if dataset.scales[0] != 1 or dataset.offsets[0] != 0:
        return f"values scaled by {dataset.scales[0]} and shifted by {dataset.offsets[0]}"
    unit = dataset.units[0] or "metre"
    return "" if unit.lower() in {"m", "metre", "meter", "metres", "meters"} else f"values in {unit}"


def refuse_pictures(header: RasterHeader, path: Path) -> None:
    """Raise ``UnsupportedError`` for what is no elevation raster, by name."""
    if header.oddity:
        raise UnsupportedError(
            "not an elevation raster as they are read here",
            where=path.name,
            found=header.oddity,
            expected="one band of heights in metres, rows from west to east, placed by the file itself",
            remedy="take it out of the folder of the source, or convert it: gdalwarp, gdal_translate -unscale",
        )


def summarise(path: Path, header: RasterHeader, voids: tuple[float, ...] = ()) -> RasterSummary:
    """Range of the values and number of pixels without one; holds some hundred rows at a time.

    ``voids``: further marks of pixels without a value, declared by the user. Raises ``UnreadableError`` when pixels
    are missing (a download that was cut), ``SourceError`` for values that are no heights of the Earth.
    """
    n_void = n_undeclared = n_known = n_near_zero = 0
    lowest, highest = math.inf, -math.inf
    with _opened(path) as dataset:
        for top in range(0, header.n_rows, _ROWS_AT_ONCE):
            window = Window(0, top, header.n_columns, min(_ROWS_AT_ONCE, header.n_rows - top))
            raw = _pixels(dataset, window, path)
            void = _is_void(raw, header, voids)
            declared = () if header.nodata is None else (header.nodata,)
            usual = [mark for mark in USUAL_VOIDS if mark not in {*declared, *voids}]
            n_void += int(void.sum())
            n_undeclared += int(np.isin(raw, usual).sum())
            known = raw[~void]
            n_known += known.size
            n_near_zero += int((np.abs(known) <= NEAR_ZERO_M).sum())
            if known.size:
                lowest, highest = min(lowest, float(known.min())), max(highest, float(known.max()))
    if lowest < LOWEST_M or (highest > HIGHEST_LAND_M):
        raise SourceError(
            "values that are no heights of the Earth",
            where=path.name,
            found=f"values from {lowest:g} to {highest:g}",
            expected=f"{LOWEST_M:g} to {HIGHEST_LAND_M:g} m, and a declared mark for pixels without a value",
            remedy="where one of them marks pixels without a value, declare it: nodata: <value>",
        )
    return RasterSummary(
        n_void=n_void,
        n_undeclared=n_undeclared,
        lowest_m=lowest if n_known else None,
        highest_m=highest if n_known else None,
        n_known=n_known,
        n_near_zero=n_near_zero,
    )


def read_block(
    path: Path, name: str, reference: Reference, *, bounds: Bounds | None = None, voids: tuple[float, ...] = ()
) -> ElevationBlock | None:
    """The pixels whose centre may matter inside ``bounds`` (in the file's CRS), with one more on every side.

    None where the file has no pixel there. A file whose first row is the southernmost is read by the places that it
    states. Raises ``UnreadableError``; ``UnsupportedError`` where pixels are no whole number of tenths of a millimetre.
    """
    header = read_header(path)
    quantum = QUANTUM_DEG if system(reference.flat()).is_degrees else QUANTUM_M
    pixel = _whole(header, quantum, path)
    west, south, east, north = bounds or header.bounds
    left, right = _span((west - header.origin[0]) / header.pixel[0], (east - header.origin[0]) / header.pixel[0])
    edges = sorted(((north - header.origin[1]) / header.pixel[1], (south - header.origin[1]) / header.pixel[1]))
    top, bottom = _span(*edges)
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, header.n_columns), min(bottom, header.n_rows)
    if right <= left or bottom <= top:
        return None
    with _opened(path) as dataset:
        raw = _pixels(dataset, Window(left, top, right - left, bottom - top), path)
    values = raw.astype(np.float32)
    values[_is_void(raw, header, voids)] = np.nan
    if header.is_south_up:
        values = np.ascontiguousarray(values[::-1])
    northmost = bottom - 1 if header.is_south_up else top
    first_x = round((header.origin[0] + header.pixel[0] / 2) / quantum) + left * pixel[0]
    first_y = round((header.origin[1] + header.pixel[1] / 2) / quantum)
    first_y += northmost * pixel[1] * (1 if header.is_south_up else -1)
    return ElevationBlock(
        name=name, values=values, first=(first_x, first_y), pixel=pixel, quantum=quantum, reference=reference
    )


def _span(low: float, high: float) -> tuple[int, int]:
    """First and end of the pixels whose centres lie in a span of pixel edges, and one more on every side."""
    return math.floor(low) - 1, math.ceil(high) + 1


def _whole(header: RasterHeader, quantum: float, path: Path) -> tuple[int, int]:
    """Width and height of a pixel in quanta."""
    sizes = (abs(header.pixel[0]) / quantum, abs(header.pixel[1]) / quantum)
    rounded = (round(sizes[0]), round(sizes[1]))
    drift = max(
        abs(size - whole) * n for size, whole, n in zip(sizes, rounded, (header.n_columns, header.n_rows), strict=True)
    )
    if min(rounded) < 1 or drift > _DRIFT_QUANTA[quantum]:
        raise UnsupportedError(
            "pixels of a size that no lattice shares",
            where=path.name,
            found=f"{abs(header.pixel[0])!r} by {abs(header.pixel[1])!r}",
            expected=f"a multiple of {quantum:g}, in the unit of the CRS",
            remedy="resample it to a round resolution, knowingly: gdalwarp -tr 1 1 -r bilinear",
        )
    return rounded


def _is_void(raw: NDArray[Any], header: RasterHeader, voids: tuple[float, ...]) -> NDArray[np.bool_]:
    marks = np.asarray([*USUAL_VOIDS, *voids, *([] if header.nodata is None else [header.nodata])])
    with np.errstate(over="ignore"):  # a mark of another width than the values, such as -3.4e38
        marks = np.concatenate([marks, marks.astype(raw.dtype)]) if raw.dtype.kind == "f" else marks
    void: NDArray[np.bool_] = np.isin(raw, marks) | ~np.isfinite(raw)
    return void


def _pixels(dataset: Any, window: Window, path: Path) -> NDArray[Any]:
    try:
        raw: NDArray[Any] = dataset.read(1, window=window)
    except RasterioError as error:
        raise _damaged(path, error) from error
    return raw


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The open dataset; by its first bytes a GeoTIFF, else an ASCII grid, and nothing else that GDAL could open."""
    try:
        with path.open("rb") as stream:
            driver = "GTiff" if stream.read(4) in _TIFF_SIGNATURES else "AAIGrid"
        with rasterio.Env(**_ALONE):
            dataset = rasterio.open(path, driver=driver)
    except (RasterioError, OSError) as error:
        raise _damaged(path, error) from error
    with dataset:
        yield dataset


def _damaged(path: Path, error: Exception) -> UnreadableError:
    cause = error.__cause__ or error
    return UnreadableError(
        "the raster is damaged, cut short, or no raster",
        where=path.name,
        found=" ".join(str(cause).replace(str(path), path.name).split())[:200],
        expected="a whole GeoTIFF or ESRI ASCII grid",
        remedy="download the file again and compare its size with the producer's",
    )
