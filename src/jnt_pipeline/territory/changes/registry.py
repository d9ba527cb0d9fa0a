"""The register of ids that are no longer in force, and what took their place."""

from __future__ import annotations

import json
from collections.abc import Collection

import pandas as pd

from jnt_pipeline.base_layers.columns import Column

__all__ = ["REGISTRY", "empty_registry", "resolve", "retired_ids", "updated_registry"]

REGISTRY: tuple[Column, ...] = (
    Column("layer", "text", "Layer of the thing.", required=True),
    Column("alias", "text", "Id that was in force once.", required=True),
    Column("id", "text", "Id of a thing that took its place; absent: nothing did."),
    Column("reason", "text", "removed, split, merged, reshaped, renamed or modified.", required=True),
    Column("share", "number", "Part of the old thing that this one holds, 0 to 1; absent where it has no area."),
    Column("since", "text", "Vintage (millésime) from which the alias stands for that id."),
    Column("until", "text", "Vintage from which the alias is in force itself again; absent: it still stands."),
)
"""Columns of the table ``aliases``: a row for each thing that took the place of an id."""

_NAMES = [column.name for column in REGISTRY]


def empty_registry() -> pd.DataFrame:
    """No id has ever been given up."""
    return _table([])


def updated_registry(
    registry: pd.DataFrame, changes: pd.DataFrame, layer: str, ids: Collection[str], new_vintage: str
) -> pd.DataFrame:
    """The register after a change set of a layer whose things have ``ids`` now.

    Ids of the change set that are in force no more are entered with what took their place; an id that is in force
    again closes its rows.
    """
    in_force = set(ids)
    kept = registry.astype("object").where(registry.notna(), None)
    back = (kept["layer"] == layer) & kept["until"].isna() & kept["alias"].isin(in_force)
    kept.loc[back, "until"] = new_vintage
    rows = [tuple(row) for row in kept[_NAMES].itertuples(index=False)]
    for change in changes[changes["layer"] == layer].to_dict("records"):
        overlaps = json.loads(change["evidence"]).get("overlaps", [])
        old_ids, new_ids = json.loads(change["old_ids"]), json.loads(change["new_ids"])
        for alias in (one for one in old_ids if one not in in_force):
            shares = {one["new"]: one["of_old"] for one in overlaps if one["old"] == alias and one["new"] in new_ids}
            if not shares and len(old_ids) == len(new_ids):
                shares = {new_ids[old_ids.index(alias)]: None}
            for successor, share in sorted(shares.items()) or [(None, None)]:
                rows.append((layer, alias, successor, change["change_type"], share, new_vintage, None))
    return _table(rows)


def resolve(registry: pd.DataFrame, layer: str, id: str) -> tuple[str, ...]:
    """The ids in force now of what had this id, sorted; itself where it was never given up, none where nothing is left.

    >>> halves = [("parcels", "A", half, "split", 0.5, "2026", None) for half in "CB"]
    >>> aliases = _table(halves)
    >>> resolve(aliases, "parcels", "A"), resolve(aliases, "parcels", "Z")
    (('B', 'C'), ('Z',))
    """
    open_ = registry[(registry["layer"] == layer) & registry["until"].isna()]
    successors: dict[str, list[str]] = {}
    for alias, successor in zip(open_["alias"], open_["id"], strict=True):
        successors.setdefault(str(alias), []).extend([] if pd.isna(successor) else [str(successor)])
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [id]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        if one in successors:
            waiting.extend(successors[one])
        else:
            found.add(one)
    return tuple(sorted(found))


def retired_ids(registry: pd.DataFrame, layer: str) -> frozenset[str]:
    """Every id of a layer that was ever given up."""
    return frozenset(registry.loc[registry["layer"] == layer, "alias"].astype(str))


def _table(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=_NAMES).astype(
        {c.name: "str" if c.kind == "text" else "float64" for c in REGISTRY}
    )
    return table.sort_values(["layer", "alias", "since", "id"], kind="stable", ignore_index=True)
