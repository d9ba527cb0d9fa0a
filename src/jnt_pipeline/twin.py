"""The index of a twin on disk: which files of the workspace are its layers, rasters and publications."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jnt_pipeline.area import AreaOfInterest, Bounds
from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.parquet import read_layer_parquet, write_layer_parquet
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.base_layers.streams import StreamedLayer, origin_text
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.errors import WorkspaceError
from jnt_pipeline.provenance import Counts, Operation, Provenance
from jnt_pipeline.store import Record, Workspace, canonical_json
from jnt_pipeline.territory.model import PublishedFile, StoredLayer, StoredPublication, StoredRaster, Territory

__all__ = [
    "ASSEMBLED",
    "INGESTED",
    "TWIN",
    "Edition",
    "LayerEntry",
    "LayerOrigin",
    "PublicationEntry",
    "RasterEntry",
    "TwinIndex",
    "layer_entries",
    "needed_units",
    "open_twin",
    "read_origin",
    "schema_of",
    "stored_layer",
    "stored_part",
    "write_layer",
    "write_origin",
]

TWIN = "twin.json"
"""The last published state."""
ASSEMBLED = "index/assemble.json"
"""The state after the last ``assemble``."""
INGESTED = "index/ingest.json"
"""The state after the last ``ingest``."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LayerOrigin(_Document):
    """What is said of a layer, or of a part of it, beside its records."""

    reference: Reference | None
    provenance: Provenance
    counts: Counts
    own_schema: LayerSchema | None = Field(default=None, description="What a layer of a user's own file promises.")


class LayerEntry(LayerOrigin):
    """One layer: its parts, one per unit, and what they have in common."""

    parts: dict[str, str] = Field(description="SHA-256 by path relative to the workspace, in the order of the units.")
    rejected: tuple[str, ...] = Field(description="Files of the records set aside, relative to the workspace.")


class Edition(_Document):
    """Which edition (*millésime*) of a layer the twin shows, and what it is compared with."""

    number: int = Field(ge=1, description="1 for the first edition that this twin saw, one more for each other one.")
    reference: Reference = Field(description="Of the twin: editions in another one are not compared.")
    area: AreaOfInterest | None = Field(description="Of the twin: another one shows other things, nothing changed.")
    is_told: bool = Field(default=True, description="Whether its changes are told: they are not when the area changed.")
    raw: dict[str, str] = Field(description="Parts as ingest made them: SHA-256 by path, in the order of the units.")
    before: LayerEntry | None = Field(default=None, description="The layer of the edition before, as it was published.")
    vintage: str = Field(default="", description="As the producer wrote it when the twin first saw this edition.")
    shown: dict[str, str] = Field(
        default_factory=dict, description="Part that the twin shows, by SHA-256 of the raw one."
    )
    before_vintage: str = Field(default="", description="The same of the edition before.")
    before_shown: dict[str, str] = Field(default_factory=dict, description="The same of the edition before.")
    aliases: dict[str, str] = Field(default_factory=dict, description="Register of ids as of the edition before.")
    own_aliases: dict[str, str] = Field(default_factory=dict, description="Register of ids as of this edition.")


class RasterEntry(_Document):
    """One raster: its tiles."""

    tiles: dict[str, str] = Field(description="SHA-256 by path relative to the workspace.")
    reference: Reference
    resolution_m: float
    provenance: Provenance


class PublicationEntry(_Document):
    """What one exporter wrote."""

    folder: str = Field(description="Relative to the workspace.")
    files: tuple[dict[str, str], ...]
    outputs: dict[str, str] = Field(description="SHA-256 by path relative to the folder.")
    exporter: dict[str, Any] = Field(description="Declaration of the exporter.")
    twin: dict[str, Any] = Field(description="Name, reference and extent of the twin that it was made from.")
    made_from: dict[str, str] = Field(description="Checksums of what it was made from; other ones now: it is stale.")
    records_in: dict[str, int]
    records_out: dict[str, int]
    left_out: dict[str, int]
    operations: tuple[Operation, ...] = Field(
        default=(), description="Coordinate operations that brought the content out of the twin's reference, in order."
    )


