"""Every pair of references of the table, with all grids, with none, with each one missing: right, or refused.

The whole matrix takes about thirteen minutes: ``JNT_WHOLE_MATRIX=1``, as CI does beside the other tests. Without it a
seeded sample that meets every system of every territory, from it and to it; the whole takes the sample in.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from crs.matrix import NOT_YET, Ref, difference_m, expected, places, references, refusal_of
from jnt_pipeline.crs import Transformation, operations, transformation
from jnt_pipeline.crs.engines import by_proj
from jnt_pipeline.crs.france.territories import ALL_SYSTEMS, TERRITORIES, FrenchTerritory
from jnt_pipeline.crs.grids import GRIDS_VARIABLE, use_grid_folders
from jnt_pipeline.crs.systems import lonlat, system
from jnt_pipeline.errors import CrsError, DisjointAreasError, MissingGridError

logger = logging.getLogger(__name__)

WHOLE = os.environ.get("JNT_WHOLE_MATRIX") == "1"

TOLERANCE_M = 0.001
"""Seven parameters turned round by PROJ and by the oracle differ by some tenths of a millimetre (Martinique 1938)."""

FULL_ZONES = {first + n for first in (3942, 9822, 9842) for n in (4,)}
OTHER_ZONES = {first + n for first in (3942, 9822, 9842) for n in range(9)} - FULL_ZONES
"""Zones differ by their parameters alone, PROJ's choice does not depend on them: these meet a few references each."""

HUBS = {"EPSG:2154", "EPSG:9794", "EPSG:4979", "EPSG:9781", "EPSG:27572"}

by_territory = pytest.mark.parametrize("territory", TERRITORIES, ids=lambda t: t.name)


def _is_zone(ref: Ref) -> bool:
    return int(ref.horizontal[5:]) in OTHER_ZONES


def _whole(territory: FrenchTerritory) -> list[tuple[Ref, Ref]]:
    refs = references(territory)
    return [
        (a, b)
        for a in refs
        for b in refs
        if not (_is_zone(a) or _is_zone(b)) or (a.horizontal in HUBS or b.horizontal in HUBS or a == b)
    ]


def _sample(territory: FrenchTerritory) -> list[tuple[Ref, Ref]]:
    """Each reference on one side or the other, with a partner that it can be served with where there is one.

    Of the conformal conics one reference per zone: with heights for one zone in two.
    """
    kept = {0: None, 1: territory.legal[1]}  # by the last digit of the zone's code
    refs = [r for r in references(territory) if not _is_zone(r) or r.vertical == kept[int(r.horizontal[5:]) % 2]]
    rng = np.random.default_rng(11 + TERRITORIES.index(territory))
    pairs = []
    for n, ref in enumerate(refs):
        others = [refs[i] for i in rng.permutation(len(refs)) if refs[i] != ref]
        both = [(ref, other) if n % 2 else (other, ref) for other in others]
        pairs.append(next((pair for pair in both if not refusal_of(*pair)), both[0]))
    return list(dict.fromkeys(pairs))


def _pairs(territory: FrenchTerritory) -> list[tuple[Ref, Ref]]:
    sample = _sample(territory)
    return list(dict.fromkeys([*_whole(territory), *sample])) if WHOLE else sample


def _representatives(territory: FrenchTerritory) -> list[Ref]:
    """One projection per datum and what is not projected: PROJ's choice depends on datums and heights alone."""
    kept: dict[tuple[str, str, str | None], Ref] = {}
    for ref in references(territory):
        kept.setdefault((ref.datum, ref.kind, ref.vertical), ref)
    return list(kept.values())


EVERY = 8
"""One cell in eight is computed as users compute it, compiled kernels included (building them takes longer than PROJ's
answer, and they are compared with PROJ when they are built); the others by the route that PROJ runs."""


def _served(
    chosen: Transformation, source: Ref, target: Ref, territory: FrenchTerritory, grids: Path, *, as_users: bool
) -> float | None:
    """Largest difference from the oracle, metres; None when no point of the territory lies in the cell's domain."""
    with np.errstate(all="ignore"):
        start, want = expected(source, target, places(territory.name), grids)
    use = np.isfinite(start).all(axis=1) & np.isfinite(want).all(axis=1)
    lon, lat = lonlat(system(chosen.source), np.where(np.isfinite(start), start, 0.0))
    for domain in chosen._domains:
        use &= domain.contains(lon, lat)
    if not use.any():
        return None
    if as_users or not chosen._route.steps:
        return difference_m(target, chosen.apply(start[use]), want[use])
    return difference_m(target, by_proj(chosen._route, start[use], "matrix", use_grid_folders()), want[use])


