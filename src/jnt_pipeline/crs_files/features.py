"""Vector files (GeoPackage, GeoJSON, shapefile, FlatGeobuf, GeoParquet) moved to another reference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.crs.france.territories import compound_of
from jnt_pipeline.crs.identify import reference_of
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.refusals import refused_records
from jnt_pipeline.crs.systems import canonical
from jnt_pipeline.crs.transform import Transformation, transform_geometries, transformation
from jnt_pipeline.crs_files.moved import AUTO, Moved, Refused, agreed_reference, detail_of, reason_of, whole_file
from jnt_pipeline.errors import ConfigError, EmptySourceError, ExportError, MissingCrsError, UnreadableError
from jnt_pipeline.provenance import Counts

__all__ = ["DRIVERS", "move_features"]

DRIVERS = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".shp": "ESRI Shapefile",
    ".fgb": "FlatGeobuf",
    ".parquet": "",
    ".geoparquet": "",
}
"""Suffix of a file that can be written, and the GDAL driver that writes it; none: GeoParquet, which we write."""

_DAY = "2000-01-01T00:00:00.000Z"  # GeoPackage and dBASE note the day of writing: the same input gives the same bytes


def move_features(
    source: str, target: str, file: Path, out: Path, *, layer: str | None = None, set_aside: bool = False
) -> Moved:
    """Write the features of ``file`` in ``target``; columns, order and geometry types stay.

    Z of a geometry is its height, and is moved with it; geometries without Z are moved in the plane. The reference is
    written as a compound system where there is Z. Features without geometry stay as they are.

    Raises ``UnreadableError``, ``ConfigError`` for a layer or suffix that is none, ``CrsError`` (nothing is written),
    unless ``set_aside``: then the features that are refused are left out, and returned.
    """
    driver = _driver(out)
    frame, stated = _read(file, layer)
    reference, notes = agreed_reference(source, _stated(stated, file, source), file.name)
    geometries = np.asarray(frame.geometry.array, dtype=object)
    has_z = bool(shapely.has_z(geometries).any())
    end = canonical(target)
    if not has_z:  # in the plane: what the references say of heights is not asked for
        reference, end = _flat(reference), _flat(end)
    change = transformation(reference, end)
    refused = _refused(change, geometries, frame) if set_aside else ()
    kept = np.ones(len(frame), dtype=bool)
    kept[[int(one.record.split()[1]) - 1 for one in refused]] = False
    frame = frame[kept]
    moved = frame.set_geometry(
        gpd.GeoSeries(transform_geometries(geometries[kept], change), index=frame.index, crs=_written(end, has_z))
    )
    reasons: dict[str, int] = {}
    for one in refused:
        reasons[one.reason] = reasons.get(one.reason, 0) + 1
    result = Moved(
        operation=change.operation,
        counts=Counts(read=len(geometries), kept=len(moved), rejected=reasons),
        notes=notes,
        refused=refused,
    )
    with whole_file(out) as scratch:
        _write(moved, scratch, driver, layer or _layer_name(file), result)
    return result


def _driver(out: Path) -> str:
    driver = DRIVERS.get(out.suffix.lower())
    if driver is None:
        raise ConfigError(
            "features cannot be written in a file of this name",
            where="--out",
            found=out.name,
            expected=f"a suffix among {', '.join(DRIVERS)}",
            remedy="choose one of these formats",
        )
    return driver


def _read(file: Path, layer: str | None) -> tuple[gpd.GeoDataFrame, pyproj.CRS | None]:
    from jnt_pipeline.libraries.gdal import pyogrio

    try:
        if file.suffix.lower() in {".parquet", ".geoparquet"}:
            frame = gpd.read_parquet(file, to_pandas_kwargs={"types_mapper": _exact_types().get})
        else:
            names = [str(name) for name in pyogrio.list_layers(file)[:, 0]]
            frame = _read_layer(file, _chosen(names, layer, file))
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, OSError) as error:
        raise UnreadableError(
            "the features cannot be read",
            where=file.name,
            found=str(error).splitlines()[0],
            expected="a GeoPackage, GeoJSON, shapefile, FlatGeobuf or GeoParquet file with a geometry",
            remedy="open it with `jnt check`, or download it again",
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise EmptySourceError(
            "the layer has no geometry", where=file.name, expected="features", remedy="choose another with --layer"
        )
    return frame, frame.crs


def _read_layer(file: Path, layer: str) -> gpd.GeoDataFrame:
    """All features; whole numbers and truth values with gaps keep their type, which pandas alone makes decimals."""
    from jnt_pipeline.libraries.gdal import pyogrio

    frame = pyogrio.read_dataframe(file, layer=layer, fid_as_index=False)
    info = pyogrio.read_info(file, layer=layer)
    gaps = [
        str(name)
        for name, kind in zip(info["fields"], info["dtypes"], strict=True)
        if str(kind).startswith(("int", "bool")) and str(frame[name].dtype) != str(kind)
    ]
    if gaps:
        exact = pyogrio.read_dataframe(
            file,
            layer=layer,
            columns=gaps,
            read_geometry=False,
            use_arrow=True,
            arrow_to_pandas_kwargs={"types_mapper": _exact_types().get},
        )
        frame[gaps] = exact[gaps]
    return frame


def _exact_types() -> dict[pa.DataType, Any]:
    """Types of pandas that know a missing value among whole numbers and truth values."""
    return {
        pa.bool_(): pd.BooleanDtype(),
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
    }


def _chosen(names: list[str], layer: str | None, file: Path) -> str:
    if (layer is None and len(names) == 1) or layer in names:
        return layer or names[0]
    raise ConfigError(
        "no such layer" if layer else "the file has several layers",
        where=file.name,
        found=layer or f"{len(names)} layers",
        expected=f"one of {', '.join(names)}",
        remedy=f"write --layer {names[0] if names else 'NAME'}",
    )


def _layer_name(file: Path) -> str:
    return file.name.split(".")[0]


def _stated(crs: pyproj.CRS | None, file: Path, given: str) -> Reference | None:
    """What the file says. A GeoJSON without ``crs`` is WGS 84 by RFC 7946, unless the user says otherwise."""
    if crs is None or (given.lower() != AUTO and _is_silent_geojson(file)):
        return None
    try:
        return reference_of(crs, where=file.name)
    except MissingCrsError:
        if given.lower() == AUTO:
            raise
        return None


def _is_silent_geojson(file: Path) -> bool:
    if file.suffix.lower() not in {".json", ".geojson"}:
        return False
    document = json.loads(file.read_bytes())
    return isinstance(document, dict) and "crs" not in document


def _flat(reference: Reference) -> Reference:
    """Without heights: no vertical code, and two axes instead of three."""
    crs = pyproj.CRS(reference.horizontal)
    if crs.is_geographic and len(crs.axis_info) == 3:
        return reference_of(crs.to_2d())
    return reference.flat()


def _written(end: Reference, has_z: bool) -> pyproj.CRS:
    if not has_z or end.vertical is None:
        return pyproj.CRS(end.horizontal)
    return pyproj.CRS(compound_of(end.horizontal, end.vertical) or end.code)


def _refused(change: Transformation, geometries: NDArray[np.object_], frame: gpd.GeoDataFrame) -> tuple[Refused, ...]:
    coordinates, record = shapely.get_coordinates(
        geometries, include_z=bool(shapely.has_z(geometries).any()), return_index=True
    )
    attributes = frame.drop(columns=frame.geometry.name)
    found = []
    for row, error in refused_records(change, coordinates, record.astype(np.int64)).items():
        values = {str(name): value for name, value in attributes.iloc[row].items()}
        content = json.dumps({**values, "geometry": shapely.to_wkt(geometries[row])}, ensure_ascii=False, default=str)
        found.append(
            Refused(record=f"feature {row + 1}", reason=reason_of(error), detail=detail_of(error), content=content)
        )
    return tuple(found)


def _write(frame: gpd.GeoDataFrame, path: Path, driver: str, layer: str, result: Moved) -> None:
    from jnt_pipeline.libraries.gdal import pyogrio

    said = result.document()
    if not driver:
        write_layer_parquet(frame.reset_index(drop=True), path, metadata={"jnt": said})
        return
    options: dict[str, Any] = {"layer": layer, "driver": driver}
    match driver:
        case "GPKG":
            options |= {"layer_metadata": {"jnt": said}, "dataset_options": {"VERSION": "1.3"}}
        case "GeoJSON":
            # RFC 7946 knows degrees of WGS 84 alone; other systems go by the older member `crs`, which GDAL reads.
            options |= {"layer_options": {"DESCRIPTION": said, "COORDINATE_PRECISION": "10"}}
        case "FlatGeobuf":
            # Its index has no place for a feature without geometry, and no record may be lost.
            index = "NO" if frame.geometry.isna().any() or frame.geometry.is_empty.any() else "YES"
            options |= {"layer_options": {"DESCRIPTION": said, "SPATIAL_INDEX": index}}
        case _:
            options |= {"layer_options": {"ENCODING": "UTF-8", "DBF_DATE_LAST_UPDATE": _DAY[:10]}}
    try:
        with _fixed_day():
            pyogrio.write_dataframe(frame, path, **options)
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.FeatureError,
        pyogrio.errors.FieldError,
        ValueError,
    ) as error:
        raise ExportError(
            "the features cannot be written in this format",
            where=path.name,
            found=str(error).splitlines()[0],
            expected=f"columns and geometries that {driver} can hold",
            remedy="choose another format, such as .gpkg",
        ) from error


@contextmanager
def _fixed_day() -> Iterator[None]:
    from jnt_pipeline.libraries.gdal import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _DAY})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