class TwinIndex(_Document):
    """The twin as of the last complete stage."""

    name: str
    title: str
    reference: Reference
    undulation: DeclaredUndulation | None
    bbox: Bounds
    layers: dict[str, LayerEntry]
    rasters: dict[str, RasterEntry] = {}
    publications: dict[str, PublicationEntry] = {}
    editions: dict[str, Edition] = Field(default_factory=dict, description="Edition of each layer that is compared.")
    units: tuple[tuple[str, str, str], ...] = Field(description="(step, unit, key) of everything it is made of.")

    @classmethod
    def read(cls, workspace: Workspace, name: str) -> Self:
        """Read one of ``TWIN``, ``ASSEMBLED``, ``INGESTED``; raises ``WorkspaceError`` when no run came so far."""
        content = workspace.read_document(name)
        if content is None:
            raise WorkspaceError(
                "the twin is not there yet",
                where=workspace.root,
                found=f"no {name}",
                remedy="run `jnt run CONFIG --workspace DIR`",
            )
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise WorkspaceError(
                "the index of the twin is damaged, or of another version",
                where=workspace.root / name,
                found=error.errors()[0]["msg"],
                remedy="run `jnt run CONFIG --workspace DIR` again: what was made is kept",
            ) from error

    def with_layers(self, layers: Mapping[str, LayerEntry]) -> Self:
        """The same with more layers, or others of their names."""
        return self.model_copy(update={"layers": self.layers | dict(layers)})

    @classmethod
    def latest(cls, workspace: Workspace) -> Self:
        """The twin as last published; before the first publication, as far as a run has come."""
        for name in (TWIN, ASSEMBLED):
            if workspace.read_document(name) is not None:
                return cls.read(workspace, name)
        return cls.read(workspace, INGESTED)

    def write(self, workspace: Workspace, name: str) -> None:
        """Write it whole or not at all."""
        workspace.write_document(name, self.model_dump(mode="json"))

    def territory(self, workspace: Workspace) -> Territory:
        """The twin as users and exporters see it."""
        root = workspace.root
        return Territory(
            name=self.name,
            title=self.title,
            reference=self.reference,
            undulation=self.undulation,
            bbox=self.bbox,
            layers={name: stored_layer(root, name, entry) for name, entry in self.layers.items()},
            rasters={
                name: StoredRaster(
                    name=name,
                    tiles=tuple(root / tile for tile in entry.tiles),
                    reference=entry.reference,
                    resolution_m=entry.resolution_m,
                    provenance=entry.provenance,
                )
                for name, entry in self.rasters.items()
            },
            publications={
                kind: StoredPublication(
                    kind=kind,
                    folder=root / entry.folder,
                    files=tuple(PublishedFile(**file) for file in entry.files),
                    operations=entry.operations,
                )
                for kind, entry in self.publications.items()
            },
        )

    def checksums(self, names: Iterable[str]) -> dict[str, str]:
        """Checksums of everything the named layers and rasters are made of, counts and origin included."""
        found: dict[str, str] = {}
        for name in names:
            entry = self.layers.get(name) or self.rasters.get(name)
            if entry is not None:
                files = entry.parts if isinstance(entry, LayerEntry) else entry.tiles
                found |= {f"{name}/{number:05d}": checksum for number, checksum in enumerate(files.values())}
                origin = entry.model_dump(mode="json", include={"reference", "provenance", "counts"})
                found[f"{name}/origin"] = hashlib.sha256(canonical_json(origin)).hexdigest()
        return found


def stored_layer(root: Path, name: str, entry: LayerEntry) -> StoredLayer:
    """The layer as users see it, in the workspace ``root``."""
    return StoredLayer(
        name=name,
        parts=tuple(root / part for part in entry.parts),
        rejected_parts=tuple(root / part for part in entry.rejected),
        reference=entry.reference,
        provenance=entry.provenance,
        counts=entry.counts,
        schema=schema_of(name, entry),
    )


def open_twin(workspace: str | Path) -> Territory:
    """The twin in a workspace; raises ``WorkspaceError`` when there is none."""
    opened = Workspace.at(Path(workspace))
    return TwinIndex.latest(opened).territory(opened)


