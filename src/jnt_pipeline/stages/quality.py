"""Quality (*contrôle qualité*): let the rules judge the base layers, and the links that registers state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import pandas as pd

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.quality import LayerOrigin, QualityParameters, judge, summary
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.provenance import Counts
from jnt_pipeline.runner import Planned
from jnt_pipeline.stages.identify import CONTRADICTIONS, LINKS_FILE, identity_links
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.twin import TwinIndex, schema_of, write_layer

__all__ = ["QualityWork", "plan_quality"]

VERSION = 1

_SHOWN = 20  # ids told, as of the other rules
_LAYER_OF = {"topo": "topo_buildings", "rnb": "rnb_buildings", "address": "addresses", "building": "footprints"}


def plan_quality(
    config: TwinConfig, workspace: Workspace, index: TwinIndex, identity: Mapping[str, Record]
) -> list[Planned]:
    """One unit for the twin: edges of sheets and communes, and editions, are judged over all of it."""
    names = _judged(index)
    if not names:
        return []
    unit = Unit(
        stage="quality",
        name="quality",
        version=VERSION,
        parameters={"quality": config.quality.model_dump(mode="json")},
        inputs={
            **index.checksums(names),
            **{
                f"identity/{cell}/{file}": record.outputs[file]
                for cell, record in identity.items()
                for file in (LINKS_FILE, CONTRADICTIONS)
            },
        },
    )
    work = QualityWork(index=index, root=workspace.root, parameters=config.quality, identity=identity)
    return [Planned(unit=unit, work=work)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityWork:
    """Judge all base layers."""

    index: TwinIndex
    root: Path
    parameters: QualityParameters
    identity: Mapping[str, Record]

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the table ``quality``."""
        workspace = Workspace(self.root)
        twin = self.index.territory(workspace)
        names = _judged(self.index)
        origins = {
            name: LayerOrigin(provenance=twin.layers[name].provenance, counts=twin.layers[name].counts)
            for name in names
        }
        table = judge({name: twin.layer(name).to_geopandas() for name in names}, origins, self.parameters)
        if self.identity:
            stated = identity_links(workspace, self.identity)
            stated = stated[stated["method"].str.startswith("declared")]
            against = identity_links(workspace, self.identity, CONTRADICTIONS)
            rows = pd.DataFrame(_contradicted(stated, against), columns=list(table.columns)).astype(table.dtypes)
            table = pd.concat([table, rows], ignore_index=True) if len(rows) else table
        provenance = reduce(or_, (twin.layers[name].provenance for name in names))
        counts = Counts(read=len(table), kept=len(table))
        layer = Layer(name="quality", frame=table, reference=None, provenance=provenance, counts=counts)
        write_layer(layer, folder)
        return summary(table)


def _judged(index: TwinIndex) -> tuple[str, ...]:
    """The base layers with a place and a schema that is known beforehand."""
    return tuple(
        name
        for name, entry in sorted(index.layers.items())
        if entry.reference is not None and (schema := schema_of(name, entry)) is not None and schema.shape != "none"
    )


def _contradicted(stated: pd.DataFrame, against: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for each type of link that some register states."""
    rows = []
    for kind in sorted({*stated["link_type"], *against["link_type"]}):
        bad = against[against["link_type"] == kind]
        n = len(bad) + int((stated["link_type"] == kind).sum())
        told = f"{len(bad):,} of {n:,} links that a register states are contradicted by where the things lie"
        rows.append(
            {
                "rule_code": "stated_links_contradicted",
                "layer": _LAYER_OF[kind.split("-")[0]],
                "severity": "warning",
                "n_judged": n,
                "n_found": len(bad),
                "message": f"{kind}: {told}",
                "record_ids": "|".join(bad["source_id"].head(_SHOWN)),
                "values": json.dumps({"link_type": kind}, separators=(",", ":")),
                "where_x": None,
                "where_y": None,
            }
        )
    return rows
