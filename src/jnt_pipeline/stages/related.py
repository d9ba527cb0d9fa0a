"""Relations (*liens du plan*): rows that name a thing follow the id that it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from jnt_pipeline.runner import Planned
from jnt_pipeline.store import Unit, Workspace
from jnt_pipeline.twin import LayerEntry, stored_part, write_layer

__all__ = ["RELATIONS", "plan_related"]

VERSION = 1

RELATIONS = "cadastral_relations"
"""The layer whose rows name a thing (``layer_name``, ``source_id``) and the parcel that the plan relates it to."""

_NAMED = ["layer_name", "source_id"]


def plan_related(workspace: Workspace, entry: LayerEntry, ids: Mapping[str, Mapping[str, str]]) -> dict[str, Planned]:
    """The parts that name things with another id than that of their file, and the work that calls these by it.

    ``ids``: by layer, the id that a thing keeps by the one of its file.
    """
    planned: dict[str, Planned] = {}
    for part, sha256 in entry.parts.items():
        named = pd.read_parquet(workspace.root / part, columns=_NAMED).dropna().drop_duplicates()
        rows = [(str(layer), str(one)) for layer, one in named.itertuples(index=False, name=None)]
        here = {layer: {one: ids[layer][one] for of, one in rows if of == layer and one in ids[layer]} for layer in ids}
        here = {layer: mine for layer, mine in here.items() if mine}
        if not here:
            continue
        unit = Unit(
            stage="related",
            name=f"{RELATIONS}-{part.split('/')[2]}",
            version=VERSION,
            parameters={"ids": here},
            inputs={"part": sha256},
        )
        planned[part] = Planned(unit=unit, work=RelatedWork(part=workspace.root / part, ids=here))
    return planned


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedWork:
    """Call the things of a part by the ids that they keep."""

    part: Path
    ids: Mapping[str, Mapping[str, str]]

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the part, sorted by its key again."""
        layer = stored_part(RELATIONS, self.part)
        frame = layer.frame.copy()
        of_layer = frame["layer_name"].astype("str")
        sources = frame["source_id"].astype("str")
        for name, ids in self.ids.items():
            named = (of_layer == name) & sources.isin(list(ids))
            sources = sources.mask(named, sources.map(ids))
        frame["source_id"] = sources.astype("str")
        frame["relation_id"] = (sources + ">" + frame["parcel_id"].astype("str")).astype("str")
        frame = frame.sort_values("relation_id", kind="stable", ignore_index=True)
        write_layer(replace(layer, frame=frame), folder)
        return {"n_followed": sum(map(len, self.ids.values()))}
