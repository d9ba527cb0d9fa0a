from __future__ import annotations

import re

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from jnt_pipeline.sources.footprint_ids import footprint_ids


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
