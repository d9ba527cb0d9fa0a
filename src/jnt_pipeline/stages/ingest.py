"""Ingest: read each unit of each source and normalise it into base layers (*données socles*)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jnt_pipeline.area import AreaOfInterest, Bounds
from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.normalise import normalise, set_aside
from jnt_pipeline.base_layers.parquet import layer_bounds
from jnt_pipeline.base_layers.point_files import rewrite_point_file
from jnt_pipeline.base_layers.quality import REPAIR_COLUMNS
from jnt_pipeline.base_layers.streams import LayerStream, collected, normalise_stream
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import DeclaredUndulation, Reference
from jnt_pipeline.crs.transform import transformation
from jnt_pipeline.errors import ConfigError, EmptySourceError
from jnt_pipeline.provenance import Counts, Provenance
from jnt_pipeline.runner import Planned, Runner, StageReport, make_units
from jnt_pipeline.sources import AnySource
from jnt_pipeline.sources.files import fingerprint, fingerprint_member
from jnt_pipeline.sources.protocol import SourceUnit
from jnt_pipeline.sources.vector import VectorSource
from jnt_pipeline.stages.distinct import plan_distinct
from jnt_pipeline.stages.fetch import with_editions
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.twin import INGESTED, LayerEntry, TwinIndex, layer_entries, write_layer, write_origin

__all__ = ["POINT_FILES", "ingest", "plan_ingest"]

VERSION = 3
POINT_FILES = "index/point-files.json"
"""Where the point clouds are, by checksum: the producer's file, or ours when it had to be reprojected."""

_PARENTS = {"datastreams": "station_id", "observations": "datastream_id"}
"""Column by which the rows of a table hang on rows of the layer before it."""


def ingest(config: TwinConfig, workspace: Workspace, runner: Runner) -> StageReport:
    """Make the base layers of ``config``; raises ``SourceError`` and ``CrsError`` naming the file."""
    planned = plan_ingest(config)
    records, report = make_units(workspace, runner, planned)
    repeated = plan_distinct(workspace, records)
    again, done = make_units(workspace, runner, list(repeated.values()))
    report += done
    replaced = {where: again[one.unit.name] for where, one in repeated.items()}
    vintages = {one.unit.name: one.work.vintage for one in planned if isinstance(one.work, IngestWork)}
    layers = layer_entries(workspace, records, replaced, vintages)
    bbox = config.area.bbox if config.area else _extent(workspace, layers)
    index = TwinIndex(
        name=config.name,
        title=config.title,
        reference=config.reference,
        undulation=config.undulation,
        bbox=bbox,
        layers=layers,
        units=tuple((r.stage, r.name, r.key) for r in (*records.values(), *again.values())),
    )
    workspace.write_document(POINT_FILES, _point_files(workspace, planned, records))
    index.write(workspace, INGESTED)
    workspace.forget_planned("ingest", "distinct")
    return report


def plan_ingest(config: TwinConfig) -> list[Planned]:
    """One unit for each partition of each source; files are hashed, not parsed.

    The vintage is no part of a unit: a new edition makes only what differs in it, and is told of the layer as a whole.
    """
    _require_one_table(config)
    planned: dict[str, Planned] = {}
    for source in with_editions(config).sources:
        for unit in source.units(config.area):
            name = f"{source.kind}-{unit.name}"
            if name in planned:
                raise ConfigError(
                    "two sources hold the same unit",
                    where=source.path,
                    found=name,
                    expected="each commune, tile, model or network once",
                    remedy="remove one of the two; where both are needed, give one another file name",
                )
            undated = source.model_copy(update={"vintage": ""})
            work = IngestWork(
                source=undated,
                vintage=source.vintage,
                unit=unit,
                reference=config.reference,
                area=config.area,
                undulation=config.undulation,
            )
            parameters = {
                "source": undated.model_dump(mode="json", exclude={"path"}),
                "options": unit.options,
                "reference": str(config.reference),
                "area": config.area.model_dump(mode="json") if config.area else None,
                "undulation": config.undulation.model_dump(mode="json") if config.undulation else None,
            }
            inputs = _inputs(unit)
            planned[name] = Planned(
                unit=Unit(stage="ingest", name=name, version=VERSION, parameters=parameters, inputs=inputs), work=work
            )
    return list(planned.values())


