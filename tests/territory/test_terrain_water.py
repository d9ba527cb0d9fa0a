"""Levels of water bodies and terrain with its water flat, against values worked out by hand; the tiling never shows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from shapely.geometry import box

from jnt_pipeline.territory.grid import Grid
from jnt_pipeline.territory.terrain import TerrainParameters
from jnt_pipeline.territory.terrain_confidence import Origin
from jnt_pipeline.territory.terrain_flat import TerrainRasters, flattened
from jnt_pipeline.territory.terrain_water import CellWater, Outline, settle, water_bodies

X0, Y0 = 770_000, 6_277_000
METRE = TerrainParameters(resolution_m=1.0, water_min_area_m2=30, water_spread_max_m=0.2)
LAND, SEEN, BETWEEN, VOID, BRIDGED = (
    Origin.MEASURED,
    Origin.WATER,
    Origin.BETWEEN_WATER,
    Origin.VOID,
    Origin.BRIDGED,
)


def grid(west: int, south: int, east: int, north: int) -> Grid:
    return Grid.covering((X0 + west, Y0 + south, X0 + east, Y0 + north), 1.0)


def cut(whole: CellWater, bounds: tuple[int, int, int, int]) -> CellWater:
    """The part of a scene of 60 m that a cell holds."""
    tile = grid(*bounds)
    row, column = round(whole.grid.north - tile.north), round(tile.west - whole.grid.west)
    part = slice(row, row + tile.n_rows), slice(column, column + tile.n_columns)
    return CellWater(grid=tile, origin=whole.origin[part], returns=whole.returns[part])


def scene() -> CellWater:
    """Two ponds whose corners touch, a ring around an island, a short river that falls, a puddle; on 60 m."""
    rng = np.random.default_rng(8)
    origin = np.full((60, 60), LAND, np.uint8)
    returns = np.full((60, 60), np.nan, np.float32)

    def water(rows: slice, columns: slice, level: float | np.ndarray) -> None:
        shape = origin[rows, columns].shape
        seen = rng.random(shape) < 0.4
        origin[rows, columns] = np.where(seen, SEEN, BETWEEN)
        noisy = np.broadcast_to(level, shape) + rng.normal(0, 0.02, shape)
        returns[rows, columns] = np.where(seen, noisy, np.nan)

    water(slice(2, 12), slice(2, 12), 10.0)
    water(slice(12, 22), slice(12, 22), 12.0)  # touches the first at a corner: another body
    water(slice(25, 45), slice(10, 40), 15.0)
    origin[30:36, 18:28], returns[30:36, 18:28] = LAND, np.nan  # the island
    water(slice(50, 55), slice(0, 60), 20 - 0.02 * np.arange(60))  # 2 in 100: 1.2 m from end to end
    water(slice(0, 3), slice(50, 53), 9.0)  # 9 m²
    return CellWater(grid=grid(0, 0, 60, 60), origin=origin, returns=returns)


def told(bodies) -> list[tuple]:
    return [(body.outline.body_id, body.outline.geometry.wkb, body.level) for body in bodies]


# ---- levels --------------------------------------------------------------------------------------------------------


def test_a_level_is_the_median_and_the_spread_is_told():
    levels = np.array([9_980, 10_000, 10_030])
    level = settle(levels, np.array([10, 60, 30]), 0.1, "unknown", METRE)
    assert (level.level_m, level.spread_m, level.n_pixels, level.reason) == (10.0, 0.05, 100, "")


@pytest.mark.parametrize(
    ("levels", "counts", "fall_m", "kind", "reason"),
    [
        ([], [], 0.0, "still", "too_few_returns"),
        ([10_000], [29], 0.0, "still", "too_few_returns"),
        ([10_000], [30], 0.0, "still", ""),
        ([10_000], [30], 0.0, "running", "running_water"),
        ([10_000, 10_200], [50, 50], 0.0, "still", ""),  # just as wide as is allowed
        ([10_000, 10_201], [50, 50], 0.0, "still", "no_single_level"),
        ([10_000], [30], 0.101, "unknown", "falling_water"),
        ([10_000, 19_000], [96, 4], 0.0, "still", ""),  # a boat
    ],
)
def test_a_level_is_refused_with_its_reason(levels, counts, fall_m, kind, reason):
    assert settle(np.array(levels, np.int64), np.array(counts, np.int64), fall_m, kind, METRE).reason == reason


def test_water_that_hangs_together_is_one_body_and_corners_do_not_join():
    bodies = water_bodies([scene()], [], METRE)
    found = {body.outline.body_id: body for body in bodies}
    # Ids name the first pixel, northernmost then westernmost: row r lies at northing 60 - r.
    assert set(found) == {
        f"water_{X0 + 2}.0_{Y0 + 58}.0",
        f"water_{X0 + 12}.0_{Y0 + 48}.0",
        f"water_{X0 + 10}.0_{Y0 + 35}.0",
        f"water_{X0}.0_{Y0 + 10}.0",
    }  # the puddle is too small
    pond, other, ring, river = (
        found[name] for name in sorted(found, key=lambda one: -found[one].outline.geometry.bounds[3])
    )
    assert pond.level.level_m == pytest.approx(10, abs=0.01)
    assert other.level.level_m == pytest.approx(12, abs=0.01)
    assert ring.level.level_m == pytest.approx(15, abs=0.01)
    assert river.level.reason == "falling_water"
    assert river.level.fall_m == pytest.approx(
        0.02 * 46, abs=0.02
    )  # squares of 32 m cut it at 16 and 48: middles 46 m apart
    assert pond.level.fall_m < 0.05
    assert river.level.spread_m == pytest.approx(0.02 * 60 * 0.9, abs=0.1)
    # Outlines run along the edges of pixels, half a metre around their centres.
    assert pond.outline.geometry.equals(box(X0 + 1.5, Y0 + 48.5, X0 + 11.5, Y0 + 58.5))
    assert len(ring.outline.geometry.interiors) == 1
    assert ring.outline.geometry.area == 20 * 30 - 6 * 10


@pytest.mark.parametrize("xs", [(0, 60), (0, 11, 60), (0, 7, 15, 23, 60)])
@pytest.mark.parametrize("ys", [(0, 60), (0, 9, 31, 60)])
def test_bodies_and_levels_do_not_depend_on_the_tiling(xs, ys):
    whole = scene()
    lake = Outline(body_id="PLANDEAU1", kind="still", source="topo_plan_d_eau", geometry=LAKE)
    tiles = [cut(whole, (w, s, e, n)) for s, n in pairwise(ys) for w, e in pairwise(xs)]
    for outlines in ([], [lake]):
        assert told(water_bodies(tiles, outlines, METRE)) == told(water_bodies([whole], outlines, METRE))


def test_without_water_there_is_no_body():
    dry = CellWater(
        grid=grid(0, 0, 9, 9), origin=np.full((9, 9), LAND, np.uint8), returns=np.full((9, 9), np.nan, np.float32)
    )
    assert water_bodies([dry], [], METRE) == []
    assert water_bodies([], [], METRE) == []


# ---- outlines of a register ----------------------------------------------------------------------------------------

LAKE = box(X0 + 9.5, Y0 + 15.5, X0 + 39.5, Y0 + 33.5)
"""The ring as a register draws it, two metres short of its north bank, island included."""


def test_an_outline_takes_the_water_in_it_and_names_the_body():
    lake = Outline(body_id="PLANDEAU1", kind="still", source="topo_plan_d_eau", geometry=LAKE)
    found = {body.outline.body_id: body for body in water_bodies([scene()], [lake], METRE)}
    # The two metres outside are its fringe, no body of their own; the other three bodies are there.
    assert len(found) == 4
    assert found["PLANDEAU1"].level.level_m == pytest.approx(15, abs=0.01)
    assert found["PLANDEAU1"].outline.geometry.equals(LAKE)


def test_water_of_another_level_beside_an_outline_is_a_body_of_its_own():
    pond = Outline(body_id="PLANDEAU2", kind="still", source="topo_plan_d_eau", geometry=POND)
    whole = scene()
    bodies = water_bodies([whole], [pond], METRE)
    levels = {body.outline.body_id: body.level.level_m for body in bodies}
    assert levels["PLANDEAU2"] == pytest.approx(10, abs=0.01)
    assert levels[f"water_{X0 + 12}.0_{Y0 + 48}.0"] == pytest.approx(12, abs=0.01)
    after = flattened(rasters(whole), whole.grid, bodies, METRE)
    # The pond's two southern rows lie outside the outline: its level, not that of the neighbour two metres higher.
    assert (after.dtm[2:12, 2:12] == np.float32(levels["PLANDEAU2"])).all()
    assert after.dtm[12:22, 12:22] == pytest.approx(12, abs=0.01)


POND = box(X0 + 1.5, Y0 + 50.5, X0 + 11.5, Y0 + 58.5)


def test_running_water_of_a_register_stays_as_measured():
    lake = Outline(body_id="SURFHYDR1", kind="running", source="topo_surface_hydrographique", geometry=LAKE)
    found = {body.outline.body_id: body.level.reason for body in water_bodies([scene()], [lake], METRE)}
    assert found["SURFHYDR1"] == "running_water"


# ---- flat terrain --------------------------------------------------------------------------------------------------


def rasters(whole: CellWater) -> TerrainRasters:
    rng = np.random.default_rng(3)
    row, _ = np.indices(whole.origin.shape)
    around = np.select([row < 12, row < 22, row < 46], [9.9, 11.9, 14.9], 19.5)  # between the returns
    dtm = np.where(np.isnan(whole.returns), around, whole.returns).astype(np.float32)
    dtm[whole.origin == VOID] = np.nan
    dsm = (dtm + rng.uniform(0, 0.02, dtm.shape)).astype(np.float32)
    dsm[40, 20] = 18.0  # a boat on the lake
    return TerrainRasters(
        dtm=dtm, dsm=dsm, dhm=dsm - dtm, origin=whole.origin, confidence=np.full(dtm.shape, 0.1, np.float32)
    )


def test_still_water_is_flat_and_nothing_else_is_touched():
    whole = scene()
    before = rasters(whole)
    bodies = water_bodies([whole], [], METRE)
    after = flattened(before, whole.grid, bodies, METRE)
    lake = np.zeros((60, 60), np.bool_)
    lake[25:45, 10:40] = True
    lake[30:36, 18:28] = False
    level = next(body.level.level_m for body in bodies if body.outline.body_id == f"water_{X0 + 10}.0_{Y0 + 35}.0")
    assert (after.dtm[lake] == np.float32(level)).all()
    assert (after.origin[lake] == Origin.WATER_LEVEL).all()
    boat = np.zeros_like(lake)
    boat[40, 20] = True
    assert (after.dsm[lake & ~boat] == np.float32(level)).all()
    assert (after.dhm[lake & ~boat] == 0).all()
    assert after.dsm[40, 20] == 18
    assert after.dhm[40, 20] == np.float32(18) - np.float32(level)
    dry = ~lake
    dry[2:12, 2:12] = dry[12:22, 12:22] = False
    for name in ("dtm", "dsm", "dhm", "origin", "confidence"):
        assert np.array_equal(getattr(after, name)[dry], getattr(before, name)[dry], equal_nan=True)
    assert dry[30:36, 18:28].all()  # the island
    assert dry[50:55].all()  # the river


def test_voids_inside_an_outline_take_its_level_and_measured_banks_do_not():
    whole = scene()
    whole.origin[37:42, 20:26] = VOID
    whole.origin[42:45, 20:26] = BRIDGED
    whole.returns[37:45, 20:26] = np.nan
    whole.origin[27, 10:14], whole.returns[27, 10:14] = LAND, np.nan  # a jetty inside the outline
    lake = Outline(body_id="PLANDEAU1", kind="still", source="topo_plan_d_eau", geometry=LAKE)
    before = rasters(whole)
    for outlines, is_filled in (([lake], True), ([], False)):
        after = flattened(before, whole.grid, water_bodies([whole], outlines, METRE), METRE)
        assert (after.origin[37:45, 20:26] == Origin.WATER_LEVEL).all() == is_filled
        assert np.isfinite(after.dtm[37:42, 20:26]).all() == is_filled
        assert np.isfinite(after.dsm[37:42, 20:26]).all() == is_filled
        assert (after.origin[27, 10:14] == LAND).all()
        assert np.array_equal(after.dtm[27, 10:14], before.dtm[27, 10:14])


def test_flat_terrain_does_not_depend_on_the_tiling():
    whole = scene()
    whole.origin[37:42, 20:26] = VOID
    whole.returns[37:42, 20:26] = np.nan
    lake = Outline(body_id="PLANDEAU1", kind="still", source="topo_plan_d_eau", geometry=LAKE)
    before = rasters(whole)
    bodies = water_bodies([whole], [lake], METRE)
    expected = flattened(before, whole.grid, bodies, METRE)
    for west, east in pairwise((0, 11, 27, 60)):
        for south, north in pairwise((0, 21, 60)):
            tile = grid(west, south, east, north)
            row, column = round(whole.grid.north - tile.north), round(tile.west - whole.grid.west)
            part = slice(row, row + tile.n_rows), slice(column, column + tile.n_columns)
            names = ("dtm", "dsm", "dhm", "origin", "confidence")
            own = TerrainRasters(**{name: getattr(before, name)[part] for name in names})
            found = flattened(own, tile, bodies, METRE)
            for name in names:
                assert np.array_equal(getattr(found, name), getattr(expected, name)[part], equal_nan=True)
