"""The six stations of the coastal village, two of them in the water."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jnt_pipeline.samples.coast import SEA_M
from jnt_pipeline.samples.coast_layout import RAVINE_U, ROAD_V
from jnt_pipeline.samples.lagon_story import LAGON_STORY
from jnt_pipeline.samples.scenery import Scenery
from jnt_pipeline.samples.sensors import SampleStation
from jnt_pipeline.samples.town import SampleTown

__all__ = ["place_lagon_stations"]


def place_lagon_stations(town: SampleTown, scenery: Scenery) -> tuple[SampleStation, ...]:
    """The stations, with true positions and elevations."""
    del scenery  # no station hangs on anything planted or parked
    shelter, annex = town.modelled, town.named("MAIRIE ANNEXE")
    to_world = town.layout.frame.to_world

    def at(u: float, v: float) -> NDArray[np.float64]:
        return np.asarray(to_world(np.array([(u, v)]))[0])

    def ground(point: NDArray[np.float64]) -> float:
        return float(town.terrain.elevation(point[:1], point[1:])[0])

    bed = at(RAVINE_U, ROAD_V[0] - 3.0)
    yard = at(shelter.centre[0], shelter.centre[1] - 18.0)
    hall = shelter.to_world(np.array([(2.0, 1.0)]))[0]
    roof = annex.to_world(np.array([(2.0, 0.0)]))[0]
    places = (
        ("LAGON-MAREE-1", "Ponton du lagon", "marégraphe", at(-30.0, -120.0), LAGON_STORY.gauge_zero_m, "", False),
        ("LAGON-HOULE-1", "Bouée du large", "houlographe", at(8.0, -222.0), SEA_M, "", False),
        (
            "LAGON-PLUIE-1",
            "Toit de la mairie annexe",
            "pluviomètre",
            roof,
            annex.ridge_elevation_m + 1.5,
            annex.building_id,
            False,
        ),
        ("LAGON-RAVINE-1", "Pont de la ravine", "limnimètre", bed, ground(bed), "", False),
        ("LAGON-METEO-1", "Cour de l'abri cyclonique", "mât météo", yard, ground(yard) + 10.0, "", True),
        (
            "LAGON-ENERGIE-1",
            "Compteur de l'abri cyclonique",
            "compteur électrique",
            hall,
            ground(hall) + 1.5,
            shelter.building_id,
            True,
        ),
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