def _require_one_table(config: TwinConfig) -> None:
    """Sources that share a layer of the user's own say the same of it; raises ``ConfigError``."""
    first: dict[str, LayerSchema] = {}
    for source in config.sources:
        if not isinstance(source, VectorSource):
            continue
        other = source.schema_of_layer
        schema = first.setdefault(source.layer, other)
        kinds = {column.name: column.kind for column in schema.columns}
        pairs = [("key", schema.key or "none", other.key or "none"), ("shape", schema.shape, other.shape)]
        pairs += [(one.name, kinds[one.name], one.kind) for one in other.columns if one.name in kinds]
        differ = [f"{what}: {mine} and {theirs}" for what, mine, theirs in pairs if mine != theirs]
        if differ:
            raise ConfigError(
                f"two sources say different things of the layer {source.layer}",
                where=source.path,
                found="; ".join(differ),
                expected="the same key, shape and kinds of columns",
                remedy="declare both alike, or give one of them a layer of its own",
            )


def _inputs(unit: SourceUnit) -> dict[str, str]:
    """Checksums of what a unit reads: of its files, or of its member of an archive that holds many units."""
    if member := str(unit.options.get("member", "")):
        (archive,) = unit.files
        return {member: fingerprint_member(archive, member)}
    return {file.name: fingerprint(file).sha256 for file in unit.files}


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestWork:
    """Read one unit of a source, normalise its layers, write them."""

    source: AnySource
    """Without its vintage."""
    vintage: str
    """Edition (*millésime*) of the source; what is made does not depend on it."""
    unit: SourceUnit
    reference: Reference
    area: AreaOfInterest | None
    undulation: DeclaredUndulation | None

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the base layers into ``folder``; the facts name the grids that were used."""
        grids: dict[str, str] = {}
        before: Layer | None = None
        repairs: list[pd.DataFrame] | None = [] if self.source.repair else None
        told: dict[str, pd.DataFrame] = {}
        for native in self.source.read(self.unit, self.area):
            if isinstance(native, LayerStream) and repairs is None:
                grids |= self._streamed(native, folder)
                continue
            # A repair looks at whole outlines: such layers are held in memory.
            layer = collected(native) if isinstance(native, LayerStream) else native
            if layer.name == "point_clouds" and layer.reference != self.reference:
                layer = self._points_moved(layer, folder)
            layer = normalise(layer, self.reference, area=self.area, undulation=self.undulation, repairs=repairs)
            if repairs:
                told[layer.name] = repairs.pop()
            if before is not None and layer.name in _PARENTS:
                layer = _without_orphans(layer, before)
            before = layer
            write_layer(layer, folder)
            grids |= _grids(layer.provenance)
        if repairs is not None and before is not None:
            write_layer(_repairs(told, before.provenance), folder)
        return {"grids": grids}

    def _streamed(self, native: LayerStream, folder: Path) -> dict[str, str]:
        """A layer that comes in batches is written in batches; returns the grids that were used."""
        written = normalise_stream(
            native,
            self.reference,
            area=self.area,
            undulation=self.undulation,
            path=folder / f"{native.name}.parquet",
        )
        write_origin(written, folder)
        return _grids(written.provenance)

    def _points_moved(self, native: Layer, folder: Path) -> Layer:
        """A point cloud in another reference is rewritten in the twin's; its record is that of the new file."""
        assert native.reference is not None
        (file,) = self.unit.files
        change = transformation(native.reference, self.reference, undulation=self.undulation)
        moved = folder / "points" / file.with_suffix(".laz").name
        moved.parent.mkdir()
        rewrite_point_file(file, moved, change, self.reference)
        # Its reference is now ours, whatever its name says.
        source = self.source.model_copy(update={"path": moved, "crs": self.reference, "vertical": None})
        (layer,) = source.read(SourceUnit(name=self.unit.name, files=(moved,)), None)
        assert isinstance(layer, Layer)
        origin: Provenance = native.provenance.with_operation(change.operation)
        return replace(layer, provenance=origin)


