"""The truth of the sample: what really stands there, what the files get wrong, and the counts a reader must find."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Point, Polygon, mapping

from jnt_pipeline.samples import scan
from jnt_pipeline.samples.bim_model import BimModel
from jnt_pipeline.samples.cadastre import SHIFT_M, Plan
from jnt_pipeline.samples.chance import NOISE_BOUND, stream
from jnt_pipeline.samples.las import ClassCounts
from jnt_pipeline.samples.roofs import SampleBuilding
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.sensors import SampleStation, SensorCounts
from jnt_pipeline.samples.sites import GeoJsonCrs
from jnt_pipeline.samples.story import Series, Story, expected_turns
from jnt_pipeline.samples.town import SampleTown

__all__ = ["SurveyedSample", "write_features", "write_json", "write_place", "write_rows", "write_truth"]

Json = dict[str, Any]
"""A JSON object."""
N_CHECKPOINTS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyedSample:
    """Everything the truth is told about, gathered by the generator."""

    town: SampleTown
    scenery: Scenery
    density: float
    """LiDAR pulses per m²."""
    plan: Plan
    model: BimModel
    story: Story
    stations: tuple[SampleStation, ...]
    series: tuple[Series, ...]
    """The measures without the faults of the files."""
    features: dict[str, int]
    """Features by layer of the cadastre."""
    classes: ClassCounts
    sensors: SensorCounts
    ground: Json
    """The landscape in numbers, for ``ground.json``; its ``function`` comes first."""


def write_truth(sample: SurveyedSample, folder: Path) -> None:
    """Write the truth: metres in the projection and the heights of the site; times UTC."""
    write_place(sample, folder)
    write_rows(folder / "links.csv", "kind,building_id,other_id,share_of_building", _links(sample))
    write_json(folder / "anomalies.json", _anomalies(sample))
    write_json(folder / "expected_counts.json", _counts(sample))


def write_place(sample: SurveyedSample, folder: Path) -> None:
    """Write what is true of a place, whatever its registers are: ground, buildings, trees, model, stations, alerts."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "ground.json", _ground(sample))
    write_rows(folder / "ground_checkpoints.csv", "easting_m,northing_m,elevation_m,place", _checkpoints(sample))
    buildings = list(_buildings(sample))
    write_features(sample.town.site.geojson_crs, folder / "buildings.geojson", buildings)
    write_features(sample.town.site.geojson_crs, folder / "parcels.geojson", _parcels(sample))
    write_features(sample.town.site.geojson_crs, folder / "voids.geojson", _voids(sample))
    trees = sample.scenery.trees
    write_rows(
        folder / "trees.csv",
        "easting_m,northing_m,ground_elevation_m,height_m,radius_m",
        (
            f"{x:.2f},{y:.2f},{g:.3f},{h:.2f},{r:.2f}"
            for x, y, g, h, r in zip(trees.x, trees.y, trees.ground_m, trees.height_m, trees.radius_m, strict=True)
        ),
    )
    write_rows(
        folder / "stations.csv",
        "station_id,easting_m,northing_m,elevation_m,building_id",
        (f"{s.station_id},{s.x:.2f},{s.y:.2f},{s.elevation_m:.2f},{s.building_id}" for s in sample.stations),
    )
    write_json(folder / "bim.json", _model(sample))
    write_json(folder / "alerts.json", _alerts(sample))
    write_json(folder / "flood.json", _flood(sample, [properties for _, properties in buildings]))


def write_json(path: Path, content: object) -> None:
    """Write a JSON document."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")


def write_rows(path: Path, header: str, rows: Iterator[str]) -> None:
    """Write a table: its header and rows already joined with commas."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8", newline="\n")