@by_territory
def test_the_sample_meets_every_system_of_the_territory(territory: FrenchTerritory) -> None:
    met = {code for pair in _sample(territory) for ref in pair for code in (ref.horizontal, ref.vertical)}
    assert {*territory.horizontals, *territory.verticals} - met <= NOT_YET


@by_territory
def test_each_cell_is_right_or_refused_for_the_reason_that_the_table_gives(
    territory: FrenchTerritory, grids: Path
) -> None:
    wrong, n_served, n_refused, n_empty, worst = [], 0, 0, 0, 0.0
    for source, target in _pairs(territory):
        refusal = refusal_of(source, target)
        try:
            chosen = transformation(source.text, target.text)
        except CrsError as error:
            n_refused += 1
            if type(error).__name__ != refusal:
                wrong.append(
                    f"{source.text} to {target.text}: {type(error).__name__}, expected {refusal or 'an answer'}"
                )
            continue
        if refusal:
            wrong.append(f"{source.text} to {target.text}: served, expected {refusal}")
            continue
        apart = _served(chosen, source, target, territory, grids, as_users=n_served % EVERY == 0)
        if apart is None:
            n_empty += 1
            continue
        n_served, worst = n_served + 1, max(worst, apart)
        if not apart <= TOLERANCE_M:
            wrong.append(f"{source.text} to {target.text}: {apart:.4f} m from the oracle")
    logger.info(
        "%s: %d served, worst %.6f m, %d refused, %d without a point",
        territory.name,
        n_served,
        worst,
        n_refused,
        n_empty,
    )
    assert not wrong, "\n".join(wrong)
    assert n_served > 0.4 * len(_pairs(territory))
    assert n_empty <= 0.05 * len(_pairs(territory))


# ---- grids missing --------------------------------------------------------------------------------------------------


