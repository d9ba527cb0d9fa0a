"""The six stations of the riverside town."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.samples.rive_story import RIVE_STORY
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.sensors import SampleStation
from jnt_pipeline.samples.terrain import RIVER_AXIS_V
from jnt_pipeline.samples.town import SampleTown

__all__ = ["place_rive_stations"]


def place_rive_stations(town: SampleTown, scenery: Scenery) -> tuple[SampleStation, ...]:
    """The six stations, with true positions and elevations."""
    school, townhall = town.modelled, town.named("MAIRIE")
    front = min(
        (b for b in town.buildings if b.roof == "gabled" and not b.is_light and b.point_class == 6),
        key=lambda b: (abs(b.centre[0] - 20.0) + abs(b.centre[1] + 54.0), b.building_id),
    )
    bridge = scenery.bridge
    deck_u = bridge.u0 + 0.5
    to_world = town.layout.frame.to_world
    pier = to_world(np.array([(deck_u, RIVER_AXIS_V + 10)]))[0]
    street = to_world(np.array([(bridge.centre[0], 10.0)]))[0]
    yard = to_world(np.array([(school.centre[0] + 16.0, school.centre[1] - 20.0)]))[0]
    facade = front.to_world(np.array([(0.0, -front.half_width_m - 0.1)]))[0]
    roof = townhall.to_world(np.array([(3.0, 0.0)]))[0]
    hall = school.to_world(np.array([(0.0, 0.0)]))[0]

    def ground(point: NDArray[np.float64]) -> float:
        return float(town.terrain.elevation(point[:1], point[1:])[0])

    places = (
        ("RIVE-HYDRO-1", "Échelle du pont", "limnimètre", pier, RIVE_STORY.gauge_zero_m, "", False),
        (
            "RIVE-PLUIE-1",
            "Toit de la mairie",
            "pluviomètre",
            roof,
            townhall.ridge_elevation_m + 1.5,
            townhall.building_id,
            False,
        ),
        ("RIVE-AIR-1", "Rue du Pont", "station de fond urbain", street, ground(street) + 3.0, "", False),
        ("RIVE-BRUIT-1", "Façade du quai", "sonomètre", facade, ground(facade) + 4.0, front.building_id, False),
        (
            "RIVE-ENERGIE-1",
            "Compteur de l'école",
            "compteur électrique",
            hall,
            ground(hall) + 1.5,
            school.building_id,
            True,
        ),
        ("RIVE-METEO-1", "Cour de l'école", "abri météo", yard, ground(yard) + 2.0, "", True),
    )
    return tuple(
        SampleStation(
            station_id=station_id,
            name=name,
            kind=kind,
            x=round(float(point[0]), 2),
            y=round(float(point[1]), 2),
            elevation_m=round(elevation, 2),
            building_id=building_id,
            in_sensorthings=in_sensorthings,
        )
        for station_id, name, kind, point, elevation, building_id, in_sensorthings in places
    )