def write_features(crs: GeoJsonCrs, path: Path, features: Iterable[tuple[Polygon, Json]]) -> None:
    """Write features as GeoJSON in metres, to the millimetre; the member ``crs`` says of which projection."""
    lines = ",\n".join(
        json.dumps(
            {
                "type": "Feature",
                "properties": properties,
                "geometry": mapping(shapely.set_precision(polygon, 0.001, mode="pointwise")),
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for polygon, properties in features
    )
    text = f'{{"type":"FeatureCollection","crs":{json.dumps(crs)},"features":[\n{lines}\n]}}\n'
    path.write_text(text, encoding="utf-8", newline="\n")


def _model(sample: SurveyedSample) -> Json:
    """What the BIM model says; degrees to 10 decimals (0.01 mm): no byte hangs on the last bit of a transformation."""
    said = asdict(sample.model)
    said["placing"] |= {name: round(said["placing"][name], 10) for name in ("longitude", "latitude")}
    town = sample.town
    return {**said, "building_id": town.modelled.building_id, "crs": str(town.site.reference)}


def _ground(sample: SurveyedSample) -> Json:
    town = sample.town
    return {
        "function": sample.ground["function"],
        "seed": town.seed,
        "bounds": list(town.extent.bounds),
        "crs": str(town.site.reference),
        "frame": {"origin": list(town.site.origin), "angle_deg": town.layout.frame.angle_deg},
        **{key: value for key, value in sample.ground.items() if key != "function"},
        "lidar": {
            "pulses_per_m2": sample.density,
            "ground_sigma_m": scan.GROUND_SIGMA_M,
            "roof_sigma_m": scan.ROOF_SIGMA_M,
            "largest_error_in_sigmas": round(NOISE_BOUND, 4),
            "echo_through_canopy": scan.THROUGH_CANOPY,
        },
    }


def _checkpoints(sample: SurveyedSample) -> Iterator[str]:
    """Random positions with the exact ground, and what stands above it."""
    town, extent = sample.town, sample.town.extent
    draw = stream(town.seed, "checkpoints").random((2, N_CHECKPOINTS))
    x = np.round(extent.west + 2 + draw[0] * (extent.east - extent.west - 4), 2)
    y = np.round(extent.south + 2 + draw[1] * (extent.north - extent.south - 4), 2)
    elevation = town.terrain.elevation(x, y)
    u, v = town.layout.frame.to_town(x, y)
    trees = sample.scenery.trees
    crowns = shapely.STRtree(shapely.buffer(shapely.points(trees.x, trees.y), trees.radius_m))
    roofs = shapely.STRtree([building.roofprint for building in town.buildings])
    spots = shapely.points(x, y)
    place = np.full(N_CHECKPOINTS, "open", dtype="U8")
    place[town.terrain.is_water(u, v)] = "water"
    place[crowns.query(spots, predicate="intersects")[0]] = "canopy"
    place[roofs.query(spots, predicate="intersects")[0]] = "roof"
    for row in zip(x, y, elevation, place, strict=True):
        yield "{:.2f},{:.2f},{:.3f},{}".format(*row)


def _buildings(sample: SurveyedSample) -> Iterator[tuple[Polygon, Json]]:
    town = sample.town
    crossing = {building.building_id for building in town.crossing_seam}
    for building in town.buildings:
        grid = building.footprint_grid()
        ground = town.terrain.elevation(grid[:, 0], grid[:, 1])
        roof = building.roof_elevation(grid[:, 0], grid[:, 1])
        p50, p70, p90 = (round(float(value), 3) for value in np.percentile(roof, (50, 70, 90)))
        yield (
            building.footprint,
            {
                "building_id": building.building_id,
                "name": building.name or None,
                "roof_type": building.roof,
                "roof_slope": building.slope,
                "ground_min_elevation_m": round(float(ground.min()), 3),
                "ground_mean_elevation_m": round(float(ground.mean()), 3),
                "ground_max_elevation_m": round(float(ground.max()), 3),
                "eave_elevation_m": building.eave_elevation_m,
                "ridge_elevation_m": round(building.ridge_elevation_m, 3),
                "roof_p50_elevation_m": p50,
                "roof_p70_elevation_m": p70,
                "roof_p90_elevation_m": p90,
                "footprint_area_m2": round(building.footprint.area, 2),
                "roofprint_area_m2": round(building.roofprint.area, 2),
                "point_class": building.point_class,
                "is_light": building.is_light,
                "in_cadastre": building.registration,
                "crosses_seam": building.building_id in crossing,
                "has_bim": building.name == town.modelled_name,
            },
        )


def _parcels(sample: SurveyedSample) -> Iterator[tuple[Polygon, Json]]:
    for parcel in sample.plan.parcels:
        yield parcel.polygon, {"parcel_id": parcel.parcel_id, "area_m2": round(parcel.polygon.area, 2)}


def _voids(sample: SurveyedSample) -> Iterator[tuple[Polygon, Json]]:
    for number, void in enumerate(sample.scenery.voids, start=1):
        polygon = Polygon(sample.town.layout.frame.to_world(void.corners))
        yield (
            polygon,
            {"void_id": f"V{number}", "cause": "no echo at all in the survey", "area_m2": round(polygon.area, 2)},
        )


def _links(sample: SurveyedSample) -> Iterator[str]:
    """Links between true footprints (not the drawn ones) and parcels, the BIM model and the sensors."""
    town, parcels = sample.town, sample.plan.parcels
    tree = shapely.STRtree([parcel.polygon for parcel in parcels])
    for building in town.buildings:
        footprint = building.footprint
        for i in np.sort(tree.query(footprint, predicate="intersects")):
            share = parcels[int(i)].polygon.intersection(footprint).area / footprint.area
            # Neighbours that only touch share a line; its rounding is no link.
            if share > 1e-6:
                yield f"building-parcel,{building.building_id},{parcels[int(i)].parcel_id},{share:.4f}"
    yield f"building-bim,{town.modelled.building_id},{sample.model.building_global_id},1.0000"
    for station in sample.stations:
        if station.building_id:
            yield f"sensor-building,{station.building_id},{station.station_id},"


def _alerts(sample: SurveyedSample) -> list[Json]:
    return [
        {
            "rule_id": turn.rule_id,
            "datastream_id": turn.datastream_id,
            "kind": turn.kind,
            "result": turn.value,
            "phenomenon_at": sample.story.instant(turn.minutes),
        }
        for turn in expected_turns(sample.story.rules, sample.series)
    ]


def _flood(sample: SurveyedSample, buildings: list[Json]) -> list[Json]:
    """Buildings whose lowest ground lies below a horizontal water surface, at each threshold and at the peak."""
    peak = max(value for one in sample.series if one.observed_property == "water_level" for value in one.values)
    levels = [r.above for r in sample.story.rules if r.observed_property == "water_level" and r.above is not None]
    zero = sample.story.gauge_zero_m
    lowest = {p["building_id"]: p["ground_min_elevation_m"] for p in buildings}
    return [
        {
            "water_level": level,
            "water_elevation_m": round(zero + level, 3),
            "building_ids": [name for name, ground in lowest.items() if ground < zero + level],
        }
        for level in (*levels, peak)
    ]


def _anomalies(sample: SurveyedSample) -> list[Json]:
    town = sample.town

    def about(building: SampleBuilding) -> Json:
        middle = building.footprint.representative_point()
        return {"building_id": building.building_id, "at": [round(middle.x, 2), round(middle.y, 2)]}

    found: list[Json] = []
    for building in town.buildings:
        if building.registration == "missing":
            found.append({"layer": "footprints", "kind": "building without footprint", **about(building)})
        if building.registration == "shifted":
            found.append({"layer": "footprints", "kind": "footprint shifted", "by_m": list(SHIFT_M), **about(building)})
        if building.point_class == 67:
            found.append({"layer": "point_clouds", "kind": "building of class 67", **about(building)})
    for ghost in town.ghosts:
        middle: Point = ghost.centroid
        found.append(
            {
                "layer": "footprints",
                "kind": "footprint without building",
                "at": [round(middle.x, 2), round(middle.y, 2)],
            }
        )
    found.append({"layer": "parcels", "kind": "ring crosses itself", "parcel_id": sample.plan.broken})
    found.append({"layer": "parcels", "kind": "id twice in the file", "parcel_id": sample.plan.doubled})
    faults = ("bad_timestamps", "not_numeric", "exact_duplicates", "out_of_order")
    found += [{"layer": "observations", "kind": kind, "rows": getattr(sample.sensors, kind)} for kind in faults]
    return found


def _counts(sample: SurveyedSample) -> Json:
    features, sensors = sample.features, sample.sensors
    read = sensors.csv_rows + sensors.sensorthings_observations
    faulty = sensors.bad_timestamps + sensors.not_numeric
    parcels = features["parcelles"]

    def whole(n: int) -> Json:
        return {"read": n, "kept": n, "rejected": {}}

    return {
        "layers": {
            "communes": whole(features["communes"]),
            "sections": whole(features["sections"]),
            "parcels": {"read": parcels, "kept": parcels - 2, "rejected": {"duplicate_id": 1, "invalid_geometry": 1}},
            "footprints": whole(features["batiments"]),
            "point_clouds": whole(len(sample.classes)),
            "bim_buildings": whole(1),
            "stations": whole(sensors.stations),
            "datastreams": whole(sensors.datastreams),
        },
        "observations": {
            "read": read,
            "kept": read - faulty,
            "n_rejected": faulty,
            "exact_duplicates_among_kept": sensors.exact_duplicates,
            **asdict(sensors),
        },
        "bim_products": sample.model.products,
        "tiles": {
            name: {"n_points": sum(counts.values()), "classes": {str(code): n for code, n in counts.items()}}
            for name, counts in sample.classes.items()
        },
        "buildings": {
            "standing": len(sample.town.buildings),
            "crossing_the_seam": len(sample.town.crossing_seam),
            "drawn_in_cadastre": features["batiments"] - len(sample.town.ghosts),
        },
    }
