"""Ids that survive a new edition, and what is remembered of those that do not."""

from __future__ import annotations

import doctest
from types import ModuleType

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.affinity import translate
from shapely.geometry import Polygon, box
from tests.territory.edited_towns import edited_town, frame_of, perturbed_ids, rewritten

from jnt_pipeline.base_layers.columns import Column, LayerSchema
from jnt_pipeline.base_layers.schema import SCHEMAS
from jnt_pipeline.territory.changes import (
    ChangeParameters,
    ChangeSet,
    LayerEdition,
    change_set,
    empty_registry,
    layer_changes,
    registry,
    resolve,
    vintages,
)

DEFAULTS = ChangeParameters()
FOOTPRINTS = LayerSchema(
    name="footprints",
    title="",
    key="footprint_id",
    shape="polygon",
    columns=tuple(Column(name, "text", name) for name in ("footprint_id", "section_id", "insee_code", "building_type")),
)


def place_id(shape: Polygon) -> str:
    return f"b{shape.centroid.x:.1f},{shape.centroid.y:.1f}"


def footprints(*shapes: Polygon) -> gpd.GeoDataFrame:
    """Footprints under ids of their place, as a source gives them."""
    ids = pd.Series([place_id(shape) for shape in shapes], dtype="str")
    return gpd.GeoDataFrame({"footprint_id": ids}, geometry=list(shapes), crs="EPSG:2154")


class Twin:
    """A twin that takes one edition after the other and keeps its ids."""

    def __init__(self, *shapes: Polygon):
        self.frame, self.edition = footprints(*shapes), 1
        self.aliases = empty_registry()

    def take(self, *shapes: Polygon) -> list[str]:
        """The ids of the next edition, in its order."""
        self.changes = self._next(footprints(*shapes))
        return self.ids

    def _next(self, new: gpd.GeoDataFrame) -> ChangeSet:
        before = LayerEdition(frame=self.frame, schema=FOOTPRINTS, vintage=f"v{self.edition}", number=self.edition)
        self.edition += 1
        after = LayerEdition(frame=new, schema=FOOTPRINTS, vintage=f"v{self.edition}", number=self.edition)
        found = change_set(
            {"footprints": before}, {"footprints": after}, DEFAULTS, aliases=self.aliases, crs="EPSG:2154"
        )
        self.frame, self.aliases = new.assign(footprint_id=found.ids["footprints"]), found.aliases
        return found

    @property
    def ids(self) -> list[str]:
        return self.frame["footprint_id"].tolist()

    def resolve(self, id: str) -> tuple[str, ...]:
        return resolve(self.aliases, "footprints", id)


A, B, C = box(0, 0, 10, 10), box(10, 0, 20, 10), box(50, 0, 60, 10)


def test_when_nothing_changed_every_id_is_the_one_it_was_though_the_place_reads_otherwise() -> None:
    twin = Twin(A, B, C)
    before = twin.ids

    after = twin.take(translate(C, 0.04, 0), translate(A, 0.04, 0), B)

    assert place_id(translate(A, 0.04, 0)) == before[0]
    assert twin.take(translate(A, 0.06, 0), B, C) == before  # 0.02 m after 0.04: the derived id is another now
    assert place_id(translate(A, 0.06, 0)) not in before
    assert after == [before[2], before[0], before[1]]
    assert len(twin.changes.changes) == 0
    assert len(twin.aliases) == 0


def test_an_extension_and_a_redrawing_keep_the_id() -> None:
    twin = Twin(A, C)
    a, c = twin.ids

    assert twin.take(box(0, 0, 30, 10), translate(C, 2, 1)) == [a, c]
    assert [row["change_type"] for row in twin.changes.changes.to_dict("records")] == ["modified", "modified"]
    assert twin.resolve(a) == (a,)


def test_the_larger_part_of_a_split_keeps_the_id_and_no_part_of_two_halves_does() -> None:
    uneven, even = Twin(A), Twin(A)
    (a,) = uneven.ids

    kept = uneven.take(box(0, 0, 4, 10), box(4, 0, 10, 10))
    halves = even.take(box(0, 0, 5, 10), box(5, 0, 10, 10))

    assert kept == [place_id(box(0, 0, 4, 10)), a]
    assert uneven.resolve(a) == (a,)
    assert a not in halves
    assert even.resolve(a) == tuple(sorted(halves))
    assert even.aliases["share"].tolist() == [0.5, 0.5]
    assert set(even.aliases["reason"]) == {"split"}