def _repairs(told: Mapping[str, pd.DataFrame], provenance: Provenance) -> Layer:
    """The table of all polygons that were repaired on request, or could not be."""
    empty = pd.DataFrame(columns=list(REPAIR_COLUMNS))
    tables = [table.assign(layer=name) for name, table in told.items() if len(table)] or [empty.assign(layer="")]
    table = pd.concat(tables, ignore_index=True)[["layer", *REPAIR_COLUMNS]]
    table = table.astype({"is_repaired": "bool", "area_before_m2": "float64", "area_after_m2": "float64"})
    table = table.astype(dict.fromkeys(("layer", "record", "reason"), "str"))
    counts = Counts(read=len(table), kept=len(table))
    return Layer(name="repairs", frame=table, reference=None, provenance=provenance, counts=counts)


def _grids(provenance: Provenance) -> dict[str, str]:
    return {grid.name: grid.sha256 for operation in provenance.operations for grid in operation.grids}


def _without_orphans(layer: Layer, parents: Layer) -> Layer:
    """Set aside the rows whose station or datastream was set aside."""
    column = _PARENTS[layer.name]
    orphans = ~layer.frame[column].isin(parents.frame[column])
    return set_aside(layer, orphans.to_numpy(dtype=bool), f"no_{parents.name}", f"its {column} is not in the twin")


def _point_files(workspace: Workspace, planned: list[Planned], records: Mapping[str, Record]) -> dict[str, str]:
    """Path of every point cloud by its checksum."""
    paths: dict[str, str] = {}
    for one in planned:
        record = records[one.unit.name]
        if "point_clouds.parquet" not in record.outputs:
            continue
        paths |= {
            checksum: str(workspace.root.resolve() / record.path(output))
            for output, checksum in record.outputs.items()
            if output.startswith("points/")
        }
        work = one.work
        if isinstance(work, IngestWork):
            for file in work.unit.files:
                paths[one.unit.inputs[file.name]] = str(file.resolve())
    return paths


def _all_set_aside(layers: Mapping[str, LayerEntry]) -> str:
    """What became of the records, by layer and reason."""
    counts = {name: entry.counts for name, entry in layers.items() if entry.counts.read}
    told = [
        f"{name}: {one.read:,} read, "
        + ", ".join(
            [
                *(f"{n:,} {reason}" for reason, n in sorted(one.rejected.items())),
                *([f"{one.kept:,} without a place on the map"] if one.kept else []),
            ]
        )
        for name, one in sorted(counts.items())
    ]
    return "; ".join(told) or "no record at all"


def _extent(workspace: Workspace, layers: Mapping[str, LayerEntry]) -> Bounds:
    """Box of all features, in the twin's horizontal CRS; as the files state it, no record is read."""
    found = [
        box
        for entry in layers.values()
        if entry.reference is not None
        for part in entry.parts
        if (box := layer_bounds(workspace.root / part)) is not None
    ]
    if not found:
        raise EmptySourceError(
            "the sources hold nothing that can be used inside the area",
            found=_all_set_aside(layers),
            expected="at least one feature",
            remedy="check `area:`, the paths of the sources, and these reasons: `jnt check` names each record",
        )
    corners = np.asarray(found)
    west, south = corners[:, :2].min(axis=0)
    east, north = corners[:, 2:].max(axis=0)
    return (float(west), float(south), float(east), float(north))
