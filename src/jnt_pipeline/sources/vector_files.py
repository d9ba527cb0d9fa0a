"""Features of any file that GDAL reads (*couche vecteur*), and of GeoParquet, as Arrow batches with WKB."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import SourceError, UnreadableError, UnsupportedError
from jnt_pipeline.sources.any_geometry import HEARING
from jnt_pipeline.sources.vector_soundness import at_hand, dbf_encoding, is_json, require_whole

if TYPE_CHECKING:
    from jnt_pipeline.base_layers.columns import LayerSchema
    from jnt_pipeline.base_layers.streams import LayerStream, NativeBatch, Rejection
    from jnt_pipeline.provenance import Provenance

__all__ = ["GEOMETRY", "Features", "Mapping", "layer_names", "open_features", "stream"]

logger = logging.getLogger(__name__)

GEOMETRY = "geometry"
"""Name of the geometry in every batch, whatever the file calls it."""

RECORDS_AT_ONCE = 16_384
"""Records in a batch: a few megabytes of parcels, and no gigabytes of communes."""

Mapping = Callable[[pa.RecordBatch, int], "tuple[pa.RecordBatch, tuple[Rejection, ...]]"]
"""From a batch of the file and the number of its first record: the columns of a schema with ``geometry``, and the
records set aside."""

_LONLAT = "OGC:CRS84"
_GDAL_OPTIONS = {"GML_FIELDTYPES": "ALWAYS_STRING", "OGR_GPKG_NUM_THREADS": "1"}
"""GML without a scheme states no types, and GDAL would make a number of the code 01004. Several threads read a
GeoPackage no sooner than one, for 40 % more CPU time: units of work run side by side as it is."""
_SCANNED = "GeoJSON, scanned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What one layer of a file holds, before it is read."""

    path: Path
    driver: str
    """GDAL's name of the format (``GPKG``, ``ESRI Shapefile``, ``GML``, …), ``Parquet``, or ``GeoJSON, scanned``."""
    layer: str
    """Name of the layer in the file."""
    columns: pa.Schema
    """Attributes with their Arrow types; the geometry is not among them."""
    crs: str
    """Reference as the file states it: a code, WKT or PROJJSON; empty when it states none."""
    n_features: int | None
    """Number of records that the file states or that were counted; None where only reading tells."""
    geometry_type: str
    """As GDAL says it: ``Polygon``, ``MultiPolygon Z``, ``Unknown``; empty for a table."""
    notes: tuple[str, ...] = ()
    """What a reader must know: warnings of GDAL, an attribute table that is missing, a false encoding."""
    encoding: str | None = field(default=None, repr=False)
    """Encoding of a DBF, where its text was looked at."""

    @property
    def reference(self) -> Reference | None:
        """The reference that the file states, as EPSG codes; None when it states none.

        Raises ``MissingCrsError`` when what it states is no known system.
        """
        if not self.crs:
            return None
        from jnt_pipeline.crs.identify import reference_of

        return reference_of(self.crs, where=self.path.name)

    def batches(self, *, records_at_once: int = RECORDS_AT_ONCE) -> Iterator[pa.RecordBatch]:
        """The records in their order: attributes, then ``geometry`` as WKB (null for none; all null for a table).

        Raises ``UnreadableError`` when the file turns out to be damaged, or ends before its last record.
        """
        n_read = 0
        opened = _OPENERS.get(self.driver, _gdal_batches)
        try:
            for batch in opened(self, records_at_once):
                n_read += batch.num_rows
                yield batch
        except (pa.ArrowException, OSError, RuntimeError) as error:
            raise _damaged(self.path, str(error)) from error
        if self.n_features is not None and n_read < self.n_features:
            raise _damaged(self.path, f"{n_read:,} records can be read, {self.n_features:,} were announced")


def layer_names(path: Path) -> tuple[str, ...]:
    """Names of the layers of a file, in its order. Raises ``UnreadableError``."""
    if _is_parquet(path):
        return (path.stem,)
    from jnt_pipeline.libraries.gdal import pyogrio

    with at_hand(path) as place, _gdal_errors(path, place), _heard():
        return tuple(str(name) for name, _ in pyogrio.list_layers(place))


def open_features(path: Path, *, layer: str | None = None, columns: pa.Schema | None = None) -> Features:
    """Describe one layer of a file: GeoPackage, shapefile (zipped or not), GML, GeoJSON (gzip or not), FlatGeobuf, …

    Parameters
    ----------
    layer
        Name of the layer; may be left out when the file has a single one, or a single one with a geometry.
    columns
        Of GeoJSON (gzip or not): properties to read, with their types. The file is then read once, in windows and by
        kernels of this package, and nothing is guessed: ``numero`` stays text. Other formats state their columns.

    Raises
    ------
    UnreadableError
        The file is damaged, cut short, or of a kind that GDAL does not know.
    UnsupportedError
        GeoParquet whose geometry is not WKB.
    SourceError
        The layer is not there, or has to be named.
    """
    if _is_parquet(path):
        return _open_parquet(path, layer)
    if columns is not None and is_json(path):
        return _open_json(path, columns)
    return _open_by_gdal(path, layer)


