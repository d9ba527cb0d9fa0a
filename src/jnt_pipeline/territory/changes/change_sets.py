"""The change set between two editions of the base layers, with the ids and the register that follow from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pandas as pd

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.territory.changes.comparison import compare
from jnt_pipeline.territory.changes.parameters import ChangeParameters
from jnt_pipeline.territory.changes.registry import retired_ids, updated_registry
from jnt_pipeline.territory.changes.survival import surviving_ids
from jnt_pipeline.territory.changes.table import change_table, empty_changes

__all__ = ["ChangeSet", "LayerChanges", "LayerEdition", "change_set", "changes_between", "layer_changes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEdition:
    """One edition of a base layer, in the twin's reference."""

    frame: gpd.GeoDataFrame
    schema: LayerSchema
    vintage: str = ""
    """Vintage (*millésime*) as the producer writes it; empty: not said."""
    number: int = 1
    """Number of the edition in this twin, counted by who keeps the editions: 1 for the first, one more for each that
    differs from the one before. It keeps the changes A → B, B → A, A → B apart, whose vintages may be the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChanges:
    """What became of one layer."""

    changes: gpd.GeoDataFrame
    """Rows of the layer ``changes``."""
    ids: pd.Series
    """Text, index of the new frame: the id of each of its records, the one it had where it is the same thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """What became of all layers."""

    changes: gpd.GeoDataFrame
    """The layer ``changes`` (see ``CHANGES``), layers in the order of their names."""
    ids: dict[str, pd.Series]
    """By layer compared: the ids of its records now, with the index of the new frame."""
    aliases: pd.DataFrame
    """The register of ids given up (see ``REGISTRY``)."""
    not_compared: dict[str, str]
    """Layers of one of the editions that have no counterpart or cannot be compared, and why."""


def layer_changes(
    before: LayerEdition,
    after: LayerEdition,
    parameters: ChangeParameters,
    *,
    aliases: pd.DataFrame | None = None,
    has_derived_key: bool | None = None,
    in_force: Collection[str] = (),
) -> LayerChanges:
    """What became of one layer; the order of the records does not count.

    ``before`` has the ids that its things had in the twin. ``aliases``: the register so far, None = empty.
    ``in_force``: ids of the layer's things that are not compared, because nothing about them changed.
    ``has_derived_key`` None: as ``DERIVED_KEY_LAYERS`` says. Raises ``AssemblyError`` for keys that are missing or
    said twice, missing geometries, and two references.
    """
    schema = after.schema
    comparison = compare(before.frame, after.frame, schema, parameters, has_derived_key=has_derived_key)
    retired = frozenset() if aliases is None else retired_ids(aliases, schema.name)
    ids = surviving_ids(comparison, retired, in_force)
    changes = change_table(
        comparison,
        ids,
        parameters,
        crs=after.frame.crs,
        old_vintage=before.vintage,
        new_vintage=after.vintage,
        edition=after.number,
    )
    in_order = np.empty(len(ids), dtype=object)
    in_order[comparison.new.rows] = ids
    return LayerChanges(changes=changes, ids=pd.Series(in_order, index=after.frame.index, dtype="str", name=schema.key))


def changes_between(
    old: gpd.GeoDataFrame,
    new: gpd.GeoDataFrame,
    *,
    schema: LayerSchema,
    parameters: ChangeParameters,
    old_vintage: str,
    new_vintage: str,
) -> gpd.GeoDataFrame:
    """The changes between two editions of a layer, rows of the layer ``changes``; see ``layer_changes``."""
    before = LayerEdition(frame=old, schema=schema, vintage=old_vintage)
    after = LayerEdition(frame=new, schema=schema, vintage=new_vintage, number=2)
    return layer_changes(before, after, parameters).changes


def change_set(
    before: Mapping[str, LayerEdition],
    after: Mapping[str, LayerEdition],
    parameters: ChangeParameters,
    *,
    aliases: pd.DataFrame,
    crs: object,
    in_force: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> ChangeSet:
    """What became of all layers that both editions have; ``crs`` is the twin's horizontal one.

    ``in_force``: by layer, the ids of things that are in neither edition given, because nothing about them changed.

    A layer that is only there now, or no longer, has no changes: a source was declared or taken away, which says
    nothing of the territory. Raises as ``layer_changes``.
    """
    tables: list[gpd.GeoDataFrame] = []
    ids: dict[str, pd.Series] = {}
    not_compared: dict[str, str] = {}
    for name in sorted({*before, *after}):
        if name not in before:
            not_compared[name] = "no edition before this one"
        elif name not in after:
            not_compared[name] = "no longer in the twin"
        elif not after[name].schema.key or after[name].schema.shape == "none":
            not_compared[name] = "a table without key or geometry"
        else:
            found = layer_changes(
                before[name], after[name], parameters, aliases=aliases, in_force=in_force.get(name, ())
            )
            tables.append(found.changes)
            ids[name] = found.ids
            aliases = updated_registry(
                aliases, found.changes, name, {*found.ids, *in_force.get(name, ())}, after[name].vintage
            )
    filled = [table for table in tables if len(table)]
    changes = gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=crs) if filled else empty_changes(crs)
    return ChangeSet(changes=changes, ids=ids, aliases=aliases, not_compared=not_compared)
