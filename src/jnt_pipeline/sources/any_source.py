"""Every kind of source in one union, told apart by ``kind``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jnt_pipeline.sources.addresses import AddressesSource
from jnt_pipeline.sources.bdtopo import BdTopoSource
from jnt_pipeline.sources.bim import BimSource
from jnt_pipeline.sources.cadastre import CadastreSource
from jnt_pipeline.sources.elevation import ElevationSource
from jnt_pipeline.sources.lidar import LidarSource
from jnt_pipeline.sources.planning import PlanningSource
from jnt_pipeline.sources.rnb import RnbSource
from jnt_pipeline.sources.sensors import SensorsSource
from jnt_pipeline.sources.street_map import PcrsSource
from jnt_pipeline.sources.vector import VectorSource

__all__ = [
    "AddressesSource",
    "AnySource",
    "BdTopoSource",
    "BimSource",
    "CadastreSource",
    "ElevationSource",
    "LidarSource",
    "PcrsSource",
    "PlanningSource",
    "RnbSource",
    "SensorsSource",
    "VectorSource",
]

AnySource = Annotated[
    CadastreSource
    | BdTopoSource
    | RnbSource
    | AddressesSource
    | PlanningSource
    | PcrsSource
    | VectorSource
    | ElevationSource
    | LidarSource
    | BimSource
    | SensorsSource,
    Field(discriminator="kind"),
]
"""Every kind of source; a new one is added here."""