def stream(
    features: Features,
    schema: LayerSchema,
    mapping: Mapping,
    reference: Reference,
    provenance: Provenance,
    *,
    records_at_once: int = RECORDS_AT_ONCE,
) -> LayerStream:
    """The records of a file as a native layer that is read batch by batch.

    Parameters: ``mapping`` turns a batch of the file into the columns of ``schema``; ``reference`` is that of the
    coordinates, stated by the file or declared. The notes of the file go to the provenance.
    """
    from jnt_pipeline.base_layers.streams import LayerStream, NativeBatch

    def batches() -> Iterator[NativeBatch]:
        first = 0
        for batch in features.batches(records_at_once=records_at_once):
            table, rejected = mapping(batch, first)
            yield NativeBatch(table=table, first_record=first, rejected=rejected)
            first += batch.num_rows

    noted = provenance.model_copy(update={"notes": tuple(dict.fromkeys((*provenance.notes, *features.notes)))})
    return LayerStream(
        schema=schema, reference=reference, provenance=noted, batches=batches, n_records=features.n_features
    )


def _open_by_gdal(path: Path, layer: str | None) -> Features:
    from jnt_pipeline.libraries.gdal import pyogrio

    pyogrio.set_gdal_config_options(_GDAL_OPTIONS)
    with at_hand(path) as place, _gdal_errors(path, place), _heard() as notes:
        require_whole(place, where=path.name)
        chosen = _chosen(path, [(str(name), kind) for name, kind in pyogrio.list_layers(place)], layer)
        encoding, told = dbf_encoding(place)
        found = pyogrio.read_info(place, layer=chosen, encoding=encoding, force_feature_count=True)
        with pyogrio.open_arrow(place, layer=chosen, encoding=encoding, use_pyarrow=True) as (meta, reader):
            columns = pa.schema([item for item in reader.schema if not _is_geometry(item, meta)])
    return Features(
        path=path,
        driver=str(found["driver"]),
        layer=chosen,
        columns=columns,
        crs=str(meta["crs"] or ""),
        n_features=int(found["features"]),
        geometry_type=str(found["geometry_type"] or ""),
        notes=tuple(dict.fromkeys((*told, *notes))),
        encoding=encoding,
    )


def _gdal_batches(features: Features, records_at_once: int) -> Iterator[pa.RecordBatch]:
    from jnt_pipeline.libraries.gdal import pyogrio

    pyogrio.set_gdal_config_options(_GDAL_OPTIONS)
    with at_hand(features.path) as place:
        with _gdal_errors(features.path, place), _heard():
            opened = pyogrio.open_arrow(
                place,
                layer=features.layer,
                encoding=features.encoding,
                batch_size=records_at_once,
                use_pyarrow=True,
            )
            meta, reader = opened.__enter__()
        try:
            shape = next((item.name for item in reader.schema if _is_geometry(item, meta)), None)
            while True:
                with _heard() as told:
                    batch = next(reader, None)
                for one in told:
                    logger.warning("%s: %s", features.path.name, one)
                if batch is None:
                    return
                named = _named(batch, features.columns.names, shape)
                yield _readable(named) if features.encoding == "UTF-8" else named
        finally:
            opened.__exit__(None, None, None)


def _named(batch: pa.RecordBatch, names: list[str], shape: str | None) -> pa.RecordBatch:
    """Attributes, then ``geometry``."""
    geometry = pa.nulls(batch.num_rows, pa.binary()) if shape is None else batch[shape]
    if isinstance(geometry, pa.ExtensionArray):
        geometry = geometry.storage
    return pa.RecordBatch.from_arrays([*(batch[name] for name in names), geometry], [*names, GEOMETRY])


def _readable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """With � for the letters that the width of a DBF's field has cut in two: Arrow's text is UTF-8 throughout."""
    columns = []
    for column in batch.columns:
        try:
            column.validate(full=True)
            columns.append(column)
        except pa.ArrowInvalid:
            raw = column.cast(pa.binary()).to_pylist()
            columns.append(pa.array([None if text is None else text.decode(errors="replace") for text in raw]))
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _is_geometry(item: pa.Field, meta: dict[str, Any]) -> bool:
    """Whether a field of GDAL's stream is the geometry; it is named ``wkb_geometry`` where the file has no name."""
    return bool(meta["geometry_type"]) and item.name == (meta["geometry_name"] or "wkb_geometry")