def needed_units(workspace: Workspace) -> set[tuple[str, str, str]]:
    """(step, unit, key) of all that the published twin, the newest stages and an unfinished run are made of.

    The edition before the present one is needed too: the changes are told from it.
    """
    needed = workspace.planned_units()
    for name in (INGESTED, ASSEMBLED, TWIN):
        if workspace.read_document(name) is not None:
            index = TwinIndex.read(workspace, name)
            needed |= set(index.units)
            for edition in index.editions.values():
                needed |= _makers((*edition.raw, *edition.aliases, *edition.own_aliases))
                if edition.before is not None:
                    needed |= _makers((*edition.before.parts, *edition.before.rejected))
    return needed


def _makers(paths: Iterable[str]) -> set[tuple[str, str, str]]:
    """(step, unit, key) that made files of the workspace."""
    return {(parts[1], parts[2], parts[3]) for path in paths if (parts := path.split("/"))[0] == "units"}


def write_layer(layer: Layer, folder: Path) -> None:
    """Write a base or derived layer into the scratch folder of a unit: records, rejected ones, and their origin."""
    write_layer_parquet(layer.frame, folder / f"{layer.name}.parquet", metadata={"jnt": origin_text(layer)})
    write_origin(layer, folder)


def write_origin(layer: Layer | StreamedLayer, folder: Path) -> None:
    """Write what is beside the records of a layer: those set aside, and its origin with the counts."""
    write_layer_parquet(layer.rejected, folder / f"{layer.name}.rejected.parquet")
    (folder / f"{layer.name}.json").write_text(origin_text(layer) + "\n", encoding="utf-8")


def read_origin(part: Path) -> LayerOrigin:
    """What is said of the records in ``part`` (``<layer>.parquet``), from the file beside it."""
    return LayerOrigin.model_validate_json(part.with_suffix(".json").read_bytes())


def stored_part(name: str, part: Path) -> Layer:
    """One part of a layer as it was written: its records, those set aside, and its origin."""
    origin = read_origin(part)
    return Layer(
        name=name,
        frame=read_layer_parquet(part),
        reference=origin.reference,
        provenance=origin.provenance,
        counts=origin.counts,
        rejected=read_layer_parquet(part.with_suffix(".rejected.parquet")),
        own_schema=origin.own_schema,
    )


def schema_of(name: str, origin: LayerOrigin) -> LayerSchema | None:
    """The schema of a layer; None for one that is derived (buildings, links) and has none."""
    return origin.own_schema or SCHEMAS.get(name)


def layer_entries(
    workspace: Workspace,
    records: Mapping[str, Record],
    replaced: Mapping[tuple[str, str], Record] = MappingProxyType({}),
    vintages: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, LayerEntry]:
    """The layers that the given units made, parts in the order of the unit names.

    ``replaced``: units that made the part of (unit, layer) again, whose files take its place. ``vintages``: editions of
    the sources, by unit.
    """
    found: dict[str, LayerEntry] = {}
    for unit, record in sorted(records.items()):
        names = [output.removesuffix(".json") for output in record.outputs if output.endswith(".json")]
        for name in sorted(names):
            maker = replaced.get((unit, name), record)
            part = maker.path(f"{name}.parquet")
            origin = read_origin(workspace.root / part)
            if vintage := vintages.get(unit, ""):
                origin = origin.model_copy(
                    update={"provenance": origin.provenance.model_copy(update={"vintage": vintage})}
                )
            entry = LayerEntry(
                parts={part: maker.outputs[f"{name}.parquet"]},
                rejected=(maker.path(f"{name}.rejected.parquet"),),
                **dict(origin),
            )
            found[name] = _joined(found[name], entry) if name in found else entry
    return found


def _joined(first: LayerEntry, second: LayerEntry) -> LayerEntry:
    references = [entry.reference for entry in (first, second) if entry.reference is not None]
    return LayerEntry(
        parts={**first.parts, **second.parts},
        rejected=(*first.rejected, *second.rejected),
        reference=next((r for r in references if r.vertical is not None), references[0] if references else None),
        provenance=first.provenance | second.provenance,
        counts=first.counts + second.counts,
        own_schema=first.own_schema,
    )
