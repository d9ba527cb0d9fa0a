"""Editions (*millésimes*): what changed in each layer since the twin was last published, and the ids that survive it.

An edition of a layer is the set of parts that ingest made. The last published twin says which edition it shows and
which one was before it, so that the same run, repeated or resumed, compares the same two. Parts whose bytes are those
of the edition before are not read: a changed sheet is compared with what it replaces, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.base_layers.tables.surveyed import SURVEYED
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.provenance import Counts
from jnt_pipeline.runner import NOTHING_DONE, Planned, Runner, StageReport, make_units
from jnt_pipeline.stages.related import RELATIONS, plan_related
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.changes import ChangeParameters, LayerEdition, change_set, empty_registry
from jnt_pipeline.twin import (
    Edition,
    LayerEntry,
    TwinIndex,
    layer_entries,
    schema_of,
    stored_layer,
    stored_part,
    write_layer,
)

__all__ = ["follow_editions"]

CHANGES_VERSION = 2
RENAMED_VERSION = 2

_IDS = "ids.parquet"
_NOT_COMPARED = frozenset(schema.name for schema in SURVEYED)  # files and networks are replaced, not revised


def follow_editions(
    config: TwinConfig, workspace: Workspace, runner: Runner, base: TwinIndex, published: TwinIndex | None
) -> tuple[TwinIndex, StageReport]:
    """The base layers with the ids that survive, the layers ``changes`` and ``aliases``, and the editions on record.

    ``base``: as ingest left it; ``published``: the twin as last published, None before the first time.
    """
    before = published.editions if published and published.reference == config.reference else {}
    layers, editions, report = dict(base.layers), dict[str, Edition](), NOTHING_DONE
    planned: list[Planned] = []
    for name, entry in sorted(base.layers.items()):
        schema = schema_of(name, entry)
        if name in _NOT_COMPARED or schema is None or not schema.key or schema.shape == "none":
            continue
        last = before.get(name)
        vintage = entry.provenance.vintage
        this = Edition(number=1, reference=config.reference, area=config.area, raw=entry.parts, vintage=vintage)
        if last is not None and sorted(last.raw.values()) == sorted(entry.parts.values()):
            this = last.model_copy(update={"raw": entry.parts, "area": config.area})
        elif last is not None and published is not None:
            compared = {
                "number": last.number + 1,
                "before": published.layers[name],
                "before_shown": last.shown,
                "before_vintage": last.vintage,
                "aliases": last.own_aliases,
                "is_told": last.area == config.area,
            }
            this = this.model_copy(update=compared)
        editions[name] = this
        if this.before is not None:
            layers[name] = _with_ids_of_before(entry, this.before, this.before_shown)
            planned.append(_plan_changes(name, entry, this, config, workspace))
    records, done = make_units(workspace, runner, planned)
    report += done
    for name, record in records.items():
        aliases = record.path("aliases.parquet")
        editions[name] = editions[name].model_copy(update={"own_aliases": {aliases: record.outputs["aliases.parquet"]}})
    renamed = {
        where: one for name, record in records.items() for where, one in _plan_renamed(workspace, name, layers, record)
    }
    again, done = make_units(workspace, runner, list(renamed.values()))
    report += done
    for (name, part), one in renamed.items():
        layers[name] = _with_part(layers[name], part, again[one.unit.name], name)
    if RELATIONS in layers:
        ids = {name: _ids_kept(workspace, layers[name]) for name in editions}
        related = plan_related(workspace, layers[RELATIONS], ids)
        followed, done = make_units(workspace, runner, list(related.values()))
        report += done
        for part, one in related.items():
            layers[RELATIONS] = _with_part(layers[RELATIONS], part, followed[one.unit.name], RELATIONS)
        again |= followed
    for name, edition in editions.items():
        shown = zip(base.layers[name].parts.values(), layers[name].parts, strict=True)
        editions[name] = edition.model_copy(update={"shown": dict(shown)})
    layers |= layer_entries(workspace, records)
    made = (*records.values(), *again.values())
    units = (*base.units, *((r.stage, r.name, r.key) for r in made))
    workspace.forget_planned("changes", "renamed", "related")
    return base.model_copy(update={"layers": layers, "editions": editions, "units": units}), report


def _with_ids_of_before(entry: LayerEntry, before: LayerEntry, shown: Mapping[str, str]) -> LayerEntry:
    """The layer with those parts of the edition before that are the same and whose records keep other ids."""
    parts = (
        (shown[sha], before.parts[shown[sha]]) if sha in shown else (part, sha) for part, sha in entry.parts.items()
    )
    return entry.model_copy(update={"parts": dict(parts)})


def _plan_changes(
    name: str,
    entry: LayerEntry,
    edition: Edition,
    config: TwinConfig,
    workspace: Workspace,
) -> Planned:
    before = edition.before
    assert before is not None
    stayed = set(edition.before_shown) & set(entry.parts.values())
    same = {part: before.parts[part] for raw, part in sorted(edition.before_shown.items()) if raw in stayed}
    old = {part: sha for part, sha in before.parts.items() if part not in same}
    new = {part: sha for part, sha in entry.parts.items() if sha not in stayed}
    unit = Unit(
        stage="changes",
        name=name,
        version=CHANGES_VERSION,
        parameters={
            "changes": config.changes.model_dump(mode="json"),
            "edition": edition.number,
            "is_told": edition.is_told,
            "vintages": [edition.before_vintage, edition.vintage],
        },
        inputs={
            **{f"before/{number:05d}": sha for number, sha in enumerate(old.values())},
            **{f"now/{number:05d}": sha for number, sha in enumerate(new.values())},
            **{f"stayed/{number:05d}": sha for number, sha in enumerate(same.values())},
            **{f"aliases/{number:05d}": sha for number, sha in enumerate(edition.aliases.values())},
        },
    )
    work = ChangesWork(
        name=name,
        before=before.model_copy(update={"parts": old}),
        now=entry.model_copy(update={"parts": new}),
        same=tuple(workspace.root / part for part in same),
        aliases=tuple(workspace.root / part for part in edition.aliases),
        edition=edition.number,
        vintages=(edition.before_vintage, edition.vintage),
        is_told=edition.is_told,
        reference=config.reference,
        parameters=config.changes,
        root=workspace.root,
    )
    return Planned(unit=unit, work=work)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesWork:
    """Compare the parts of a layer that are not in both editions."""

    name: str
    before: LayerEntry
    now: LayerEntry
    same: tuple[Path, ...]
    """Parts that both editions hold: their ids are in force."""
    aliases: tuple[Path, ...]
    edition: int
    vintages: tuple[str, str]
    is_told: bool
    reference: Reference
    parameters: ChangeParameters
    root: Path

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layers ``changes`` and ``aliases``, and ``ids.parquet``: the ids that differ from the raw ones."""
        schema = schema_of(self.name, self.now)
        assert schema is not None
        old, new = _of_common_communes(self._frame(self.before), self._frame(self.now), self.same, self._replaced())
        registers = [pd.read_parquet(path) for path in self.aliases]
        so_far = pd.concat(registers, ignore_index=True) if registers else empty_registry()
        found = change_set(
            {self.name: LayerEdition(frame=old, schema=schema, vintage=self.vintages[0])},
            {self.name: LayerEdition(frame=new, schema=schema, vintage=self.vintages[1], number=self.edition)},
            self.parameters,
            aliases=so_far,
            in_force={self.name: {str(one) for part in self.same for one in _keys(part, schema.key)}},
            crs=self.reference.horizontal,
        )
        ids = found.ids[self.name]
        raw = new[schema.key].astype("str")
        differ = (ids != raw).to_numpy(dtype=bool)
        write_layer_parquet(pd.DataFrame({"raw": raw[differ], "id": ids[differ]}), folder / _IDS)
        changes, aliases = (found.changes, found.aliases) if self.is_told else (found.changes[:0], so_far)
        provenance = self.before.provenance | self.now.provenance
        for name, frame, reference in (
            ("changes", changes, self.reference.flat()),
            ("aliases", aliases, None),
        ):
            counts = Counts(read=len(frame), kept=len(frame))
            write_layer(
                Layer(name=name, frame=frame, reference=reference, provenance=provenance, counts=counts), folder
            )
        return {
            "n_changes": {
                str(kind): int(n) for kind, n in found.changes["change_type"].value_counts().sort_index().items()
            }
        }

    def _replaced(self) -> tuple[Path, ...]:
        """The parts of units that delivered both editions: what they hold in one alone was built or pulled down."""
        before, now = ({_unit_of(self.name, part) for part in entry.parts} for entry in (self.before, self.now))
        parts = (*self.before.parts, *self.now.parts)
        return tuple(self.root / part for part in parts if _unit_of(self.name, part) in before & now)

    def _frame(self, entry: LayerEntry) -> gpd.GeoDataFrame:
        if not entry.parts:
            schema = schema_of(self.name, entry)
            assert schema is not None
            return gpd.GeoDataFrame(
                pd.DataFrame(columns=list(schema.column_names), dtype="str"), geometry=[], crs=self.reference.horizontal
            )
        return stored_layer(self.root, self.name, entry).to_geopandas()


