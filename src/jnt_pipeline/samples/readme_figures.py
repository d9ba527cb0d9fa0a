"""The figures that the README of every sample states, whatever its landscape."""

from __future__ import annotations

from typing import Any

from jnt_pipeline.samples import scan
from jnt_pipeline.samples.cadastre import SHIFT_M
from jnt_pipeline.samples.chance import NOISE_BOUND
from jnt_pipeline.samples.truth import SurveyedSample

__all__ = ["readme_figures"]


def readme_figures(sample: SurveyedSample) -> dict[str, Any]:
    """What the templates of the READMEs name: extent, survey, buildings, cadastre, model, sensors and rules."""
    town, site, story, counts = sample.town, sample.town.site, sample.story, sample.sensors
    west, south, east, north = town.extent.bounds
    classes: dict[int, int] = {}
    for by_class in sample.classes.values():
        for code, n in by_class.items():
            classes[code] = classes.get(code, 0) + n
    placing, standing = sample.model.placing, town.buildings
    return {
        "seed": town.seed,
        "density": sample.density,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "seam": site.seam_easting_m,
        "insee": site.insee,
        "angle": town.layout.frame.angle_deg,
        "tiles": "\n".join(f"| `{name}` | {sum(by_class.values()):,} |" for name, by_class in sample.classes.items()),
        "histogram": ", ".join(f"{code}: {n:,}" for code, n in sorted(classes.items())),
        "ground_sigma": scan.GROUND_SIGMA_M * 100,
        "roof_sigma": scan.ROOF_SIGMA_M * 100,
        "bound": NOISE_BOUND,
        "water_share": scan.WATER_SHARE * 100,
        "canopy": scan.THROUGH_CANOPY * 100,
        "wall": scan.WALL_SHARE * 100,
        "virtual": scan.VIRTUAL_STEP_M,
        "n_buildings": len(standing),
        "n_seam": len(town.crossing_seam),
        "n_missing": sum(1 for b in standing if b.registration == "missing"),
        "n_shifted": sum(1 for b in standing if b.registration == "shifted"),
        "n_light": sum(1 for b in standing if b.is_light),
        "n_67": sum(1 for b in standing if b.point_class == 67),
        "n_ghosts": len(town.ghosts),
        "n_trees": len(sample.scenery.trees),
        "shift": f"({SHIFT_M[0]}, {SHIFT_M[1]})",
        "n_parcels": len(sample.plan.parcels),
        "n_parcel_features": sample.features["parcelles"],
        "n_footprint_features": sample.features["batiments"],
        "n_sections": sample.features["sections"],
        "broken": sample.plan.broken,
        "doubled": sample.plan.doubled,
        "eastings": placing.eastings_m,
        "northings": placing.northings_m,
        "height": placing.height_m,
        "rotation": placing.angle_deg,
        "scale": placing.scale,
        "grid_scale": site.grid_scale,
        "products": ", ".join(f"{name} {n}" for name, n in sample.model.products.items()),
        "modelled": town.modelled.building_id,
        "zero": story.gauge_zero_m,
        "csv_rows": counts.csv_rows,
        "n_st": counts.sensorthings_observations,
        "duplicates": counts.exact_duplicates,
        "late": counts.out_of_order,
        "rules": "\n".join(
            f"- `{rule.rule_id}`: {rule.observed_property} "
            f"{f'above {rule.above}' if rule.above is not None else f'below {rule.below}'}, clear at {rule.clear}"
            for rule in story.rules
        ),
    }
