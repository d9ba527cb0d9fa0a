"""Contradictions inside a georeferenced IFC model: scale, place, height, north and site against its map conversion."""

from __future__ import annotations

import math

from jnt_pipeline.sources.ifc_map_conversion import GeoreferencingFacts, MapConversion
from jnt_pipeline.sources.ifc_map_position import (
    MapPosition,
    distance_to_site_m,
    position_of,
    readings_inside,
)
from jnt_pipeline.sources.intake import Finding, Severity

__all__ = ["LARGE_LOCAL_M", "FindingList", "add_zero_conversion", "judge_position", "judge_scale"]

SITE_TOLERANCE_M = 50.0  # levels 20 and 50 further apart contradict each other (latitude to 1″ is ± 15 m)
LARGE_LOCAL_M = 10_000.0  # no building site is so far from its own origin: these are map coordinates
NORTH_TOLERANCE_DEG = 10.0  # convergence in France stays under 6°, so a wider gap is no convergence
SCALE_TOLERANCE = 0.02  # grid and height factors stay under 1 % in every projection for surveying
GRID_SCALE_PPM = 100.0  # 2 cm on 200 m, the accuracy of a LiDAR HD elevation is 10 cm


class FindingList(list[Finding]):
    """Findings in the order in which they were made."""

    def add(self, severity: Severity, code: str, message: str, remedy: str = "") -> None:
        """One more finding."""
        self.append(Finding(severity=severity, code=code, message=message, remedy=remedy))

    @property
    def has_error(self) -> bool:
        """Whether one of them refuses the model."""
        return any(finding.severity == "error" for finding in self)


def add_zero_conversion(found: FindingList) -> None:
    """Say that the conversion is one in name only."""
    found.add(
        "warning", "zero_conversion", "Eastings and Northings are 0: georeferenced in name only",
        "state the Eastings and Northings of the project's origin",
    )  # fmt: skip


def judge_scale(conversion: MapConversion, found: FindingList) -> None:
    """The scale against the ratio of the units."""
    ratio = conversion.unit_ratio
    if conversion.scale is None and not math.isclose(ratio, 1.0, rel_tol=1e-9):
        found.add(
            "warning", "scale_missing",
            f"Scale is not stated between units that differ; the ratio of the units, {ratio:g}, is applied, not 1",
            f"state Scale {ratio:g} (times the grid factor)",
        )  # fmt: skip
    elif abs(conversion.grid_factor - 1) > SCALE_TOLERANCE:
        found.add(
            "error", "scale_contradicts_units",
            f"Scale {conversion.effective_scale:g} between units whose ratio is {ratio:g}: "
            f"lengths would be multiplied by {conversion.grid_factor:g}",
            f"state Scale {ratio:g} (times the grid factor, within 1 %), and the MapUnit",
        )  # fmt: skip


def judge_position(
    facts: GeoreferencingFacts, conversion: MapConversion, code: str, found: FindingList
) -> MapPosition | None:
    """Where the model falls on the map, against the CRS, its site, its placements and its true north."""
    metres = conversion.map_unit_m
    eastings, northings = conversion.eastings * metres, conversion.northings * metres
    far = [p for p in facts.root_origins if math.hypot(*p[:2]) * conversion.project_unit_m > LARGE_LOCAL_M]
    if conversion.is_zero:
        if far and position_of(code, *conversion.place_m(far[-1])[:2]) is not None:
            found.add("info", "zero_conversion", f"placements hold map coordinates of {code}; the conversion is 0, 0")
        else:
            add_zero_conversion(found)
            return None
    elif far:
        x, y = (v * conversion.project_unit_m for v in far[-1][:2])
        twice = math.hypot(x - eastings, y - northings) < LARGE_LOCAL_M
        found.add(
            "error" if twice else "warning",
            "georeferenced_twice" if twice else "large_local_coordinates",
            f"a placement lies {x:.3f}, {y:.3f} m from the local origin beside Eastings {eastings:.3f}, "
            f"Northings {northings:.3f} m" + (": the shift would be applied twice" if twice else ""),
            "keep map coordinates either in the placement or in the IfcMapConversion, not in both",
        )
        if twice:
            return None
    anchor = conversion.place_m(far[-1])[:2] if conversion.is_zero else (eastings, northings)
    position = position_of(code, *anchor)
    if position is None:
        if not any(f.code == "inconsistent_map_unit" for f in found):
            readings = "".join(
                f"; in {unit} it would be inside"
                for unit, _ in readings_inside(code, conversion.eastings, conversion.northings)
            ) + "".join(f"; {hint}" for hint in MapPosition.looks_like(code, eastings, northings))
            found.add(
                "error", "outside_crs_area",
                f"E {eastings:.3f} m, N {northings:.3f} m lies outside the area of use of {code}{readings}",
                "correct the name of the CRS, the MapUnit, or the Eastings and Northings",
            )  # fmt: skip
        return None
    _judge_heights(facts, conversion, found)
    _judge_grid_scale(conversion, code, position, found)
    _judge_north(facts, conversion, position, found)
    _judge_site(facts, conversion, code, position, found)
    return position


