"""STAC 1.1: a static catalogue of everything that was published, with checksums, extents and origins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rasterio
from pydantic import Field
from rasterio.crs import CRS

from jnt_pipeline.area import Bounds
from jnt_pipeline.crs.france.territories import french_name
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.transform import Transformation
from jnt_pipeline.errors import ExportError
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.publication.extents import (
    bounds_of_layer,
    bounds_of_raster,
    globe_bounds,
    interval_of_layer,
    to_globe,
)
from jnt_pipeline.publication.origin import (
    coordinate_origin,
    interval_of_vintages,
    joined_provenance,
    sha256_of,
    single_code,
    territory_origin,
    with_operations,
    write_json,
)
from jnt_pipeline.publication.protocol import ExporterDeclaration, Publication, PublishedFile
from jnt_pipeline.territory.model import StoredPublication, Territory

if TYPE_CHECKING:
    import pystac
    from pystac.extensions.projection import ProjectionExtension

__all__ = ["StacExporter", "write_stac"]

_MULTIHASH_SHA256 = "1220"
# Multihash: function 0x12 (sha2-256), length 0x20 (32 bytes), then the digest.

_SPDX = {
    "licence ouverte 2.0": "etalab-2.0",
    "licence ouverte / open licence 2.0": "etalab-2.0",
    "etalab 2.0": "etalab-2.0",
    "odbl": "ODbL-1.0",
    "odbl 1.0": "ODbL-1.0",
    "cc by 4.0": "CC-BY-4.0",
    "cc0 1.0": "CC0-1.0",
    "mit": "MIT",
}
"""SPDX identifiers (https://spdx.org/licenses) of the licences that French producers use."""


class StacExporter(ExporterDeclaration):
    """A static STAC 1.1 catalogue of all publications, with relative links: the tree can move."""

    kind: Literal["stac"] = Field(default="stac", description="Name of the exporter.")

    @property
    def version(self) -> int:
        """Version of the output."""
        return 4

    @property
    def describes_publications(self) -> bool:
        """It runs after the others, and lists what they wrote."""
        return True

    def reads(self, layer_names: tuple[str, ...], raster_names: tuple[str, ...]) -> tuple[str, ...]:
        """Extents, dates and origins of all layers and rasters."""
        return (*layer_names, *raster_names)

    def transformations(
        self, reference: Reference, undulation: DeclaredUndulation | None
    ) -> tuple[Transformation, ...]:
        """To longitude and latitude, for the extents."""
        del undulation
        return (to_globe(reference),)

    def write(self, territory: Territory, folder: Path) -> Publication:
        """Write ``catalog.json`` and what it links to; see ``write_stac``."""
        return write_stac(territory, folder)


def write_stac(territory: Territory, folder: Path) -> Publication:
    """Write a catalogue with one collection, one item per publication and layer, one asset per published file.

    Publications stand beside ``folder``, each in a folder with the name of its exporter. Dates come from vintages, else
    from columns of dates, never from the clock. Raises ``ExportError`` when a published file is missing, or when
    nothing in the twin has a date.

    ``proj:code`` (or ``proj:projjson``) states the twin's reference, on an asset that of its own coordinates where they
    are in another one. Under our prefix: ``jnt:provenance`` with the coordinate operations in order, into the twin and
    out of it; ``jnt:accuracy_m``, stated accuracy of that chain (null: not stated); ``jnt:vertical_crs``;
    ``jnt:extent_operation``, by which ``bbox`` was had. The fields are described in docs/coordinates.md.

    Source: STAC 1.1.0, file extension 2.1.0, projection extension 2.0.0.
    """
    import pystac

    folder = folder.resolve()  # pystac makes its links absolute, then relative to one another
    contents = _contents(territory)
    collection = _collection(territory, contents)
    catalogue = pystac.Catalog(
        id=f"{territory.name}-catalogue",
        title=territory.title,
        description=f"Publications of the territorial digital twin {territory.title}",
    )
    catalogue.add_child(collection)
    catalogue.normalize_hrefs(str(folder))
    n_in = n_out = 0
    for publication in sorted(territory.publications.values(), key=lambda stored: stored.kind):
        n_in += len(publication.files)
        for item_id, files in _groups(publication):
            item = _item(territory, contents, publication, item_id, files)
            collection.add_item(item)
            item.set_self_href(str(folder / collection.id / item_id / f"{item_id}.json"))
            n_out += len(item.assets)
    catalogue.catalog_type = collection.catalog_type = pystac.CatalogType.SELF_CONTAINED
    listed = []
    items = sorted(collection.get_items(), key=lambda item: item.id)
    for entry, title in (
        (catalogue, "Catalogue (STAC 1.1)"),
        (collection, f"Collection of {territory.title}"),
        *((item, str(item.properties["title"])) for item in items),
    ):
        path = Path(entry.get_self_href() or "").relative_to(folder)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_json(folder / path, entry.to_dict(include_self_link=False))
        is_item = isinstance(entry, pystac.Item)
        listed.append(
            PublishedFile(
                path=path.as_posix(),
                media_type="application/geo+json" if is_item else "application/json",
                title=title,
                role="metadata",
            )
        )
    return Publication(
        files=tuple(listed),
        records_in={"published files": n_in},
        records_out={"published files": n_out},
        left_out={},
        operations=tuple(dict.fromkeys(to_globe(content.reference).operation for content in contents.values())),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What is known of one layer or raster, or of the whole twin."""

    provenance: Provenance | None
    reference: Reference
    bounds: Bounds
    interval: tuple[dt.datetime, dt.datetime] | None
    counts: Counts | None = None


def _contents(territory: Territory) -> dict[str, _Content]:
    """By name of layer or raster; under the empty name the twin as a whole."""
    contents = {
        name: _Content(
            provenance=layer.provenance,
            reference=layer.reference or territory.reference.flat(),
            bounds=bounds_of_layer(layer) or territory.bbox,
            interval=interval_of_layer(layer),
            counts=layer.counts,
        )
        for name, layer in sorted(territory.layers.items())
    }
    contents |= {
        name: _Content(
            provenance=raster.provenance,
            reference=raster.reference,
            bounds=bounds_of_raster(raster) or territory.bbox,
            interval=interval_of_vintages([raster.provenance.vintage]),
        )
        for name, raster in sorted(territory.rasters.items())
    }
    known = [content.interval for content in contents.values() if content.interval is not None]
    whole = (min(first for first, _ in known), max(last for _, last in known)) if known else None
    contents[""] = _Content(
        provenance=joined_provenance(c.provenance for c in contents.values() if c.provenance is not None),
        reference=territory.reference,
        bounds=territory.bbox,
        interval=whole,
    )
    return contents


def _collection(territory: Territory, contents: dict[str, _Content]) -> pystac.Collection:
    import pystac

    whole = contents[""]
    bounds = globe_bounds(whole.bounds, whole.reference)
    first, last = whole.interval if whole.interval is not None else (None, None)
    collection = pystac.Collection(
        id=territory.name,
        title=territory.title,
        description=f"Layers, rasters and models of {territory.title}, in {territory.reference}",
        extent=pystac.Extent(pystac.SpatialExtent([list(bounds)]), pystac.TemporalExtent([[first, last]])),
        license=_spdx(whole.provenance),
        providers=_providers(whole.provenance),
    )
    collection.extra_fields = {f"jnt:{key}": value for key, value in territory_origin(territory).items()}
    if whole.provenance is not None:
        collection.extra_fields |= _origin_fields(whole.provenance, whole.reference)
    return collection


def _groups(publication: StoredPublication) -> Iterator[tuple[str, list[PublishedFile]]]:
    """Files of one publication by the layer they carry."""
    by_layer: dict[str, list[PublishedFile]] = {}
    for file in publication.files:
        by_layer.setdefault(file.layer, []).append(file)
    for layer, files in sorted(by_layer.items()):
        yield f"{publication.kind}-{layer}" if layer else publication.kind, files


def _item(
    territory: Territory,
    contents: dict[str, _Content],
    publication: StoredPublication,
    item_id: str,
    files: list[PublishedFile],
) -> pystac.Item:
    import pystac
    from pystac.extensions.file import FileExtension
    from pystac.extensions.projection import ProjectionExtension

    content = contents.get(files[0].layer, contents[""])
    interval = content.interval or contents[""].interval
    if interval is None:
        raise ExportError(
            "no layer of the twin has a date, and STAC requires one",
            where=item_id,
            expected="a year, YYYY-MM or YYYY-MM-DD in the vintage of a source",
            remedy="state vintage in the sources of the territory's YAML",
        )
    west, south, east, north = bounds = globe_bounds(content.bounds, content.reference)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    provenance = content.provenance
    if provenance is not None:
        provenance = with_operations(provenance, *publication.operations)
    item = pystac.Item(
        id=item_id,
        geometry={"type": "Polygon", "coordinates": [ring]},
        bbox=list(bounds),
        datetime=None,
        start_datetime=interval[0],
        end_datetime=interval[1],
        properties={
            "title": files[0].title,
            "license": _spdx(provenance),
            **{f"jnt:{key}": value for key, value in territory_origin(territory).items()},
            "jnt:horizontal_crs": content.reference.horizontal,
            "jnt:vertical_crs": content.reference.vertical,
            "jnt:reference_name": french_name(content.reference.code),
        },
    )
    if provenance is not None:
        item.properties |= _origin_fields(provenance, content.reference)
        item.properties["providers"] = [provider.to_dict() for provider in _providers(provenance)]
    if content.counts is not None:
        item.properties["jnt:counts"] = content.counts.model_dump(mode="json")
    _project(ProjectionExtension.ext(item, add_if_missing=True), content.reference, content.bounds)
    FileExtension.add_to(item)
    for file in files:
        item.add_asset(file.path, _asset(publication, file))
        _describe(item.assets[file.path], publication, file)
    return item


def _project(projection: ProjectionExtension[Any], reference: Reference, bounds: Bounds | None = None) -> None:
    code = single_code(reference)
    projection.code = code
    if code is None:
        # No single code (2975+5758 ...): the whole definition, both parts of it.
        projection.projjson = CRS.from_user_input(reference.code).to_dict(projjson=True)
    if bounds is not None:
        projection.bbox = list(bounds)


def _asset(publication: StoredPublication, file: PublishedFile) -> pystac.Asset:
    import pystac

    # The item stands three folders below the publications: stac/<collection>/<item>/<item>.json.
    return pystac.Asset(
        href=f"../../../{publication.kind}/{file.path}",
        title=file.title,
        media_type=file.media_type,
        roles=[file.role],
    )


def _describe(asset: pystac.Asset, publication: StoredPublication, file: PublishedFile) -> None:
    """Size, checksum, and what the file itself says of its grid."""
    from pystac.extensions.file import FileExtension
    from pystac.extensions.projection import ProjectionExtension

    path = publication.folder / file.path
    if not path.is_file():
        raise ExportError(
            "a published file is missing",
            where=f"{publication.kind}/{file.path}",
            expected="the file that the exporter listed",
            remedy=f"export {publication.kind} again",
        )
    described = FileExtension.ext(asset)
    described.size = path.stat().st_size
    described.checksum = _MULTIHASH_SHA256 + sha256_of(path)
    if file.crs:
        ProjectionExtension.ext(asset).code = file.crs
    if file.media_type.startswith("image/tiff"):
        with rasterio.open(path) as dataset:
            projection = ProjectionExtension.ext(asset)
            projection.shape = [dataset.height, dataset.width]
            projection.transform = [float(value) for value in dataset.transform[:6]]
            asset.extra_fields["bands"] = [
                {"name": file.layer, "data_type": dataset.dtypes[0], "nodata": "nan", "unit": "m"}
            ]


def _origin_fields(provenance: Provenance, reference: Reference) -> dict[str, Any]:
    """The same words as in every other publication, under our prefix; and the operation behind ``bbox``."""
    return {
        "jnt:licence": provenance.licence,
        "jnt:vintage": provenance.vintage,
        **{f"jnt:{key}": value for key, value in coordinate_origin(provenance).items()},
        "jnt:extent_operation": to_globe(reference).operation.model_dump(mode="json"),
    }


def _spdx(provenance: Provenance | None) -> str:
    """The SPDX identifier; ``other`` for several licences or one without identifier (its words are in jnt:licence)."""
    return "other" if provenance is None else _SPDX.get(provenance.licence.strip().lower(), "other")


def _providers(provenance: Provenance | None) -> list[pystac.Provider]:
    import pystac

    names: Iterable[str] = [] if provenance is None else provenance.producer.split("; ")
    return [
        pystac.Provider(name=name, roles=[pystac.ProviderRole.PRODUCER, pystac.ProviderRole.LICENSOR])
        for name in names
        if name
    ]
