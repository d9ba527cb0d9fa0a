"""Links of the whole twin: those that places make, and those that the identity of things makes, dated and joined."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.provenance import Counts
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.identify import LINKS_FILE, identity_links
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.identity.aliases import identities, renamed
from jnt_pipeline.territory.links import (
    LinkParameters,
    join_links,
    link_bim_to_buildings,
    link_buildings_to_parcels,
    link_stations,
)
from jnt_pipeline.territory.model import Territory
from jnt_pipeline.twin import TwinIndex, write_layer

__all__ = ["LINKED_LAYERS", "LinksWork", "newest_date", "plan_links"]

VERSION = 4

LINKED_LAYERS = ("buildings", "parcels", "bim_buildings", "stations")
"""Layers between whose things places make links."""

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def plan_links(config: TwinConfig, workspace: Workspace, index: TwinIndex, identity: Mapping[str, Record]) -> Planned:
    """One unit for the twin."""
    unit = Unit(
        stage="links",
        name="links",
        version=VERSION,
        parameters={"links": config.links.model_dump(mode="json"), "vintages": _vintages(index)},
        inputs={
            **index.checksums((*LINKED_LAYERS, *(["rnb_buildings"] if identity else []))),
            **{f"identity/{cell}": record.outputs[LINKS_FILE] for cell, record in identity.items()},
        },
    )
    work = LinksWork(index=index, root=workspace.root, parameters=config.links, identity=identity)
    return Planned(unit=unit, work=work)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksWork:
    """The links between the things of the twin."""

    index: TwinIndex
    root: Path
    parameters: LinkParameters
    identity: Mapping[str, Record]
    """The units that found the links of identity, by cell."""

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layer ``links``, and ``identities`` where national registers are in the twin."""
        workspace = Workspace(self.root)
        twin = self.index.territory(workspace)
        linked_on = newest_date(twin)
        layers = {name: _features(twin, name) for name in LINKED_LAYERS if name in twin.layers}
        buildings, parcels = layers.get("buildings"), layers.get("parcels")
        models, stations = layers.get("bim_buildings"), layers.get("stations")
        found = []
        if buildings is not None and parcels is not None:
            found.append(link_buildings_to_parcels(buildings, parcels, self.parameters, linked_on=linked_on))
        if models is not None and buildings is not None:
            found.append(link_bim_to_buildings(models, buildings, self.parameters, linked_on=linked_on))
        if stations is not None and buildings is not None and parcels is not None:
            found.append(link_stations(stations, buildings, parcels, self.parameters, linked_on=linked_on))
        if self.identity:
            same = identity_links(workspace, self.identity).assign(linked_on=linked_on)
            if buildings is not None:
                same = renamed(same, dict(zip(buildings["footprint_id"], buildings["building_id"], strict=True)))
            found.append(same)
        links = join_links(found)
        self._write(twin, "links", links, folder)
        if self.identity and buildings is not None:
            rnb = _features(twin, "rnb_buildings") if "rnb_buildings" in twin.layers else None
            self._write(twin, "identities", identities(buildings, links, rnb), folder)
        return {"n_links": {kind: int(n) for kind, n in links["link_type"].value_counts().sort_index().items()}}

    def _write(self, twin: Territory, name: str, table: pd.DataFrame, folder: Path) -> None:
        linked = [one for one in (*LINKED_LAYERS, "topo_buildings", "rnb_buildings", "addresses") if one in twin.layers]
        layer = Layer(
            name=name,
            frame=table,
            reference=None,
            provenance=reduce(or_, (twin.layers[one].provenance for one in (linked or twin.layers))),
            counts=Counts(read=len(table), kept=len(table)),
        )
        write_layer(layer, folder)


def newest_date(twin: Territory) -> str:
    """Newest vintage of the twin's layers, YYYY-MM-DD: the date as of which its links hold; empty: none stated."""
    texts = [layer.provenance.vintage for layer in twin.layers.values()]
    return max((date for text in texts for date in _ISO_DATE.findall(text)), default="")


def _features(twin: Territory, name: str) -> gpd.GeoDataFrame:
    return twin.layer(name).to_geopandas()


def _vintages(index: TwinIndex) -> dict[str, str]:
    return {name: entry.provenance.vintage for name, entry in sorted(index.layers.items())}
