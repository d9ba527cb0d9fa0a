"""Editions (*millésimes*): what changed in each layer since the twin was last published, and the ids that survive it.

An edition of a layer is the set of parts that ingest made. The last published twin says which edition it shows and
which one was before it, so that the same run, repeated or resumed, compares the same two. Parts whose bytes are those
of the edition before are not read: a changed sheet is compared with what it replaces, and nothing else. A twin that
was in another reference is brought into this one first: ids survive, and no change is told.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from jnt_pipeline import disk
from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.base_layers.parquet import write_layer_parquet
from jnt_pipeline.base_layers.tables.surveyed import SURVEYED
from jnt_pipeline.config import TwinConfig
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import CrsError
from jnt_pipeline.provenance import Counts
from jnt_pipeline.runner import NOTHING_DONE, Planned, Runner, StageReport, make_units
from jnt_pipeline.stages.related import RELATIONS, plan_related
from jnt_pipeline.stages.renamed import IDS, ids_kept, part_keys, plan_renamed
from jnt_pipeline.stages.returning import ABSENT, absent_things, ids_of_returning, in_reference, read_absent
from jnt_pipeline.store import Record, Unit, Workspace
from jnt_pipeline.territory.changes import (
    DERIVED_KEY_LAYERS,
    ChangeParameters,
    LayerEdition,
    change_set,
    empty_registry,
)
from jnt_pipeline.twin import (
    Edition,
    LayerEntry,
    TwinIndex,
    layer_entries,
    schema_of,
    stored_layer,
    write_layer,
)

__all__ = ["follow_editions"]

logger = logging.getLogger(__name__)

CHANGES_VERSION = 3

_NOT_COMPARED = frozenset(schema.name for schema in SURVEYED)  # files and networks are replaced, not revised


def follow_editions(
    config: TwinConfig, workspace: Workspace, runner: Runner, base: TwinIndex, published: TwinIndex | None
) -> tuple[TwinIndex, StageReport]:
    """The base layers with the ids that survive, the layers ``changes`` and ``aliases``, and the editions on record.

    ``base``: as ingest left it; ``published``: the twin as last published, None before the first time.
    """
    if published and published.reference != config.reference:
        logger.warning(
            "the twin was in %s and is now in %s: ids are kept, changes since then are not told",
            published.reference,
            config.reference,
        )
    layers, editions, report = dict(base.layers), dict[str, Edition](), NOTHING_DONE
    planned: list[Planned] = []
    for name, entry in sorted(base.layers.items()):
        schema = schema_of(name, entry)
        if name in _NOT_COMPARED or schema is None or not schema.key or schema.shape == "none":
            continue
        this = _edition(name, entry, config, published)
        editions[name] = this
        if this.before is not None:
            layers[name] = _with_ids_of_before(entry, this.before, this.before_shown)
            planned.append(_plan_changes(name, entry, this, config, workspace))
    records, done = make_units(workspace, runner, planned)
    report += done
    for name, record in records.items():
        aliases = record.path("aliases.parquet")
        editions[name] = editions[name].model_copy(update={"own_aliases": {aliases: record.outputs["aliases.parquet"]}})
    renamed = dict[tuple[str, str], Planned]()
    for name, record in records.items():
        before = editions[name].before
        assert before is not None
        renamed |= dict(plan_renamed(workspace, name, layers[name], before, record))
    again, done = make_units(workspace, runner, list(renamed.values()))
    report += done
    for (name, part), one in renamed.items():
        layers[name] = _with_part(layers[name], part, again[one.unit.name], name)
    if RELATIONS in layers:
        ids = {name: ids_kept(workspace, layers[name]) for name in editions}
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
    editions |= _of_layers_away(base, published)
    return base.model_copy(update={"layers": layers, "editions": editions, "units": units}), report


def _edition(name: str, entry: LayerEntry, config: TwinConfig, published: TwinIndex | None) -> Edition:
    """Which edition of a layer this is, and what it is compared with."""
    first = Edition(
        number=1,
        reference=config.reference,
        area=config.area,
        raw=entry.parts,
        vintage=entry.provenance.vintage,
    )
    last = published.editions.get(name) if published else None
    if published is None or last is None:
        return first
    if sorted(last.raw.values()) == sorted(entry.parts.values()):
        return last.model_copy(update={"raw": entry.parts, "area": config.area, "reference": config.reference})
    shown = published.layers.get(name)
    before = {field: getattr(last, field) for field in _BEFORE} if shown is None else _as_shown(last, shown)
    layer = before["before"]
    if layer is not None and _key(name, layer) != _key(name, entry):
        logger.warning("%s: its key is another one now; ids start anew, and what changed is not told", name)
        return first.model_copy(update={"number": last.number + 1})
    is_told = shown is not None and last.area == config.area and last.reference == config.reference
    return first.model_copy(update={**before, "number": last.number + 1, "is_told": is_told})


def _key(name: str, entry: LayerEntry) -> str:
    schema = schema_of(name, entry)
    return schema.key if schema else ""


_BEFORE = ("before", "before_shown", "before_vintage", "aliases")


def _as_shown(last: Edition, shown: LayerEntry) -> dict[str, Any]:
    """What the edition after ``last`` is compared with."""
    values = (shown, last.shown, last.vintage, last.own_aliases)
    return dict(zip(_BEFORE, values, strict=True))


def _of_layers_away(base: TwinIndex, published: TwinIndex | None) -> dict[str, Edition]:
    """Of the layers that no source delivers for now: kept as they were shown last, so that their ids come back."""
    away: dict[str, Edition] = {}
    for name, last in published.editions.items() if published else ():
        if name not in base.layers:
            shown = published.layers.get(name) if published else None
            kept = (
                {} if shown is None else {**_as_shown(last, shown), "number": last.number + 1, "raw": {}, "shown": {}}
            )
            away[name] = last.model_copy(update=kept)
    return away


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
    units = {_unit_of(name, part) for part in entry.parts}
    gone = {one for part in old if (one := _unit_of(name, part)) not in units}
    beside = (workspace.root / part for part in edition.aliases)
    absent = tuple(path for register in beside if (path := register.with_name(ABSENT)).is_file())
    unit = Unit(
        stage="changes",
        name=name,
        version=CHANGES_VERSION,
        parameters={
            "changes": config.changes.model_dump(mode="json"),
            "edition": edition.number,
            "is_told": edition.is_told,
            "vintages": [edition.before_vintage, edition.vintage],
            "delivered": sorted({_unit_of(name, part) for part in new}),
            "gone": sorted(gone),
        },
        inputs={
            **{f"before/{number:05d}": sha for number, sha in enumerate(old.values())},
            **{f"now/{number:05d}": sha for number, sha in enumerate(new.values())},
            **{f"stayed/{number:05d}": sha for number, sha in enumerate(same.values())},
            **{f"aliases/{number:05d}": sha for number, sha in enumerate(edition.aliases.values())},
            **{f"absent/{number:05d}": disk.file_sha256(path) for number, path in enumerate(absent)},
        },
    )
    work = ChangesWork(
        name=name,
        before=before.model_copy(update={"parts": old}),
        now=entry.model_copy(update={"parts": new}),
        same=tuple(workspace.root / part for part in same),
        aliases=tuple(workspace.root / part for part in edition.aliases),
        absent=absent,
        gone=frozenset(gone),
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
    absent: tuple[Path, ...]
    """What the edition before did not deliver, though an earlier one did."""
    gone: frozenset[str]
    """Units that only the edition before delivers."""
    edition: int
    vintages: tuple[str, str]
    is_told: bool
    reference: Reference
    parameters: ChangeParameters
    root: Path

    def __call__(self, folder: Path) -> Mapping[str, Any]:
        """Write the layers ``changes`` and ``aliases``; ``ids.parquet``: the ids that differ from the raw ones; and
        ``absent.parquet``, of a layer whose keys are derived."""
        schema = schema_of(self.name, self.now)
        assert schema is not None
        now = self._frame(self.now)
        try:
            before = in_reference(self._frame(self.before), self._reference_before, self.reference)
            absent = read_absent(self.absent, schema, self.reference, self._reference_before)
        except CrsError as error:
            logger.warning("%s: ids start anew, the edition before cannot be brought here: %s", self.name, error)
            before, absent = now[:0], read_absent((), schema, self.reference, self.reference)
        stayed = {str(one) for part in self.same for one in part_keys(part, schema.key)}
        returned: dict[str, list[str]] = {}
        for part in self.now.parts:
            returned.setdefault(_unit_of(self.name, part), []).extend(
                part_keys(self.root / part, schema.key).astype(str)
            )
        in_force = stayed | set(before[schema.key].astype(str))
        had = ids_of_returning(absent, returned, now, in_force, schema, self.parameters)
        raw_of = {one: raw for raw, one in had.items()}
        now[schema.key] = now[schema.key].astype("str").map(lambda raw: had.get(raw, raw))
        old, new = _of_common_communes(before, now, self.same, self._replaced())
        registers = [pd.read_parquet(path) for path in self.aliases]
        so_far = pd.concat(registers, ignore_index=True) if registers else empty_registry()
        found = change_set(
            {self.name: LayerEdition(frame=old, schema=schema, vintage=self.vintages[0])},
            {self.name: LayerEdition(frame=new, schema=schema, vintage=self.vintages[1], number=self.edition)},
            self.parameters,
            aliases=so_far,
            in_force={self.name: stayed},
            crs=self.reference.horizontal,
        )
        pairs = zip(new[schema.key].astype("str"), found.ids[self.name].astype("str"), strict=True)
        ids = had | {raw_of.get(key, key): one for key, one in pairs}
        ids = {raw: one for raw, one in ids.items() if raw != one}
        write_layer_parquet(pd.DataFrame({"raw": list(ids), "id": list(ids.values())}, dtype="str"), folder / IDS)
        if self.name in DERIVED_KEY_LAYERS:
            names = now[schema.key].astype("str")
            in_force = stayed | set(names.map(lambda key: ids.get(raw_of.get(key, key), key)))
            gone = {
                unit: before[before[schema.key].isin(part_keys(self.root / part, schema.key))]
                for part in self.before.parts
                if (unit := _unit_of(self.name, part)) in self.gone
            }
            write_layer_parquet(absent_things(absent, gone, set(returned), in_force, schema), folder / ABSENT)
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

    @property
    def _reference_before(self) -> Reference:
        assert self.before.reference is not None
        return self.before.reference

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
    stayed = {code for part in (*same, *replaced) for code in part_keys(part, column)}
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


def _with_part(entry: LayerEntry, part: str, record: Record, name: str) -> LayerEntry:
    """The entry with another file in the place of ``part``."""
    new = record.path(f"{name}.parquet"), record.outputs[f"{name}.parquet"]
    parts = dict(new if path == part else (path, sha) for path, sha in entry.parts.items())
    return entry.model_copy(update={"parts": parts})