def _of_common_communes(
    old: gpd.GeoDataFrame, new: gpd.GeoDataFrame, same: tuple[Path, ...], replaced: tuple[Path, ...]
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Without the communes that only one edition delivers: they were added to the twin or taken out, not built.

    ``same``: parts that both editions hold; ``replaced``: parts of units that delivered both.
    """
    column = "insee_code"
    if column not in old or column not in new:
        return old, new
    stayed = {code for part in (*same, *replaced) for code in _keys(part, column)}
    common = (stayed | set(old[column].dropna())) & (stayed | set(new[column].dropna()))
    return (
        old[old[column].isna() | old[column].isin(common)].reset_index(drop=True),
        new[new[column].isna() | new[column].isin(common)].reset_index(drop=True),
    )


def _unit_of(name: str, part: str) -> str:
    """The unit of ingest that a part of layer ``name`` comes from, through whatever made it again."""
    _, step, maker, *_ = part.split("/")
    while step != "ingest" and maker.startswith(f"{name}-"):
        maker = maker.removeprefix(f"{name}-")
    return maker


def _plan_renamed(
    workspace: Workspace, name: str, layers: Mapping[str, LayerEntry], record: Record
) -> Iterable[tuple[tuple[str, str], Planned]]:
    """The parts of a layer whose records keep an id that is not the raw one."""
    ids = pd.read_parquet(workspace.root / record.path(_IDS))
    if ids.empty:
        return
    schema = schema_of(name, layers[name])
    assert schema is not None
    for part, sha in layers[name].parts.items():
        keys = _keys(workspace.root / part, schema.key)
        here = ids[ids["raw"].isin(keys)]
        if here.empty:
            continue
        maker = part.split("/")[2]
        unit = Unit(
            stage="renamed",
            name=f"{name}-{maker}",
            version=RENAMED_VERSION,
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
        write_layer_parquet(pd.DataFrame({"raw": list(self.ids), "id": list(self.ids.values())}), folder / _IDS)
        return {"n_renamed": len(self.ids)}


def _ids_kept(workspace: Workspace, entry: LayerEntry) -> dict[str, str]:
    """The id that things of a layer keep, by the one of their file, where it is another one."""
    kept: dict[str, str] = {}
    for part in entry.parts:
        if part.split("/")[1] == "renamed":
            ids = pd.read_parquet((workspace.root / part).with_name(_IDS))
            kept |= dict(zip(ids["raw"].astype(str), ids["id"].astype(str), strict=True))
    return kept


def _keys(part: Path, key: str) -> pd.Series[Any]:
    found: pd.Series[Any] = pd.read_parquet(part, columns=[key])[key].dropna()
    return found


def _with_part(entry: LayerEntry, part: str, record: Record, name: str) -> LayerEntry:
    """The entry with another file in the place of ``part``."""
    new = record.path(f"{name}.parquet"), record.outputs[f"{name}.parquet"]
    parts = dict(new if path == part else (path, sha) for path, sha in entry.parts.items())
    return entry.model_copy(update={"parts": parts})
