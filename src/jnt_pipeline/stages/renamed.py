"""Renamed: the records of a part that keep an id of an earlier edition are written again with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.runner import Planned
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.twin import LayerEntry, schema_of, stored_part, write_layer

__all__ = ["IDS", "ids_kept", "part_keys", "plan_renamed"]

VERSION = 2

IDS = "ids.parquet"
"""Table ``raw``, ``id``: ids that records keep, by those of their file, where they differ."""


def plan_renamed(
    workspace: Workspace, name: str, entry: LayerEntry, before: LayerEntry, record: Record
) -> Iterable[tuple[tuple[str, str], Planned]]:
    """The parts of a layer whose records keep an id that is not the raw one.

    Parts of the edition before have their ids already: a raw id of another part may be one of them.
    """
    ids = pd.read_parquet(workspace.root / record.path(IDS))
    if ids.empty:
        return
    schema = schema_of(name, entry)
    assert schema is not None
    for part, sha in entry.parts.items():
        if part in before.parts:
            continue
        keys = part_keys(workspace.root / part, schema.key)
        here = ids[ids["raw"].isin(keys)]
        if here.empty:
            continue
        maker = part.split("/")[2]
        unit = Unit(
            stage="renamed",
            name=f"{name}-{maker}",
            version=VERSION,
            parameters={"ids": dict(zip(here["raw"].astype(str), here["id"].astype(str), strict=True))},
            inputs={"part": sha},
        )
        work = RenamedWork(name=name, part=workspace.root / part, ids=unit.parameters["ids"])
        yield (name, part), Planned(unit=unit, work=work)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamedWork:
    """Give the records of a part the ids that survive."""

    name: str
    part: Path
    ids: Mapping[str, str]

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the part, sorted by its key again, and ``ids.parquet``."""
        layer = stored_part(self.name, self.part)
        key = layer.schema.key
        keys = layer.frame[key].astype("str")
        frame = layer.frame.assign(**{key: keys.map(self.ids).where(keys.isin(list(self.ids)), keys).astype("str")})
        frame = frame.sort_values(key, kind="stable", ignore_index=True)
        write_layer(replace(layer, frame=frame), folder)
        write_layer_parquet(pd.DataFrame({"raw": list(self.ids), "id": list(self.ids.values())}), folder / IDS)
        return {"n_renamed": len(self.ids)}


def ids_kept(workspace: Workspace, entry: LayerEntry) -> dict[str, str]:
    """The id that things of a layer keep, by the one of their file, where it is another one."""
    kept: dict[str, str] = {}
    for part in entry.parts:
        if part.split("/")[1] == "renamed":
            ids = pd.read_parquet((workspace.root / part).with_name(IDS))
            kept |= dict(zip(ids["raw"].astype(str), ids["id"].astype(str), strict=True))
    return kept


def part_keys(part: Path, key: str) -> pd.Series[Any]:
    """The keys of the records of a part; those that are absent are left out."""
    found: pd.Series[Any] = pd.read_parquet(part, columns=[key])[key].dropna()
    return found