def _chosen(path: Path, layers: list[tuple[str, object]], layer: str | None) -> str:
    names = [name for name, _ in layers]
    if layer is None:
        shaped = [name for name, kind in layers if kind is not None]
        found = names if len(names) == 1 else shaped
        if len(found) == 1:
            return found[0]
    elif layer in names:
        return layer
    raise SourceError(
        "the file has several layers" if layer is None and names else f"the file has no layer {layer or ''}".rstrip(),
        where=path.name,
        found=", ".join(names) or "no layer",
        expected="the name of one of them" if names else "a layer of features",
        remedy="name the layer in the declaration of the source" if names else "ask the producer for a file with data",
    )


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError as error:
        raise _damaged(path, str(error.strerror or error)) from error


def _open_parquet(path: Path, layer: str | None) -> Features:
    import pyarrow.parquet as pq

    if layer is not None:
        _chosen(path, [(path.stem, "")], layer)
    try:
        schema = pq.read_schema(path)
        n_features = pq.read_metadata(path).num_rows
        geo = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    shape = geo.get("primary_column")
    column: dict[str, Any] = geo.get("columns", {}).get(shape, {})
    if shape is not None and column.get("encoding") != "WKB":
        raise UnsupportedError(
            "GeoParquet whose geometry is not WKB: not read by this version",
            where=path.name,
            found=str(column.get("encoding")),
            expected="WKB",
            remedy="write the file with the encoding WKB",
        )
    crs = column.get("crs", _LONLAT) if shape is not None else None  # absent means longitude, latitude; null: unknown
    covering = {part[0] for part in column.get("covering", {}).get("bbox", {}).values()}
    types = sorted(column.get("geometry_types", []))
    return Features(
        path=path,
        driver="Parquet",
        layer=path.stem,
        columns=pa.schema([item for item in schema if item.name not in {shape, *covering}]),
        crs=json.dumps(crs) if isinstance(crs, dict) else str(crs or ""),
        n_features=n_features,
        geometry_type=("Unknown" if len(types) != 1 else types[0]) if shape is not None else "",
    )


def _parquet_batches(features: Features, records_at_once: int) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(features.path) as file:
        geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        shape = geo.get("primary_column")
        names = features.columns.names
        for batch in file.iter_batches(records_at_once, columns=[*names, *([shape] if shape else [])]):
            yield _named(batch, names, shape)


def _open_json(path: Path, columns: pa.Schema) -> Features:
    from jnt_pipeline.sources.geojson_scan.reader import stated_crs

    return Features(
        path=path,
        driver=_SCANNED,
        layer=path.name.split(".")[0],
        columns=columns,
        crs=stated_crs(path),
        n_features=None,
        geometry_type="Unknown",
    )


def _json_batches(features: Features, records_at_once: int) -> Iterator[pa.RecordBatch]:
    from jnt_pipeline.sources.geojson_scan.reader import read_batches

    return read_batches(features.path, features.columns, records_at_once)


_OPENERS = {"Parquet": _parquet_batches, _SCANNED: _json_batches}
"""Who reads the formats that GDAL does not read here."""


@contextmanager
def _gdal_errors(path: Path, place: Path) -> Iterator[None]:
    """Errors of GDAL on ``place``, the file at hand, as ours: what the file itself tells of the damage comes first."""
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        yield
    except (DataSourceError, DataLayerError) as error:
        require_whole(place, where=path.name)
        found = str(error)
        if "not recognized" in found:
            with place.open("rb") as file:
                begin = file.read(60).decode("latin-1").strip().partition("\n")[0].strip()
            found = f"a file that begins with {begin!r}"
        raise _damaged(path, found) from error


@contextmanager
def _heard() -> Iterator[list[str]]:
    """The warnings of GDAL while a file is opened, as texts without the folders of this machine."""
    notes: list[str] = []
    with HEARING:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield notes
        notes += dict.fromkeys(_without_folders(str(one.message)) for one in caught)


def _without_folders(text: str) -> str:
    return " ".join(word if word == "I/O" else word.rsplit("/", 1)[-1] for word in text.split())


def _damaged(path: Path, found: str) -> UnreadableError:
    return UnreadableError(
        "the file is damaged, cut short, or of no kind that can be read",
        where=path.name,
        found=_without_folders(found)[:300],
        expected="a whole file of features: GeoPackage, shapefile, GML, GeoJSON, FlatGeobuf, GeoParquet",
        remedy="download the file again, with all the files that belong to it",
    )
