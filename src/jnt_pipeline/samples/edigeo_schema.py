"""The nomenclature and the conceptual schema that every EDIGÉO sheet repeats: classes, attributes, relations."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ATTRIBUTES", "CLASSES", "LABEL_CLASS", "PARCEL_RELATIONS", "PlanClass", "class_rid"]

LABEL_CLASS = "ID_S_OBJ_Z_1_2_2"
"""Class of the placed texts (*écritures-attributs*)."""
_TEXTS = ("TEX", *(f"TEX{n}" for n in range(2, 11)))


@dataclass(frozen=True, slots=True)
class PlanClass:
    """One class of objects: its code of the CNIG, its kind of geometry, its attributes and its subset."""

    code: str
    kind: str
    """ARE, LIN or PCT."""
    attributes: tuple[str, ...]
    subset: str = "S1"


CLASSES: dict[str, PlanClass] = {
    "PARCELLE": PlanClass("H_11_4_0", "ARE", ("COAR", "IDU", "INDP", "SUPF", "TEX"), "T1"),
    "SUBDSECT": PlanClass("H_11_2_0", "ARE", ("COPL", "DEDI", "DIS", "DRED", "EOR", "ICL", "IDU", "INP", "QUPL"), "T2"),
    "SECTION": PlanClass("H_11_1_0", "ARE", ("IDU", "TEX"), "T3"),
    "BATIMENT": PlanClass("E_2_1_0", "ARE", ("DUR", "TEX")),
    "BORNE": PlanClass("I_2_4_0", "PCT", ()),
    "BOULON": PlanClass("I_2_4_1", "PCT", ("ORI",)),
    "CHARGE": PlanClass("H_11_6_0", "ARE", ("TEX",)),
    "COMMUNE": PlanClass("H_1_6_0", "ARE", ("IDU", "TEX2")),
    "CROIX": PlanClass("I_2_4_2", "PCT", ()),
    "LIEUDIT": PlanClass("H_1_7_0", "ARE", _TEXTS),
    "NUMVOIE": PlanClass("H_11_8_0", "PCT", ("TEX",)),
    "PTCANV": PlanClass("I_1_0_0", "PCT", ("CAN", "IDU", "MAP", "ORI", "PALT", "PPLN", "SYM")),
    "SUBDFISC": PlanClass("H_11_5_0", "ARE", ("TEX",)),
    "SYMBLIM": PlanClass("Z_1_0_1", "PCT", ("ORI", "SYM")),
    "TLINE": PlanClass("Z_1_0_2", "LIN", ("SYM", "TEX")),
    "TPOINT": PlanClass("Z_1_0_1", "PCT", ("ORI", "SYM", "TEX")),
    "TRONFLUV": PlanClass("D_1_0_8", "ARE", _TEXTS),
    "TRONROUTE": PlanClass("A_1_0_0", "ARE", ("RCAD", *_TEXTS)),
    "TSURF": PlanClass("Z_1_0_3", "ARE", ("SYM", "TEX")),
    "VOIEP": PlanClass("H_11_7_0", "PCT", ("TEX",)),
    "ZONCOMMUNI": PlanClass("A_1_0_5", "LIN", _TEXTS),
    LABEL_CLASS: PlanClass(
        "Z_1_2_2", "PCT", ("ID_S_ATT_FON", "ID_S_ATT_HEI", "ID_S_ATT_DI3", "ID_S_ATT_DI4", "ID_S_ATT_ATR")
    ),
}
"""Classes of the standard (DGFiP 2013, §8), by their name in the files."""

ATTRIBUTES: dict[str, tuple[str, int]] = {
    **dict.fromkeys((*_TEXTS, "COAR", "DEDI", "DIS", "DRED", "EOR", "IDU", "RCAD", "ID_S_ATT_FON"), ("T", 255)),
    **dict.fromkeys(("CAN", "COPL", "DUR", "INDP", "INP", "MAP", "PALT", "PPLN", "QUPL", "SYM"), ("A", 2)),
    **dict.fromkeys(("ICL", "ORI", "SUPF", "ID_S_ATT_HEI", "ID_S_ATT_DI3", "ID_S_ATT_DI4"), ("R", 32)),
    "ID_S_ATT_ATR": ("P", 255),
}
"""Attribute → format and greatest length."""

PARCEL_RELATIONS = ("BATIMENT", "BORNE", "BOULON", "CHARGE", "CROIX", "NUMVOIE", "SUBDFISC", "SYMBLIM")
"""Classes that may be related to parcels."""


def class_rid(name: str) -> str:
    """Identifier of a class or an attribute in the SCD: its name with the ending ``_id``, but for the placed texts."""
    return name if name.startswith("ID_S_") else f"{name}_id"
