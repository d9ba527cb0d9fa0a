"""Judge: every rule over every layer that it knows, as one table in a fixed order."""

from __future__ import annotations

import json
from collections.abc import Mapping

import geopandas as gpd
import pandas as pd

from jnt_pipeline.base_layers.quality.completeness import COMPLETENESS_RULES
from jnt_pipeline.base_layers.quality.edges import EDGE_RULES
from jnt_pipeline.base_layers.quality.parameters import QualityParameters
from jnt_pipeline.base_layers.quality.records import RECORD_RULES, key_of
from jnt_pipeline.base_layers.quality.registered_areas import AREA_RULES
from jnt_pipeline.base_layers.quality.rules import Context, Found, LayerOrigin, Rule
from jnt_pipeline.base_layers.quality.vintages import VINTAGE_RULES
from jnt_pipeline.base_layers.tables.quality import QUALITY

__all__ = ["QUALITY_COLUMNS", "RULES", "judge", "summary"]

RULES: tuple[Rule, ...] = (*RECORD_RULES, *EDGE_RULES, *AREA_RULES, *COMPLETENESS_RULES, *VINTAGE_RULES)
"""Every rule, in the order in which findings are told."""

_TOLD_IDS = 20

(_SCHEMA,) = QUALITY
_DTYPES = {
    column.name: {"text": "str", "integer": "int64", "number": "float64"}[column.kind] for column in _SCHEMA.columns
}
QUALITY_COLUMNS = _SCHEMA.column_names
"""Columns of the table ``quality``: see ``base_layers.tables.quality``."""


def judge(
    layers: Mapping[str, gpd.GeoDataFrame],
    origins: Mapping[str, LayerOrigin],
    parameters: QualityParameters | None = None,
) -> pd.DataFrame:
    """What the rules find in base layers (*rapport de contrôle*).

    Parameters
    ----------
    layers
        Normalised layers by name, all in the twin's horizontal CRS; absent ones are not judged.
    origins
        Provenance and counts by layer name.
    parameters
        Thresholds; None: the defaults.

    Returns
    -------
    One row for each rule and layer that it judged, with the columns ``QUALITY_COLUMNS``, layers in the order of their
    names inside each rule. ``n_found`` 0: the layer passes. The same input gives the same rows.
    """
    known = {name: _by_key(frame, name) for name, frame in sorted(layers.items())}
    context = Context(layers=known, origins=origins, parameters=parameters or QualityParameters())
    rows = []
    for rule in RULES:
        for layer in rule.layers or tuple(known):
            if layer not in known:
                continue
            found = rule.judge(context, layer)
            if found is not None:
                rows.append(_row(rule, layer, found))
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS)).astype(_DTYPES)


def _by_key(frame: gpd.GeoDataFrame, layer: str) -> gpd.GeoDataFrame:
    """Rows by key, numbered from 0: what is told first does not hang on the order of files."""
    key = key_of(frame, layer)
    if frame[key].is_monotonic_increasing:
        return frame.reset_index(drop=True)
    return frame.sort_values(key, kind="stable", ignore_index=True)


def summary(table: pd.DataFrame) -> dict[str, int]:
    """Number of rules that found something, by severity, and of those that passed.

    >>> summary(judge({}, {}))
    {'error': 0, 'warning': 0, 'info': 0, 'passed': 0}
    """
    found = table[table["n_found"] > 0]
    counts = {severity: int((found["severity"] == severity).sum()) for severity in ("error", "warning", "info")}
    return {**counts, "passed": len(table) - len(found)}


def _row(rule: Rule, layer: str, found: Found) -> dict[str, object]:
    x, y = found.point or (None, None)
    return {
        "rule_code": rule.code,
        "layer": layer,
        "severity": rule.severity,
        "n_judged": found.n_judged,
        "n_found": found.n_found,
        "message": found.message,
        "record_ids": "|".join(found.record_ids[:_TOLD_IDS]),
        "values": json.dumps(found.values, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
        "where_x": x,
        "where_y": y,
    }
