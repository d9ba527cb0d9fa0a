"""The reference of a sheet: code of the coordinate system (record RELSA of the GEO member) to EPSG."""

from __future__ import annotations

from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import UnsupportedError

__all__ = ["SYSTEMS", "reference_of_code"]

SYSTEMS: dict[str, str] = {
    "LAMB93": "EPSG:2154",
    **{f"RGF93CC{zone}": f"EPSG:39{zone}" for zone in range(42, 51)},  # coniques conformes 9 zones
    # NTF, Paris meridian, of sheets from before RGF93 became legal: LAMB1…4 are the systems whose northings have six
    # digits, LAMBE is Lambert II étendu; same parameters in the registers of IGN (IGNF) and of EPSG.
    **{f"LAMB{zone}": f"EPSG:2756{zone}" for zone in range(1, 5)},
    "LAMBE": "EPSG:27572",
    "RGAF09UTM20": "EPSG:5490",
    "WGS84UTM20": "EPSG:32620",
    "GUAD48UTM20": "EPSG:2970",
    "GUADFM49U20": "EPSG:2969",
    "MART38UTM20": "EPSG:2973",
    "RGFG95UTM22": "EPSG:2972",
    "RGR92UTM40S": "EPSG:2975",
    "RGR92UTM": "EPSG:2975",  # what the DGFiP writes; in no register
    "RGM04UTM38S": "EPSG:4471",
    "RGM04": "EPSG:4471",  # what the DGFiP writes; in the register of IGN it is the geocentric system
    "RGSPM06U21": "EPSG:4467",
}
"""Code in the sheet → EPSG. Sources: DGFiP standard of 2013 (annexe 1, note 7), register IGNF, codes met in sheets."""


def reference_of_code(code: str, where: str) -> Reference:
    """The reference that ``RELSA`` names; raises ``UnsupportedError`` for a code that is in no table."""
    horizontal = SYSTEMS.get(code.strip().upper())
    if horizontal is None:
        raise UnsupportedError(
            "a coordinate system that no table of EDIGÉO codes names",
            where=where,
            found=f"RELSA {code.strip() or '(empty)'}",
            expected=", ".join(SYSTEMS),
            remedy="ask for the sheet in Lambert-93 or in the legal system of its territory",
        )
    return Reference(horizontal=horizontal)
