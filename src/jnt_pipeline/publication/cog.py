"""Cloud Optimized GeoTIFF: the twin's rasters, tiles merged, with a small picture of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

import numpy as np
import rasterio
import rasterio.shutil
from pydantic import Field
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from jnt_pipeline.crs.france.territories import french_name
from jnt_pipeline.errors import ExportError
from jnt_pipeline.provenance import accuracy_text
from jnt_pipeline.publication.origin import coordinate_origin, territory_origin
from jnt_pipeline.publication.pictures import write_picture
from jnt_pipeline.publication.protocol import ExporterDeclaration, Publication, PublishedFile
from jnt_pipeline.territory.model import StoredRaster, Territory
from jnt_pipeline.territory.terrain_confidence import Origin

__all__ = ["CogExporter", "write_cog", "write_cogs"]

COG = "image/tiff; application=geotiff; profile=cloud-optimized"

_TITLES = {
    "dtm": "Terrain elevation (MNT)",
    "dsm": "Surface elevation (MNS)",
    "dhm": "Height above ground (MNH)",
    "chm": "Canopy height (MHC)",
    "dtm_confidence": "Confidence of the terrain, 95 %",
    "dtm_origin": "Origin of the terrain's values",
    "slope": "Slope of the terrain",
    "hillshade": "Shaded relief of the terrain",
}
_CODED = {
    "dtm_origin": " ".join(f"{origin.value}={origin.name.lower()}" for origin in Origin),
    "hillshade": "1=dark 255=bright",
}
"""Rasters of bytes (0 = unknown), with what they say; all others are numbers as float32."""
_UNITS = {"slope": "degree"}
"""Units of what is not metres."""

_UNPICTURED = {"dtm_confidence", "dtm_origin", "slope", "hillshade"}
"""They are read beside the terrain; the picture of the terrain is shaded anyway."""

_SAME_GRID_PIXELS = 0.01
# Tiles share one grid by contract; a hundredth of a pixel is far above the rounding of coordinates in a GeoTIFF
# and far below any real shift.


class CogExporter(ExporterDeclaration):
    """The rasters as Cloud Optimized GeoTIFF with overviews, and a PNG of those that people look at."""

    kind: Literal["cog"] = Field(default="cog", description="Name of the exporter.")
    block_size_px: int = Field(
        default=512, ge=128, le=4096, multiple_of=16, description="Side of the internal tiles, pixels."
    )

    @property
    def version(self) -> int:
        """Version of the output."""
        return 4

    @property
    def describes_publications(self) -> bool:
        """It reads the twin alone."""
        return False

    def reads(self, layer_names: tuple[str, ...], raster_names: tuple[str, ...]) -> tuple[str, ...]:
        """All rasters, no layer."""
        return raster_names

    def write(self, territory: Territory, folder: Path) -> Publication:
        """Write one GeoTIFF and one picture per raster; see ``write_cogs``."""
        return write_cogs(territory, folder, block_size_px=self.block_size_px)


def write_cogs(territory: Territory, folder: Path, *, block_size_px: int = 512) -> Publication:
    """Write ``<raster>.tif`` and ``<raster>.png`` for every raster of the twin (none: nothing is written).

    Records counted are cells with a value: in the stored tiles, and in what was written.
    Raises ``ExportError`` when tiles do not share one grid, or the result is not a valid COG.
    """
    files: list[PublishedFile] = []
    n_in: dict[str, int] = {}
    n_out: dict[str, int] = {}
    for name in sorted(territory.rasters):
        raster = territory.rasters[name]
        title = _TITLES.get(name, name)
        tags = {
            **{key: _text(value) for key, value in territory_origin(territory).items()},
            "raster": name,
            "vertical_crs": _text(raster.reference.vertical),
            "reference_name": french_name(raster.reference.code),
            **{key: _text(value) for key, value in coordinate_origin(raster.provenance).items()},
            "accuracy": accuracy_text(raster.provenance.accuracy_m),
            **({"codes": _CODED[name]} if name in _CODED else {}),
        }
        path = folder / f"{name}.tif"
        n_in[name] = write_cog(raster, path, title=title, tags=tags, block_size_px=block_size_px)
        n_out[name] = _n_cells(path)
        if n_in[name] != n_out[name]:
            raise ExportError(
                "cells were lost while merging tiles",
                where=path.name,
                found=f"{n_out[name]} cells with a value",
                expected=str(n_in[name]),
                remedy="the tiles overlap or do not share one grid: derive the terrain again",
            )
        files.append(PublishedFile(path=path.name, media_type=COG, title=title, layer=name))
        if name in _UNPICTURED:
            continue
        write_picture(path, folder / f"{name}.png", colours=name in {"dhm", "chm"})
        files.append(
            PublishedFile(
                path=f"{name}.png", media_type="image/png", title=f"{title}, picture", role="overview", layer=name
            )
        )
    return Publication(files=tuple(files), records_in=n_in, records_out=n_out, left_out={})


def write_cog(raster: StoredRaster, path: Path, *, title: str, tags: dict[str, str], block_size_px: int = 512) -> int:
    """Merge the tiles of one raster into a Cloud Optimized GeoTIFF (float32, deflate, predictor 3, NaN = unknown).

    Codes stay bytes (0 = unknown), and overviews show one of them, never a mean.
    GDAL reads the tiles block by block through a virtual mosaic, so that memory does not grow with the territory.
    The CRS is that of the raster: compound (horizontal and vertical) for elevations, which GeoTIFF 1.1 carries as keys;
    horizontal alone for heights above the ground. Returns the number of cells with a value in the tiles.
    Raises ``ExportError``.

    Source: OGC 21-026 (Cloud Optimized GeoTIFF), OGC 19-008r4 (GeoTIFF 1.1).
    """
    from rio_cogeo.cogeo import cog_validate

    is_coded = raster.name in _CODED
    mosaic, n_cells = _mosaic(raster, title, tags)
    with rasterio.Env(GDAL_NUM_THREADS="1", GDAL_PAM_ENABLED="NO"):
        rasterio.shutil.copy(
            mosaic,
            path,
            driver="COG",
            COMPRESS="DEFLATE",
            LEVEL="9",
            PREDICTOR="NO" if is_coded else "FLOATING_POINT",
            BLOCKSIZE=str(block_size_px),
            OVERVIEWS="IGNORE_EXISTING",
            OVERVIEW_RESAMPLING="NEAREST" if is_coded else "AVERAGE",
            BIGTIFF="IF_SAFER",
            STATISTICS="NO",
        )
    sound, errors, warnings = cog_validate(path, quiet=True)
    if not sound or errors or warnings:
        raise ExportError(
            "not a valid Cloud Optimized GeoTIFF",
            where=path.name,
            found="; ".join([*errors, *warnings]),
            expected="no error and no warning from rio-cogeo",
            remedy="report it with the size of the raster and the GDAL version that jnt doctor prints",
        )
    return n_cells


def _mosaic(raster: StoredRaster, title: str, tags: dict[str, str]) -> tuple[str, int]:
    """GDAL virtual mosaic (XML) over the tiles, and how many cells of them have a value."""
    if not raster.tiles:
        raise ExportError("a raster without tiles", where=raster.name, remedy="derive the terrain again")
    resolution = raster.resolution_m
    sources: list[str] = []
    n_cells = 0
    corners: list[tuple[float, float, int, int]] = []
    unknown: list[str] = []
    for tile in raster.tiles:
        with rasterio.open(tile) as dataset:
            _require_grid(dataset, tile, raster)
            corners.append((dataset.transform.c, dataset.transform.f, dataset.width, dataset.height))
            unknown.append("nan" if dataset.nodata is None else repr(dataset.nodata))
            n_cells += _count(dataset)
    west = min(corner[0] for corner in corners)
    north = max(corner[1] for corner in corners)
    width = height = 0
    for tile, nodata, corner in zip(raster.tiles, unknown, corners, strict=True):
        tile_west, tile_north, n_columns, n_rows = corner
        column, row = (tile_west - west) / resolution, (north - tile_north) / resolution
        if max(abs(column - round(column)), abs(row - round(row))) > _SAME_GRID_PIXELS:
            raise ExportError(
                "a tile is not on the grid of the others",
                where=tile.name,
                found=f"corner {tile_west}, {tile_north}",
                expected=f"whole multiples of {resolution} m from {west}, {north}",
                remedy="derive the terrain again with one resolution",
            )
        width, height = max(width, round(column) + n_columns), max(height, round(row) + n_rows)
        file_name = escape(str(tile.resolve()))
        sources.append(
            f'<ComplexSource><SourceFilename relativeToVRT="0">{file_name}</SourceFilename>'
            "<SourceBand>1</SourceBand>"
            f'<SrcRect xOff="0" yOff="0" xSize="{n_columns}" ySize="{n_rows}"/>'
            f'<DstRect xOff="{round(column)}" yOff="{round(row)}" xSize="{n_columns}" ySize="{n_rows}"/>'
            f"<NODATA>{nodata}</NODATA></ComplexSource>"
        )
    is_coded, unit = raster.name in _CODED, _UNITS.get(raster.name, "m")
    crs = CRS.from_user_input(raster.reference.code).to_wkt(version="WKT2_2019")
    items = "".join(f'<MDI key="{key.upper()}">{escape(value)}</MDI>' for key, value in sorted(tags.items()))
    return (
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">'
        f"<SRS>{escape(crs)}</SRS>"
        f"<GeoTransform>{west!r}, {resolution!r}, 0.0, {north!r}, 0.0, {-resolution!r}</GeoTransform>"
        f"<Metadata>{items}</Metadata>"
        f'<VRTRasterBand dataType="{"Byte" if is_coded else "Float32"}" band="1">'
        f"<Description>{escape(title)}</Description>"
        f"{'' if is_coded else f'<UnitType>{unit}</UnitType>'}<NoDataValue>{0 if is_coded else 'nan'}</NoDataValue>"
        f"{''.join(sources)}</VRTRasterBand></VRTDataset>"
    ), n_cells


def _require_grid(dataset: DatasetReader, tile: Path, raster: StoredRaster) -> None:
    steps = (dataset.transform.a, -dataset.transform.e)
    expected = "uint8" if raster.name in _CODED else "float32"
    if steps != (raster.resolution_m, raster.resolution_m) or dataset.dtypes != (expected,):
        raise ExportError(
            "a tile does not have the resolution or type of its raster",
            where=tile.name,
            found=f"{steps[0]} x {steps[1]} m, {', '.join(dataset.dtypes)}",
            expected=f"{raster.resolution_m} m, one band of {expected}",
            remedy="derive the terrain again with one resolution",
        )


def _count(dataset: DatasetReader) -> int:
    n_cells = 0
    for _, window in dataset.block_windows(1):
        values = dataset.read(1, window=window)
        n_cells += int((np.isfinite(values) & (values != dataset.nodata)).sum())
    return n_cells


def _n_cells(path: Path) -> int:
    with rasterio.open(path) as dataset:
        return _count(dataset)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