def test_the_larger_part_of_a_merger_gives_its_id_and_the_other_resolves_to_it() -> None:
    large, small = box(0, 0, 14, 10), box(14, 0, 20, 10)
    twin = Twin(large, small)
    a, b = twin.ids

    assert twin.take(box(0, 0, 20, 10)) == [a]
    assert twin.resolve(b) == (a,)
    assert twin.aliases.drop(columns="until").to_dict("records") == [
        {"layer": "footprints", "alias": b, "id": a, "reason": "merged", "share": 1.0, "since": "v2"}
    ]
    assert twin.aliases["until"].isna().all()


def test_ids_are_followed_through_several_editions() -> None:
    twin = Twin(A, B, C)
    a, b, c = twin.ids
    merged = twin.take(box(0, 0, 20, 10), C)[0]
    thirds = twin.take(*(box(20 * k / 3, 0, 20 * (k + 1) / 3, 10) for k in range(3)))

    assert merged not in {a, b}
    assert twin.resolve(a) == twin.resolve(b) == twin.resolve(merged) == tuple(sorted(thirds))
    assert twin.resolve(c) == ()


def test_what_was_undone_has_its_old_ids_again() -> None:
    """A, B, A: an extension, an even split and a demolition, each undone."""
    twin = Twin(A, B, C)
    first = twin.ids
    second = twin.take(box(0, -10, 10, 10), box(10, 0, 15, 10), box(15, 0, 20, 10))

    assert twin.resolve(first[1]) == tuple(sorted(second[1:]))
    assert twin.resolve(first[2]) == ()
    assert twin.take(A, B, C) == first
    assert [twin.resolve(one) for one in first] == [(one,) for one in first]
    assert twin.resolve(second[1]) == (first[1],)
    assert twin.take(box(0, -10, 10, 10), box(10, 0, 15, 10), box(15, 0, 20, 10)) == second
    assert twin.resolve(first[1]) == tuple(sorted(second[1:]))


def test_the_same_change_in_another_edition_is_another_change() -> None:
    twin = Twin(A)
    digests = []
    for shape in (box(0, 0, 13, 10), A, box(0, 0, 13, 10)):
        twin.take(shape)
        digests.append(twin.changes.changes["change_id"].iloc[0])

    assert len(set(digests)) == 3


def test_an_id_in_force_is_never_given_to_another_thing() -> None:
    """A moves by 4 m and keeps its id, which is that of its first place; what is built there next must have another."""
    twin = Twin(A)
    (a,) = twin.ids
    assert twin.take(translate(A, 4, 0)) == [a]
    assert twin.take(translate(A, 8, 0)) == [a]
    assert twin.take(translate(A, 12, 0)) == [a]

    ids = twin.take(translate(A, 12, 0), A)

    assert ids == [a, f"{a}-2"]
    assert twin.take(A, translate(A, 12, 0)) == [f"{a}-2", a]


def test_a_new_building_centred_where_one_was_demolished_has_another_id() -> None:
    twin = Twin(A)
    (a,) = twin.ids

    (new,) = twin.take(box(4, 4, 6, 6))

    assert place_id(box(4, 4, 6, 6)) == a
    assert new == f"{a}-2"
    assert twin.resolve(a) == ()


def test_a_number_that_was_given_once_is_not_given_again() -> None:
    twin = Twin(A)
    (a,) = twin.ids
    assert twin.take(box(4, 4, 6, 6)) == [f"{a}-2"]
    assert twin.take() == []
    assert twin.take(A) == [a]

    assert twin.take(box(4, 4, 6, 6)) == [f"{a}-3"]