@pytest.fixture
def some_grids(grids: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A function that leaves all grids on PROJ's path but those named; None leaves none at all."""
    made = 0

    def without(names: set[str] | None) -> None:
        nonlocal made
        folder = tmp_path / f"grids{made}"
        made += 1
        folder.mkdir()
        for path in grids.glob("*.tif"):
            if names is not None and path.name not in names:
                (folder / path.name).symlink_to(path)
        monkeypatch.setenv(GRIDS_VARIABLE, str(folder))

    yield without
    monkeypatch.undo()


def _missing_pairs(territory: FrenchTerritory) -> list[tuple[Ref, Ref]]:
    refs = _representatives(territory)
    pairs = [(a, b) for a in refs for b in refs if not refusal_of(a, b) and a != b]
    if WHOLE:
        return pairs
    rng = np.random.default_rng(5 + TERRITORIES.index(territory))
    with_heights = [p for p in pairs if p[0].vertical and p[0].vertical != p[1].vertical and p[1].has_heights]
    return [
        *(pairs[i] for i in rng.permutation(len(pairs))[:3]),
        *(with_heights[i] for i in rng.permutation(len(with_heights))[:3]),
    ]


def _pipeline(source: Ref, target: Ref) -> tuple[str, str]:
    """The pipeline of a cell, or the text of the error about a missing grid."""
    try:
        return transformation(source.text, target.text).operation.pipeline, ""
    except MissingGridError as error:
        return "", str(error)


@by_territory
def test_no_cell_changes_in_silence_when_grids_are_missing(
    territory: FrenchTerritory, grids: Path, some_grids: object
) -> None:
    assert callable(some_grids)
    whole: dict[tuple[Ref, Ref], tuple[str, set[str]]] = {}
    for pair in _missing_pairs(territory):
        operation = transformation(pair[0].text, pair[1].text).operation
        whole[pair] = operation.pipeline, {grid.name for grid in operation.grids}
    names = sorted(set(territory.grids) | {name for _, used in whole.values() for name in used})
    states: list[set[str] | None] = [None, *({name} for name in names)]
    n_refused = 0
    for state in states:
        some_grids(state)
        for (source, target), (pipeline, used) in whole.items():
            gone = used if state is None else used & state
            now, refusal = _pipeline(source, target)
            if refusal:
                n_refused += 1
                # Refused by the name of a grid that is away; one that the cell never reads may be asked for, not taken.
                assert any(name in refusal for name in (gone or state or names)), (source, target, state)
                continue
            assert not gone, f"{source.text} to {target.text} is served without {gone}"
            assert now == pipeline, f"{source.text} to {target.text} changed without {state}"
    assert n_refused >= 4


# ---- pairs that meet nowhere ----------------------------------------------------------------------------------------


def _legal(territory: FrenchTerritory) -> list[Ref]:
    horizontal, vertical = territory.legal
    solid = next(code for code in territory.horizontals if ALL_SYSTEMS[code].kind == "geographic 3D")
    return [Ref(horizontal), Ref(horizontal, vertical), Ref(solid)]


def _share_plane(one: FrenchTerritory, other: FrenchTerritory) -> bool:
    return one.legal[0] == other.legal[0]


DISJOINT = [
    (a, b)
    for one in TERRITORIES
    for other in TERRITORIES
    if one is not other
    for a in _legal(one)
    for b in _legal(other)
    # In the plane the islands of the Antilles share their system, and so do the mainland and Corsica.
    if not _share_plane(one, other) or (a.vertical and b.vertical)
]


def test_pairs_of_two_territories_are_refused_before_proj_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        pytest.fail("PROJ was asked for an operation")

    monkeypatch.setattr(operations, "TransformerGroup", asked)
    monkeypatch.setattr(operations, "candidates", asked)
    assert len(DISJOINT) > 1000
    for a, b in DISJOINT:
        with pytest.raises(DisjointAreasError) as caught:
            transformation(a.text, b.text)
        assert caught.value.found
        assert caught.value.remedy


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("EPSG:2154", "EPSG:2975"),
        ("EPSG:2154+5720", "EPSG:2975+5758"),
        ("EPSG:5490+5757", "EPSG:5490+9130"),
        ("EPSG:2154+5720", "EPSG:2154+5721"),
        ("EPSG:5698", "EPSG:5699"),
        ("EPSG:3942", "EPSG:3950"),
        ("EPSG:25830+5721", "EPSG:4979"),
        ("EPSG:2975+5720", "EPSG:2975+5720"),
        ("EPSG:32740", "EPSG:2154"),
        ("EPSG:31370", "EPSG:2975"),
    ],
)
def test_a_pair_without_a_common_place_says_where_each_code_holds(source: str, target: str) -> None:
    with pytest.raises(DisjointAreasError) as caught:
        transformation(source, target)
    assert "EPSG:" in caught.value.found
    assert " in " in caught.value.found


@pytest.mark.parametrize(
    ("pair", "area", "expected"),
    [
        (("EPSG:2154+5720", "EPSG:4979"), (8.6, 41.8, 8.9, 42.0), "France continentale"),  # Ajaccio
        (("EPSG:2154", "EPSG:4326"), (48.0, 2.0, 49.0, 3.0), "area of use of EPSG:2154"),  # latitude first
        (("EPSG:4326", "EPSG:2975"), (2.0, 48.0, 3.0, 49.0), "area of use of EPSG:2975"),
    ],
)
def test_an_area_where_a_reference_does_not_hold_is_named_not_called_a_pair_without_operation(
    pair: tuple[str, str], area: tuple[float, float, float, float], expected: str
) -> None:
    with pytest.raises(DisjointAreasError, match="lies where one of the references does not hold") as caught:
        transformation(*pair, area=area)
    assert expected in caught.value.expected


@pytest.mark.parametrize(
    "area", [(2.0, 49.0, 3.0, 48.0), (2.0, 48.0, float("nan"), 49.0), (600_000.0, 48.0, 3.0, 49.0)]
)
def test_an_area_that_is_no_box_in_degrees_is_refused(area: tuple[float, float, float, float]) -> None:
    with pytest.raises(CrsError, match="not a box in degrees"):
        transformation("EPSG:2154", "EPSG:4326", area=area)


@pytest.mark.parametrize(
    ("source", "target"),
    [("EPSG:3942", "EPSG:3943"), ("EPSG:2154", "EPSG:27564"), ("EPSG:32631", "EPSG:2154"), ("EPSG:3812", "EPSG:2154")],
)
def test_neighbours_that_meet_are_not_called_disjoint(source: str, target: str, grids: Path) -> None:
    assert transformation(source, target).valid_in
