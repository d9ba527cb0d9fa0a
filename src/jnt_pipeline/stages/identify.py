"""Identify: which records of cadastre, BD TOPO, RNB and BAN mean the same, cell by cell, and the buildings' ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from jnt_pipeline.area import Bounds
from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.kilometres import cell_bounds, cell_of, near, parts_near, widened
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.identifiers import building_ids
from jnt_pipeline.territory.identity.aliases import with_national_ids
from jnt_pipeline.territory.identity.linking import IDENTITY_LAYERS, judge
from jnt_pipeline.territory.identity.parameters import IdentityParameters, reach_m
from jnt_pipeline.territory.links import join_links
from jnt_pipeline.twin import TwinIndex

__all__ = ["CONTRADICTIONS", "LINKS_FILE", "identity_links", "ids_of_buildings", "plan_identity"]

VERSION = 3

LINKS_FILE = "links.parquet"
CONTRADICTIONS = "contradictions.parquet"
"""Links that a register states and the geometry contradicts, in the columns of ``links``."""

_SOURCES = ("footprints", "topo_buildings", "rnb_buildings", "addresses")
# Layers whose things own a link: the first one named in its type.
_NATIONAL = ("topo_buildings", "rnb_buildings", "addresses")


def plan_identity(config: TwinConfig, workspace: Workspace, index: TwinIndex) -> list[Planned]:
    """One unit by kilometre cell that holds things; none where the twin has no national register to link to."""
    if not any(name in index.layers for name in _NATIONAL):
        return []
    planned = []
    for cell, envelope in sorted(_occupied(workspace, index).items()):
        around = widened(envelope, reach_m(config.identity))
        parts = {
            name: parts_near(workspace, index.layers[name], around) for name in IDENTITY_LAYERS if name in index.layers
        }
        unit = Unit(
            stage="identity",
            name=cell,
            version=VERSION,
            parameters={"identity": config.identity.model_dump(mode="json"), "reference": str(config.reference)},
            inputs={
                f"{name}/{number:05d}": sha256
                for name, found in parts.items()
                for number, sha256 in enumerate(found.values())
            },
        )
        work = IdentityWork(
            owned=cell_bounds(cell),
            around=around,
            parts={name: tuple(workspace.root / part for part in found) for name, found in parts.items()},
            crs=config.reference.horizontal,
            parameters=config.identity,
        )
        planned.append(Planned(unit=unit, work=work))
    return planned


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityWork:
    """The links whose first thing lies in one cell."""

    owned: Bounds
    around: Bounds
    parts: Mapping[str, tuple[Path, ...]]
    crs: str
    parameters: IdentityParameters

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write ``links.parquet`` and ``contradictions.parquet``; they are not dated yet."""
        layers = {name: near(parts, self.around, self.crs) for name, parts in self.parts.items() if parts}
        judged = judge({name: frame for name, frame in layers.items() if len(frame)}, self.parameters)
        links = judged.links("", self.owned)
        against = judged.contradictions("", self.owned)
        write_layer_parquet(links, folder / LINKS_FILE)
        write_layer_parquet(against, folder / CONTRADICTIONS)
        counted = links["link_type"].value_counts().sort_index()
        return {"n_links": {str(kind): int(n) for kind, n in counted.items()}, "n_contradictions": len(against)}


def identity_links(workspace: Workspace, records: Mapping[str, Record], file: str = LINKS_FILE) -> pd.DataFrame:
    """The links of all cells, buildings called by ``footprint_id``."""
    return join_links([pd.read_parquet(workspace.root / record.path(file)) for record in records.values()])


def ids_of_buildings(
    footprints: gpd.GeoDataFrame, links: pd.DataFrame, parameters: IdentityParameters
) -> gpd.GeoDataFrame:
    """The footprints with their ``building_id``: RNB, else BD TOPO, else their own."""
    named = with_national_ids(footprints, links, parameters)
    return footprints.assign(building_id=building_ids(named))


def _occupied(workspace: Workspace, index: TwinIndex) -> dict[str, Bounds]:
    """The cells that hold the middle of a thing's envelope, each with the box of its things; from the boxes alone."""
    boxes = [
        np.column_stack([pq.read_table(workspace.root / part, columns=["bbox"])["bbox"].combine_chunks().field(side)
                         .to_numpy(zero_copy_only=False) for side in ("xmin", "ymin", "xmax", "ymax")])
        for name in _SOURCES if name in index.layers
        for part in index.layers[name].parts
    ]  # fmt: skip
    table = pd.DataFrame(np.concatenate(boxes), columns=["west", "south", "east", "north"]).dropna()
    middles = zip((table["west"] + table["east"]) / 2, (table["south"] + table["north"]) / 2, strict=True)
    table["cell"] = [cell_of(x, y) for x, y in middles]
    found = table.groupby("cell").agg({"west": "min", "south": "min", "east": "max", "north": "max"})
    return {str(cell): (float(w), float(s), float(e), float(n)) for cell, w, s, e, n in found.itertuples()}
