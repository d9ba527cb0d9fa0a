"""Returning: things of a unit that an edition does not deliver keep their ids until it delivers the unit again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import geopandas as gpd
import pandas as pd

from jnt_pipeline.base_layers.columns import LayerSchema
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import transform_geometries, transformation
from jnt_pipeline.territory.changes import ChangeParameters, LayerEdition, layer_changes

__all__ = ["ABSENT", "absent_things", "ids_of_returning", "in_reference", "read_absent"]

ABSENT = "absent.parquet"
"""Beside the register of ids: key, place and unit (``absent_unit``) of each thing of a unit that is not delivered."""

_UNIT = "absent_unit"


def read_absent(
    files: Sequence[Path], schema: LayerSchema, reference: Reference, before: Reference
) -> gpd.GeoDataFrame:
    """What was absent as of the edition before, which is in the reference ``before``; in ``reference``."""
    tables = [in_reference(gpd.read_parquet(file), before, reference) for file in files]
    return tables[0] if tables else _nothing(schema, reference)


def ids_of_returning(
    absent: gpd.GeoDataFrame,
    returned: Mapping[str, Sequence[str]],
    now: gpd.GeoDataFrame,
    in_force: Collection[str],
    schema: LayerSchema,
    parameters: ChangeParameters,
) -> dict[str, str]:
    """The id that a thing had, by its raw one, where it is another one and its unit has come back.

    ``returned``: raw keys of ``now`` by unit. ``in_force``: ids that other things have; these are not given again.
    """
    keys = absent[schema.key].astype("str")
    old = absent[absent[_UNIT].isin(list(returned)) & ~keys.isin(list(in_force))]
    units = set(old[_UNIT])
    here = {raw for unit, raws in returned.items() if unit in units for raw in raws}
    new = now[now[schema.key].astype("str").isin(here)]
    if old.empty or new.empty:
        return {}
    old, new = (one[[schema.key, "geometry"]].reset_index(drop=True) for one in (old, new))
    taken = {*in_force, *now[schema.key].astype("str")} - here
    found = layer_changes(
        LayerEdition(frame=old, schema=schema), LayerEdition(frame=new, schema=schema), parameters, in_force=taken
    )
    pairs = zip(new[schema.key].astype("str"), found.ids.astype("str"), strict=True)
    return {raw: one for raw, one in pairs if raw != one}


def absent_things(
    so_far: gpd.GeoDataFrame,
    gone: Mapping[str, gpd.GeoDataFrame],
    delivered: Collection[str],
    in_force: Collection[str],
    schema: LayerSchema,
) -> gpd.GeoDataFrame:
    """What is absent now: ``so_far`` without the units ``delivered``, and ``gone``: the things of units, by unit.

    What another unit delivers now, by its id, is not absent.
    """
    columns = [schema.key, "geometry"]
    tables = [so_far[~so_far[_UNIT].isin(list(delivered))]]
    tables += [frame[columns].assign(**{_UNIT: unit}) for unit, frame in sorted(gone.items())]
    filled = [table for table in tables if len(table)]
    if not filled:
        return so_far[:0]
    both = gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=so_far.crs)
    both = both[~both[schema.key].isin(list(in_force))].astype({schema.key: "str", _UNIT: "str"})
    return both.sort_values([_UNIT, schema.key], kind="stable", ignore_index=True)


def in_reference(frame: gpd.GeoDataFrame, before: Reference, reference: Reference) -> gpd.GeoDataFrame:
    """The things in the plane of ``reference``, where they lie in that of ``before``; raises ``CrsError``."""
    if before.flat() == reference.flat():
        return frame
    change = transformation(before.flat(), reference.flat())
    moved = transform_geometries(frame.geometry.to_numpy(), change)
    return gpd.GeoDataFrame(frame.drop(columns="geometry").assign(geometry=moved), crs=reference.horizontal)


def _nothing(schema: LayerSchema, reference: Reference) -> gpd.GeoDataFrame:
    columns = pd.DataFrame({schema.key: [], _UNIT: []}, dtype="str")
    return gpd.GeoDataFrame(columns, geometry=[], crs=reference.horizontal)