def _judge_heights(facts: GeoreferencingFacts, conversion: MapConversion, found: FindingList) -> None:
    height = conversion.orthogonal_height * conversion.map_unit_m
    placed = {round(z * conversion.project_unit_m, 3) for _, _, z in facts.root_origins}
    base = conversion.world_origin[2][3] * conversion.project_unit_m
    # A placement that repeats the height without the context taking it back: the model would float.
    if abs(height) > 1 and any(abs(z - base - height) < 0.01 for z in placed):
        found.add(
            "warning", "height_maybe_twice",
            f"a site or building is placed {height:.3f} m up and OrthogonalHeight is {height:.3f} m too",
            "keep the height either in the placement or in OrthogonalHeight; compare with the ground",
        )  # fmt: skip


def _judge_grid_scale(conversion: MapConversion, code: str, position: MapPosition, found: FindingList) -> None:
    ppm = (position.grid_scale - 1) * 1e6
    if abs(conversion.grid_factor - 1) < 1e-9 and abs(ppm) > GRID_SCALE_PPM:
        error_cm = abs(ppm) * 1e-6 * 200 * 100
        found.add(
            "warning", "grid_scale_ignored",
            f"Scale holds no grid factor, and {code} is off by {ppm:+.0f} ppm here: 200 m measure {error_cm:.0f} cm "
            f"{'more' if ppm > 0 else 'less'} on the map, the model is that much too {'short' if ppm > 0 else 'long'}",
            f"state Scale {conversion.unit_ratio * position.grid_scale:.9g}, or use a CC zone; never rescaled here",
        )  # fmt: skip


def _judge_north(
    facts: GeoreferencingFacts, conversion: MapConversion, position: MapPosition, found: FindingList
) -> None:
    if facts.true_north is None:
        return
    # Angle from map east to local x, told by TrueNorth alone: north is at (sin θ, cos θ) in local axes.
    told = math.degrees(math.atan2(*facts.true_north))
    gap = _turn(told - conversion.rotation_deg)
    if abs(gap) > NORTH_TOLERANCE_DEG:
        inverted = abs(_turn(told + conversion.rotation_deg)) <= NORTH_TOLERANCE_DEG
        found.add(
            "warning", "rotation_contradicts_true_north",
            f"the map conversion turns by {conversion.rotation_deg:.2f}°, TrueNorth tells {told:.2f}°"
            + (" (the sign is inverted)" if inverted else ""),
            "the map conversion is used; check the sign of the rotation",
        )  # fmt: skip
    elif abs(gap) < 1e-4 and abs(position.convergence_deg) > 0.1:
        found.add(
            "info", "true_north_is_grid_north",
            f"TrueNorth equals grid north although the convergence here is {position.convergence_deg:+.2f}°",
        )  # fmt: skip


def _judge_site(
    facts: GeoreferencingFacts, conversion: MapConversion, code: str, position: MapPosition, found: FindingList
) -> None:
    site = facts.site
    if site is None or not (site.latitude and site.longitude):
        return
    if site.lon_lat_deg is None:
        found.add(
            "warning", "mixed_sign_angle", f"latitude {site.latitude} or longitude {site.longitude} mixes signs",
            "write all parts of an angle with one sign",
        )  # fmt: skip
        return
    candidates = (conversion.place_m(site.origin)[:2], (position.eastings_m, position.northings_m))
    distance, note = distance_to_site_m(code, candidates, site.lon_lat_deg)
    lon, lat = site.lon_lat_deg
    if distance is None:
        found.add("info", "site_position_not_compared", f"latitude and longitude were not compared: {note}")
    elif distance > SITE_TOLERANCE_M:
        away = f"{distance / 1000:,.0f} km" if distance > 10_000 else f"{distance:.0f} m"
        found.add(
            "warning", "site_position_contradicts",
            f"the site's latitude {lat:.6f}, longitude {lon:.6f} lies {away} from the map conversion{note}",
            "the map conversion is used; correct RefLatitude and RefLongitude (often a default of the authoring tool)",
        )  # fmt: skip


def _turn(angle: float) -> float:
    """An angle brought to ±180°."""
    return (angle + 180) % 360 - 180
