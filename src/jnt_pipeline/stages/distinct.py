"""Distinct: a record that several deliveries hold is kept once, whatever file it came from.

Each EDIGÉO sheet carries the whole commune and its sections; deliveries overlap. Only the parts that lose a record are
made again, so that one changed sheet stays one changed sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.base_layers.parquet import read_layer_parquet
from jnt_pipeline.base_layers.setting_aside import set_aside
from jnt_pipeline.runner import Planned
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.twin import read_origin, schema_of, stored_part, write_layer

__all__ = ["plan_distinct"]

VERSION = 1

_SAME_PLACE_M = 0.01  # EDIGÉO writes centimetres: the same outline may differ by one from sheet to sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One part of a layer: the file of the unit that made it."""

    unit: str
    path: str
    sha256: str


def plan_distinct(workspace: Workspace, records: Mapping[str, Record]) -> dict[tuple[str, str], Planned]:
    """The parts that hold records of an earlier part, by (unit, layer), and the work that takes these out.

    Earlier is in the order of the unit names. Reads the keys of the layers that come in several parts.
    """
    parts: dict[str, list[_Part]] = {}
    for unit_name, record in sorted(records.items()):
        for output in record.outputs:
            if output.endswith(".json") and "/" not in output:
                name = output.removesuffix(".json")
                file = f"{name}.parquet"
                part = _Part(unit=unit_name, path=record.path(file), sha256=record.outputs[file])
                parts.setdefault(name, []).append(part)
    planned: dict[tuple[str, str], Planned] = {}
    for name, several in sorted(parts.items()):
        schema = schema_of(name, read_origin(workspace.root / several[0].path))
        if schema is not None and schema.key and len(several) > 1:
            planned |= _plan_layer(workspace, schema, several)
    return planned


def _plan_layer(workspace: Workspace, schema: LayerSchema, parts: list[_Part]) -> dict[tuple[str, str], Planned]:
    keys = [pq.read_table(workspace.root / part.path, columns=[schema.key])[schema.key].to_pandas() for part in parts]
    owner = np.repeat(np.arange(len(parts)), [len(column) for column in keys])
    table = pd.DataFrame({"key": pd.concat(keys, ignore_index=True), "owner": owner})
    table["first"] = table.groupby("key")["owner"].transform("min")
    repeated = table[table["owner"] != table["first"]]
    planned: dict[tuple[str, str], Planned] = {}
    for number, rows in repeated.groupby("owner"):
        part = parts[int(str(number))]
        holders = {parts[first].unit: parts[first] for first in sorted(set(rows["first"]))}
        held = {holder: tuple(sorted(rows["key"][rows["first"] == i])) for i, holder in _numbered(parts, holders)}
        unit = Unit(
            stage="distinct",
            name=f"{schema.name}-{part.unit}",
            version=VERSION,
            parameters={"layer": schema.name, "is_shared": schema.is_shared},
            inputs={"part": part.sha256, **{f"earlier/{holder}": one.sha256 for holder, one in holders.items()}},
        )
        work = DistinctWork(
            schema=schema,
            part=workspace.root / part.path,
            earlier={holder: workspace.root / one.path for holder, one in holders.items()},
            held=held,
        )
        planned[(part.unit, schema.name)] = Planned(unit=unit, work=work)
    return planned


def _numbered(parts: list[_Part], holders: Mapping[str, _Part]) -> list[tuple[int, str]]:
    return [(number, part.unit) for number, part in enumerate(parts) if part.unit in holders]


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctWork:
    """Set aside the records of a part that earlier parts hold."""

    schema: LayerSchema
    part: Path
    earlier: Mapping[str, Path]
    """File of each earlier part that holds some of them, by unit."""
    held: Mapping[str, tuple[str, ...]]
    """Keys that each of them holds first."""

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the part without them; reasons ``repeated_record``, ``conflicting_record``, ``duplicate_id``."""
        layer = stored_part(self.schema.name, self.part)
        n_before = len(layer.frame)
        for unit in sorted(self.earlier):
            mine = layer.frame[self.schema.key].isin(self.held[unit]).to_numpy(dtype=bool)
            if not self.schema.is_shared:
                layer = set_aside(layer, mine, "duplicate_id", f"the id is in {unit} too; that one stays")
                continue
            differs = mine.copy()
            differs[mine] = ~self._same_places(layer.frame[mine], read_layer_parquet(self.earlier[unit]))
            detail = f"another geometry than in {unit}, which stays"
            layer = set_aside(layer, differs, "conflicting_record", detail)
            mine = layer.frame[self.schema.key].isin(self.held[unit]).to_numpy(dtype=bool)
            layer = set_aside(layer, mine, "repeated_record", f"the same as in {unit}, which stays")
        write_layer(layer, folder)
        return {"layer": self.schema.name, "n_repeated": n_before - len(layer.frame)}

    def _same_places(self, mine: pd.DataFrame, theirs: pd.DataFrame) -> NDArray[np.bool_]:
        if not isinstance(mine, gpd.GeoDataFrame):
            return np.ones(len(mine), dtype=bool)
        first = theirs.drop_duplicates(self.schema.key).set_index(self.schema.key)
        other = np.asarray(first["geometry"].reindex(mine[self.schema.key]), dtype=object)
        own = np.asarray(mine.geometry, dtype=object)
        found: NDArray[np.bool_] = shapely.equals_exact(shapely.normalize(own), shapely.normalize(other), _SAME_PLACE_M)
        return found