def test_footprints_of_a_sheet_that_moved_keep_their_ids_and_are_told_once() -> None:
    town = [translate(box(0, 0, 8 + k % 4, 10 + k % 3), 25 * (k % 5), 30 * (k // 5)) for k in range(25)]
    twin = Twin(*town)
    before = twin.ids
    new = [translate(shape, -1.5, 3.25) for shape in town]
    new[12] = translate(box(0, 0, 14, 10), 50 - 1.5, 60 + 3.25)  # one was extended besides

    assert twin.take(*new) == before
    told = {row["change_type"]: row for row in twin.changes.changes.to_dict("records")}
    assert set(told) == {"shifted", "modified"}
    assert '"shift_m":[-1.5,3.25]' in told["shifted"]["evidence"]


@pytest.mark.parametrize("seed", range(3))
def test_random_edits_keep_exactly_the_ids_of_what_is_still_the_same(seed: int) -> None:
    town = edited_town(120, seed)
    rng = np.random.default_rng(seed)
    old, new = perturbed_ids(town.old), perturbed_ids(town.new)
    before = LayerEdition(frame=frame_of(old, "footprint_id", rng), schema=FOOTPRINTS, vintage="1")
    after = LayerEdition(frame=frame_of(new, "footprint_id", rng), schema=FOOTPRINTS, vintage="2", number=2)

    found = layer_changes(before, after, DEFAULTS)

    # What a name tells, the place does not: a renaming is no change where the key is derived.
    truth = [kind for kind, _, _ in town.truth if kind != "renamed"]
    assert sorted(found.changes["change_type"]) == sorted(truth)
    assert found.ids.is_unique
    assert found.ids.index.equals(after.frame.index)
    by_name = dict(zip(found.ids, after.frame.geometry, strict=True))
    names = dict(zip(town.old, old, strict=True))
    ended = {one for kind, olds, _ in town.truth for one in olds if kind in {"removed", "split", "merged", "reshaped"}}
    renamed = {olds[0]: news[0] for kind, olds, news in town.truth if kind == "renamed"}
    for one in town.old:
        if one not in ended:
            assert by_name[names[one]].equals(town.new[renamed.get(one, one)][0])


def test_written_again_a_town_keeps_every_id() -> None:
    town = edited_town(50, 11)
    rng = np.random.default_rng(5)
    old = perturbed_ids(town.old)
    again = {f"x{one}": (rewritten(shape, rng), kind) for one, (shape, kind) in old.items()}
    before = LayerEdition(frame=frame_of(old, "footprint_id"), schema=FOOTPRINTS)
    after = LayerEdition(frame=frame_of(again, "footprint_id"), schema=FOOTPRINTS, number=2)

    found = layer_changes(before, after, DEFAULTS)

    assert len(found.changes) == 0
    assert found.ids.tolist() == list(old)


def test_of_two_things_with_one_outline_each_keeps_its_own_id() -> None:
    """A light roof drawn exactly over a durable building; 4 cm later the derived ids say nothing of which is which."""

    def edition(x: float, ids: tuple[str, str], number: int) -> LayerEdition:
        table = {"footprint_id": list(ids), "building_type": ["light", "durable"]}
        frame = gpd.GeoDataFrame(table, geometry=[translate(A, x, 0)] * 2, crs="EPSG:2154")
        return LayerEdition(frame=frame, schema=FOOTPRINTS, number=number)

    found = layer_changes(edition(0, ("a", "b"), 1), edition(0.04, ("z", "y"), 2), DEFAULTS)

    assert found.ids.tolist() == ["a", "b"]
    assert len(found.changes) == 0


def test_keys_of_the_producer_are_kept_as_they_are_and_a_divided_parcel_resolves_to_its_parts() -> None:
    schema = SCHEMAS["parcels"]

    def edition(shapes: dict[str, Polygon], number: int) -> LayerEdition:
        frame = gpd.GeoDataFrame({"parcel_id": list(shapes)}, geometry=list(shapes.values()), crs="EPSG:2154")
        return LayerEdition(frame=frame, schema=schema, vintage=str(2024 + number), number=number)

    first = edition({"12": A, "13": C}, 1)
    second = edition({"345": box(0, 0, 3, 10), "346": box(3, 0, 10, 10), "347": C}, 2)

    found = change_set({"parcels": first}, {"parcels": second}, DEFAULTS, aliases=empty_registry(), crs="EPSG:2154")

    assert found.ids["parcels"].tolist() == ["345", "346", "347"]
    assert resolve(found.aliases, "parcels", "12") == ("345", "346")
    assert resolve(found.aliases, "parcels", "13") == ("347",)
    assert resolve(found.aliases, "parcels", "999") == ("999",)
    assert resolve(found.aliases, "footprints", "12") == ("12",)
    assert found.aliases["share"].tolist()[:2] == [0.3, 0.7]


def test_layers_without_a_counterpart_are_named_and_have_no_change() -> None:
    one = LayerEdition(frame=footprints(A), schema=FOOTPRINTS)
    table = LayerEdition(frame=footprints(A), schema=SCHEMAS["observations"])

    found = change_set(
        {"footprints": one, "observations": table},
        {"sheets": one, "observations": table},
        DEFAULTS,
        aliases=empty_registry(),
        crs="EPSG:2154",
    )

    assert found.not_compared == {
        "footprints": "no longer in the twin",
        "observations": "a table without key or geometry",
        "sheets": "no edition before this one",
    }
    assert len(found.changes) == 0
    assert found.ids == {}


@pytest.mark.parametrize("module", [registry, vintages], ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_examples_of_a_module_give_what_they_say(module: ModuleType) -> None:
    results = doctest.testmod(module)

    assert (results.failed, results.attempted > 0) == (0, True)
