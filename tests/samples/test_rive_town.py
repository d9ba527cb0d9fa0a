"""The town itself: for any seed it has everything the specification promises."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from jnt_pipeline.samples.cadastre import draw_plan
from jnt_pipeline.samples.extent import sample_extent
from jnt_pipeline.samples.rive_scenery import dress_rive
from jnt_pipeline.samples.rive_stations import place_rive_stations
from jnt_pipeline.samples.rive_story import RIVE_STORY
from jnt_pipeline.samples.rive_town import build_rive, river_of
from jnt_pipeline.samples.sites import RIVE
from jnt_pipeline.samples.story import expected_turns, tell
from jnt_pipeline.samples.town import SampleTown

SEEDS = st.integers(0, 2**31)


def _town(seed: int) -> SampleTown:
    return build_rive(seed, sample_extent(RIVE, None))


@settings(max_examples=25)
@given(SEEDS)
def test_every_town_has_the_promised_buildings_and_mistakes(seed: int) -> None:
    town = _town(seed)
    west = [b for b in town.crossing_seam if b.footprint.bounds[0] < 619000 < b.footprint.bounds[2]]
    assert len(west) == len(town.crossing_seam) >= 3
    assert {b.roof for b in town.buildings} == {"flat", "gabled", "hipped", "ring"}
    registrations = [b.registration for b in town.buildings if b.point_class == 6]
    assert registrations.count("missing") == 2
    assert registrations.count("shifted") == 2
    assert any(b.point_class == 67 and b.registration == "exact" for b in town.buildings)
    assert any(b.is_light for b in town.buildings)
    assert len(town.ghosts) == 2
    assert len({b.building_id for b in town.buildings}) == len(town.buildings)
    assert town.modelled.building_id


@settings(max_examples=25)
@given(SEEDS)
def test_buildings_never_overlap_and_stay_inside_the_sample_and_out_of_the_river(seed: int) -> None:
    town = _town(seed)
    footprints = [b.footprint for b in town.buildings] + list(town.ghosts)
    assert shapely.is_valid(footprints).all()
    tree = shapely.STRtree(footprints)
    for one, other in tree.query(footprints, predicate="intersects").T:
        if one < other:
            # Party walls touch along a line; centimetres of rounding are no overlap.
            assert footprints[one].intersection(footprints[other]).area < 0.05
    extent = shapely.box(*town.extent.bounds)
    assert all(extent.contains(b.roofprint) for b in town.buildings)
    corners = shapely.get_coordinates(footprints)
    u, v = town.layout.frame.to_town(corners[:, 0], corners[:, 1])
    assert (np.abs(river_of(town).from_axis(u, v)) > 32).all()


@settings(max_examples=10)
@given(SEEDS)
def test_parcels_tile_their_blocks_and_have_unique_ids(seed: int) -> None:
    town = _town(seed)
    plan = draw_plan(town)
    ids = [parcel.parcel_id for parcel in plan.parcels]
    assert len(set(ids)) == len(ids) == len(town.lots)
    assert all(len(parcel_id) == 14 for parcel_id in ids)
    assert plan.broken != plan.doubled
    total = sum(parcel.polygon.area for parcel in plan.parcels)
    blocks = sum((b.rectangle.u1 - b.rectangle.u0) * (b.rectangle.v1 - b.rectangle.v0) for b in town.layout.blocks)
    # No gap and no overlap: the sum of parts is the whole, and so is the area of their union.
    assert abs(total - blocks) < 0.01
    assert abs(shapely.union_all([p.polygon for p in plan.parcels]).area - blocks) < 0.1


@settings(max_examples=10)
@given(SEEDS)
def test_stations_stand_where_they_say(seed: int) -> None:
    town = _town(seed)
    stations = {s.station_id: s for s in place_rive_stations(town, dress_rive(town))}
    buildings = {b.building_id: b for b in town.buildings}
    school = stations["RIVE-ENERGIE-1"]
    assert buildings[school.building_id].footprint.contains(shapely.Point(school.x, school.y))
    noise = stations["RIVE-BRUIT-1"]
    # 10 cm off the façade, coordinates rounded to the centimetre.
    assert abs(buildings[noise.building_id].footprint.distance(shapely.Point(noise.x, noise.y)) - 0.1) < 0.01
    rain = stations["RIVE-PLUIE-1"]
    assert abs(rain.elevation_m - buildings[rain.building_id].ridge_elevation_m - 1.5) < 0.006


@settings(max_examples=25)
@given(SEEDS)
def test_story_raises_every_alert_and_clears_it_again(seed: int) -> None:
    turns = list(expected_turns(RIVE_STORY.rules, tell(RIVE_STORY, seed)))
    for rule in RIVE_STORY.rules:
        kinds = [turn.kind for turn in turns if turn.rule_id == rule.rule_id]
        assert kinds
        assert kinds == ["raised", "cleared"] * (len(kinds) // 2)


@settings(max_examples=25)
@given(SEEDS)
def test_no_measure_ever_equals_a_threshold(seed: int) -> None:
    for series in tell(RIVE_STORY, seed):
        for rule in RIVE_STORY.rules:
            if rule.observed_property == series.observed_property:
                assert not set(series.values) & {rule.above, rule.below, rule.clear}


@settings(max_examples=25)
@given(SEEDS)
def test_water_hesitates_around_the_threshold_where_a_rule_without_hysteresis_would_ring_often(seed: int) -> None:
    water = next(series for series in tell(RIVE_STORY, seed) if series.observed_property == "water_level")
    above = np.array(water.values) > 3.2
    assert (above[1:] != above[:-1]).sum() > 2
    assert max(water.values) > 4.3


def test_larger_town_keeps_the_special_blocks_in_the_middle() -> None:
    town = build_rive(2050, sample_extent(RIVE, 1.0))
    assert town.modelled.name == "ECOLE ELEMENTAIRE"
    assert len(town.buildings) > 1000
