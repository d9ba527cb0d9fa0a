from __future__ import annotations

import re

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.crs.transform import transform_geometries, transformation
from jnt_pipeline.sources.footprint_ids import footprint_ids

LONLAT, LAMBERT, CC46, UTM = (Reference(horizontal=f"EPSG:{code}") for code in (4326, 2154, 3946, 25831))
Plan = np.ndarray[tuple[int], np.dtype[np.object_]]


def ids(*geometries: shapely.Geometry, commune: str | None = "38001") -> list[str | None]:
    codes = np.array([commune] * len(geometries), dtype=object)
    return footprint_ids(codes, np.array(geometries, dtype=object)).tolist()


places = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=30, unique=True
)  # cells of about 11 m: footprints that do not share a place


def house(cell: tuple[int, int]) -> shapely.Polygon:
    west, south = 5.6 + cell[0] * 1e-4, 45.5 + cell[1] * 1e-4
    return shapely.box(west, south, west + 8e-5, south + 5e-5)


@given(places, st.randoms(use_true_random=False))
def test_ids_depend_neither_on_the_order_nor_on_the_neighbours(cells: list[tuple[int, int]], random) -> None:  # type: ignore[no-untyped-def]
    houses = [house(cell) for cell in cells]
    alone = [ids(one)[0] for one in houses]
    assert ids(*houses) == alone
    order = list(range(len(houses)))
    random.shuffle(order)
    assert ids(*[houses[i] for i in order]) == [alone[i] for i in order]
    assert len(set(alone)) == len(alone)


def test_the_form_is_commune_b_and_twelve_characters() -> None:
    (found,) = ids(house((3, 4)))
    assert found is not None
    assert re.fullmatch(r"38001-B-[0-9A-HJKMNP-TV-Z]{12}", found)


def test_ring_start_and_winding_do_not_show() -> None:
    ring = [(5.6, 45.5), (5.6001, 45.5), (5.6001, 45.5001), (5.6, 45.5001)]
    turned = [*ring[2:], *ring[:2]]
    assert ids(shapely.Polygon(ring)) == ids(shapely.Polygon(turned)) == ids(shapely.Polygon(turned[::-1]))


def test_identical_footprints_share_their_id_so_that_one_is_set_aside_as_duplicate() -> None:
    first, second, other = ids(house((0, 0)), house((0, 0)), house((5, 5)))
    assert first == second
    assert first != other


def test_concentric_footprints_are_told_apart_by_size_whatever_their_order() -> None:
    court = shapely.box(5.6, 45.5, 5.6004, 45.5004).difference(shapely.box(5.6001, 45.5001, 5.6003, 45.5003))
    kiosk = shapely.box(5.60015, 45.50015, 5.60025, 45.50025)
    large, small = ids(court, kiosk)
    assert small == f"{large}-2"
    assert ids(kiosk, court) == [small, large]


def test_without_commune_or_place_there_is_no_id() -> None:
    assert ids(house((0, 0)), commune=None) == [None]
    assert ids(shapely.Polygon()) == [None]
    assert ids() == []


def test_two_communes_never_share_an_id() -> None:
    assert ids(house((0, 0))) != ids(house((0, 0)), commune="38002")


def plan(seed: int) -> Plan:
    """Two hundred houses of four to nine corners, turned, with coordinates that lie on no grid; Lambert-93."""
    chance = np.random.default_rng(seed)
    houses = []
    for _ in range(200):
        angles = np.sort(chance.uniform(0, 2 * np.pi, chance.integers(4, 10)))
        corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * chance.uniform(3, 20)
        houses.append(shapely.Polygon(corners + chance.uniform([860_000, 6_540_000], [880_000, 6_560_000])))
    return np.array(houses, dtype=object)


def rounded(shapes: Plan, decimals: int) -> Plan:
    return np.asarray(shapely.transform(shapes, lambda xy: xy.round(decimals)), dtype=object)


def brought(shapes: Plan, source: Reference, target: Reference) -> Plan:
    return transform_geometries(shapes, transformation(source, target))


def trembling(shapes: Plan, by: float) -> Plan:
    """Every vertex moved by up to ``by`` in each axis, the same vertex always alike, so that rings stay closed."""
    return np.asarray(
        shapely.transform(shapes, lambda xy: xy + by * np.sin(xy @ [[9173.7, 313.7], [511.3, 7919.1]])), dtype=object
    )


def named(shapes: Plan, reference: Reference) -> list[str | None]:
    return footprint_ids(np.full(len(shapes), "38001", dtype=object), shapes, reference=reference).tolist()


@given(st.integers(0, 2**32), st.sampled_from([CC46, UTM, LONLAT]))
@settings(max_examples=4)
def test_a_plan_in_centimetres_keeps_its_ids_in_another_reference_and_back_and_in_the_format_of_etalab(
    seed: int, other: Reference
) -> None:
    edigeo = rounded(plan(seed), 2)
    ids = named(edigeo, LAMBERT)
    digits = 8 if other is LONLAT else 3
    assert named(brought(rounded(brought(edigeo, LAMBERT, other), digits), other, LAMBERT), LAMBERT) == ids
    assert named(trembling(edigeo, 0.0019), LAMBERT) == ids
    assert named(rounded(brought(edigeo, LAMBERT, LONLAT), 7), LONLAT) == ids


@given(st.integers(0, 2**32), st.sampled_from([LAMBERT, CC46, UTM]))
@settings(max_examples=4)
def test_a_plan_of_etalab_keeps_its_ids_in_any_reference_and_back(seed: int, other: Reference) -> None:
    etalab = rounded(brought(plan(seed), LAMBERT, LONLAT), 7)
    ids = named(etalab, LONLAT)
    saved = rounded(brought(etalab, LONLAT, other), 3)
    assert named(saved, other) == ids
    assert named(brought(saved, other, LONLAT), LONLAT) == ids
    assert named(trembling(saved, 0.002), other) == ids


@pytest.mark.parametrize(("noise_m", "at_most"), [(1e-6, 0.0005), (1e-4, 0.006), (1e-3, 0.03)])
def test_a_plan_on_no_grid_keeps_most_of_its_ids(noise_m: float, at_most: float) -> None:
    shapes = np.concatenate([plan(seed) for seed in range(20)])
    pairs = zip(named(shapes, LAMBERT), named(trembling(shapes, noise_m), LAMBERT), strict=True)
    assert np.mean([a != b for a, b in pairs]) <= at_most


def test_what_is_smaller_than_the_grid_has_an_id_all_the_same() -> None:
    speck = shapely.box(5.6, 45.5, 5.6 + 4e-8, 45.5 + 4e-8)
    assert ids(speck, house((9, 9)))[0] is not None
    assert ids(shapely.Point(5.6, 45.5), shapely.LineString([(5.6, 45.5), (5.7, 45.5)]))[1] is not None
