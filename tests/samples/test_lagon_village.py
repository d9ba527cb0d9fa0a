"""The coastal village: for any seed it has everything its specification promises."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from jnt_pipeline.samples.cadastre import draw_plan
from jnt_pipeline.samples.extent import sample_extent
from jnt_pipeline.samples.lagon_scenery import dress_lagon
from jnt_pipeline.samples.lagon_stations import place_lagon_stations
from jnt_pipeline.samples.lagon_story import LAGON_STORY
from jnt_pipeline.samples.lagon_town import build_lagon, coast_of
from jnt_pipeline.samples.sites import LAGON
from jnt_pipeline.samples.story import expected_turns, tell
from jnt_pipeline.samples.town import SampleTown

SEEDS = st.integers(0, 2**31)


def _village(seed: int) -> SampleTown:
    return build_lagon(seed, sample_extent(LAGON, None))


@settings(max_examples=12)
@given(SEEDS)
def test_every_village_has_the_promised_buildings_and_mistakes(seed: int) -> None:
    village = _village(seed)
    # The annex of the town hall and a block of flats stand on the seam whatever the seed.
    assert {b.name for b in village.crossing_seam} >= {"MAIRIE ANNEXE"}
    assert len(village.crossing_seam) >= 2
    assert {b.roof for b in village.buildings} == {"flat", "gabled", "hipped"}
    registrations = [b.registration for b in village.buildings if b.point_class == 6]
    assert registrations.count("missing") == registrations.count("shifted") == 2
    assert any(b.point_class == 67 and b.registration == "exact" for b in village.buildings)
    assert len(village.ghosts) == 2
    assert len({b.building_id for b in village.buildings}) == len(village.buildings)
    assert village.modelled.name == "ABRI CYCLONIQUE"


@settings(max_examples=12)
@given(SEEDS)
def test_buildings_never_overlap_and_keep_off_the_beach_the_ravine_and_the_edge(seed: int) -> None:
    village = _village(seed)
    footprints = [b.footprint for b in village.buildings] + list(village.ghosts)
    assert shapely.is_valid(footprints).all()
    for one, other in shapely.STRtree(footprints).query(footprints, predicate="intersects").T:
        if one < other:
            # A veranda touches its house along a line; centimetres of rounding are no overlap.
            assert footprints[one].intersection(footprints[other]).area < 0.05
    extent = shapely.box(*village.extent.bounds)
    assert all(extent.contains(b.roofprint) for b in village.buildings)
    corners = shapely.get_coordinates(footprints)
    u, v = village.layout.frame.to_town(corners[:, 0], corners[:, 1])
    coast = coast_of(village)
    # Behind the berm (24 m inland); beyond the top of the ravine's banks (3 m of bed, 7 m deep, 1.1 m per metre).
    assert (v - coast.shore(u) > 24).all()
    assert (coast.from_ravine(u, v) > 9.4).all()


@settings(max_examples=8)
@given(SEEDS)
def test_parcels_tile_their_blocks_and_sections_end_at_the_coastline(seed: int) -> None:
    village = _village(seed)
    plan = draw_plan(village)
    ids = [parcel.parcel_id for parcel in plan.parcels]
    assert len(set(ids)) == len(ids) == len(village.lots)
    assert all(len(parcel_id) == 14 and parcel_id.startswith("97499000") for parcel_id in ids)
    assert plan.broken != plan.doubled
    blocks = sum((b.rectangle.u1 - b.rectangle.u0) * (b.rectangle.v1 - b.rectangle.v0) for b in village.layout.blocks)
    # No gap and no overlap: the sum of parts is the whole, and so is the area of their union.
    assert abs(sum(parcel.polygon.area for parcel in plan.parcels) - blocks) < 0.01
    assert abs(shapely.union_all([p.polygon for p in plan.parcels]).area - blocks) < 0.1
    commune = village.zoning.commune
    assert abs(shapely.union_all(list(plan.sections.values())).symmetric_difference(commune).area) < 0.01
    corners = shapely.get_coordinates(commune)
    u, v = village.layout.frame.to_town(corners[:, 0], corners[:, 1])
    # The coastline is drawn with a corner every 10 m: its bays are 460 m long, so the chord is off by millimetres.
    assert (v - coast_of(village).shore(u)).min() > -0.1
    assert (np.abs(v - coast_of(village).shore(u)) < 1e-6).sum() > 40


@settings(max_examples=8)
@given(SEEDS)
def test_stations_stand_where_they_say_two_of_them_in_the_water(seed: int) -> None:
    village = _village(seed)
    stations = {s.station_id: s for s in place_lagon_stations(village, dress_lagon(village))}
    extent = shapely.box(*village.extent.bounds)
    wet = set()
    for name, station in stations.items():
        assert extent.contains(shapely.Point(station.x, station.y))
        u, v = village.layout.frame.to_town(np.array([station.x]), np.array([station.y]))
        if coast_of(village).is_water(u, v)[0]:
            wet.add(name)
    assert wet == {"LAGON-MAREE-1", "LAGON-HOULE-1"}
    buildings = {b.building_id: b for b in village.buildings}
    for name in ("LAGON-PLUIE-1", "LAGON-ENERGIE-1"):
        place = shapely.Point(stations[name].x, stations[name].y)
        assert buildings[stations[name].building_id].footprint.contains(place)


@settings(max_examples=25)
@given(SEEDS)
def test_story_raises_every_alert_and_clears_it_again_and_no_measure_equals_a_threshold(seed: int) -> None:
    series = tell(LAGON_STORY, seed)
    turns = list(expected_turns(LAGON_STORY.rules, series))
    for rule in LAGON_STORY.rules:
        kinds = [turn.kind for turn in turns if turn.rule_id == rule.rule_id]
        assert kinds
        assert kinds == ["raised", "cleared"] * (len(kinds) // 2)
        watched = [one for one in series if one.observed_property == rule.observed_property]
        assert len(watched) == 1
        assert not set(watched[0].values) & {rule.above, rule.below, rule.clear}


@settings(max_examples=12)
@given(SEEDS)
def test_the_surge_comes_after_the_swell_and_floods_houses_behind_the_berm(seed: int) -> None:
    series = {one.observed_property: one for one in tell(LAGON_STORY, seed)}
    first = {
        turn.rule_id: turn.minutes for turn in reversed(list(expected_turns(LAGON_STORY.rules, tuple(series.values()))))
    }
    assert first["houle-cyclonique"] < first["submersion-vigilance"] < first["submersion-alerte"]
    peak = -1.5 + max(series["water_level"].values)
    village = _village(seed)
    grounds = [coast_of(village).elevation(*b.footprint_grid().T).min() for b in village.buildings]
    assert sum(ground < -1.5 + 2.6 for ground in grounds) == 0  # at the first warning nobody has wet feet
    assert 5 < sum(ground < peak for ground in grounds) < len(grounds) / 2


def test_a_larger_coast_keeps_the_special_blocks_in_the_middle_and_climbs_the_island() -> None:
    village = build_lagon(974, sample_extent(LAGON, 1.0))
    middle = shapely.box(321900, 7658400, 322100, 7658600)
    for name in ("ABRI CYCLONIQUE", "MAIRIE ANNEXE", "MARCHE"):
        assert middle.contains(village.named(name).footprint), name
    assert len(village.buildings) > 400
    codes = list(draw_plan(village).sections)
    assert codes[:3] == ["AB", "AC", "AD"]
    assert len(codes) > 4
    # One in eight from 110 m on: about 110 m up at the east edge, 1,000 m inland.
    top = village.terrain.elevation(np.array([322990.0]), np.array([7658500.0]))[0]
    assert 95 < top < 130
