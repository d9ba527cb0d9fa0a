"""The truth of the village: that of every sample, and the changes, links, faults and counts that are its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jnt_pipeline.samples.bourg_plan import PlanEdition
from jnt_pipeline.samples.bourg_registers import Registers
from jnt_pipeline.samples.truth import SurveyedSample, write_json, write_place, write_rows

__all__ = ["TRUTH_FILES", "BourgTruth", "write_village_truth"]

TRUTH_FILES = (
    "alerts.json",
    "anomalies.json",
    "bim.json",
    "buildings.geojson",
    "changes.json",
    "drawn.csv",
    "expected_counts.json",
    "flood.json",
    "ground.json",
    "ground_checkpoints.csv",
    "links.csv",
    "parcels.geojson",
    "stations.csv",
    "trees.csv",
    "voids.geojson",
)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BourgTruth:
    """Everything that is true of the village and of its files."""

    sample: SurveyedSample
    before: PlanEdition
    now: PlanEdition
    changes: list[Json]
    registers: Registers
    rejecting: dict[str, Json]
    """Layer → counts of the records that its file holds, of those with mistakes on purpose."""


def write_village_truth(truth: BourgTruth, folder: Path) -> None:
    """Write the truth: metres in Lambert-93 and NGF-IGN69; times UTC."""
    write_place(truth.sample, folder)
    write_json(
        folder / "changes.json", {"from": truth.before.vintage, "to": truth.now.vintage, "changes": truth.changes}
    )
    write_rows(
        folder / "drawn.csv",
        "building_id,parts,easting_m,northing_m,area_m2",
        (
            f"{one.parts[0]},{' '.join(one.parts)},{place.x:.2f},{place.y:.2f},{one.polygon.area:.2f}"
            for one in truth.now.buildings
            for place in (one.polygon.representative_point(),)
        ),
    )
    write_rows(folder / "links.csv", "link_type,source_id,target_id", (",".join(row) for row in truth.registers.links))
    write_json(folder / "anomalies.json", _anomalies(truth))
    write_json(folder / "expected_counts.json", _counts(truth))


def _anomalies(truth: BourgTruth) -> list[Json]:
    found: list[Json] = [
        {"layer": layer, "kind": reason, "records": n}
        for layer, counts in truth.rejecting.items()
        for reason, n in counts["rejected"].items()
    ]
    sensors = truth.sample.sensors
    faults = ("bad_timestamps", "not_numeric", "exact_duplicates", "out_of_order")
    found += [{"layer": "observations", "kind": kind, "rows": getattr(sensors, kind)} for kind in faults]
    known = {one.parts for one in truth.registers.topo}
    return [
        *found,
        {"layer": "topo_buildings", "kind": "UTF-8 in a table that declares Windows-1252"},
        {
            "layer": "topo_buildings",
            "kind": "several houses in one",
            "records": sum(1 for parts in known if len(parts) > 1),
        },
        {
            "layer": "rnb_buildings",
            "kind": "without outline",
            "records": sum(1 for r in truth.registers.rnb if r.is_point),
        },
        {
            "layer": "rnb_buildings",
            "kind": "demolished",
            "rnb_ids": [one.id for one in truth.registers.rnb if one.is_gone],
        },
        {"layer": "bim_buildings", "kind": "coordinates of EPSG:3946 declared as EPSG:2154"},
        {"layer": "planning_zones", "kind": "coordinates of EPSG:27572"},
    ]


def _counts(truth: BourgTruth) -> Json:
    sensors = truth.sample.sensors
    read = sensors.csv_rows + sensors.sensorthings_observations
    faulty = sensors.bad_timestamps + sensors.not_numeric

    def whole(n: int) -> Json:
        return {"read": n, "kept": n, "rejected": {}}

    registers = truth.registers
    return {
        "layers": {
            "sections": whole(len(truth.now.sections)),
            "parcels": whole(len(truth.now.parcels)),
            "footprints": whole(len(truth.now.buildings)),
            "topo_buildings": whole(len(registers.topo)),
            "rnb_buildings": whole(len(registers.rnb)),
            "addresses": whole(len(registers.addresses)),
            **truth.rejecting,
            "elevation_tiles": whole(1),
            "point_clouds": whole(len(truth.sample.classes)),
            "bim_buildings": whole(1),
            "stations": whole(sensors.stations),
            "datastreams": whole(sensors.datastreams),
        },
        "before": {"parcels": len(truth.before.parcels), "footprints": len(truth.before.buildings)},
        "observations": {
            "read": read,
            "kept": read - faulty,
            "n_rejected": faulty,
            "exact_duplicates_among_kept": sensors.exact_duplicates,
            **asdict(sensors),
        },
        "bim_products": truth.sample.model.products,
        "tiles": {
            name: {"n_points": sum(counts.values()), "classes": {str(code): n for code, n in counts.items()}}
            for name, counts in truth.sample.classes.items()
        },
    }
