"""The members of an EDIGÉO sheet that describe it: THF, GEN, GEO, DIC and SCD."""

from __future__ import annotations

from jnt_pipeline.samples.edigeo_records import Member, coordinates, reference
from jnt_pipeline.samples.edigeo_schema import ATTRIBUTES, CLASSES, PARCEL_RELATIONS, class_rid

__all__ = ["description_members"]

_SUBSETS = (("T1", "SeTOP_1"), ("T2", "SeTOP_2"), ("T3", "SeTOP_3"), ("S1", "SeSPA_1"))
_PRIMITIVES = {"ARE": ("PFE", "FAC", "IDB"), "LIN": ("PAR", "ARC", "IDR"), "PCT": ("PNO", "NOD", "IDB")}
_BETWEEN = (
    ("FAC_GCHE", "LPO", "FAC"),
    ("FAC_DRTE", "RPO", "FAC"),
    ("NOD_INI", "IND", "NOD"),
    ("NOD_FIN", "FND", "NOD"),
)


def description_members(
    lot: str, thf: str, system: str, made_on: str, author: str, extent: tuple[float, float, float, float]
) -> dict[str, bytes]:
    """The five members, by name. ``made_on`` YYYY-MM-DD; ``extent`` west, south, east, north in metres."""
    members = (
        _transmission(lot, thf, made_on, author),
        _general(lot, extent),
        _geodesy(lot, system),
        _nomenclature(lot),
        _schema(lot),
    )
    return {member.name: member.content() for member in members}


def _transmission(lot: str, thf: str, made_on: str, author: str) -> Member:
    out = Member(thf)
    out.begin("GTS", "SUPPORT_01")
    for head, value in (("AUTST", author), ("ADRST", "EDIGEO PCI"), ("LOCSN", "1"), ("VOCSN", ""), ("SECSN", "7")):
        out.add(head, value)
    for head, value in (("RDIST", ""), ("VERST", "1.0"), ("VDASD", "19920801"), ("TRLST", "01"), ("EDNSN", "1")):
        out.add(head, value)
    out.add("TDASD", made_on.replace("-", ""))
    out.add("INFST", "Echange issu du plan cadastral informatisé")
    out.begin("GTL", lot)
    out.add("LONSA", lot)
    out.add("INFST", "")
    for letters, subset in (("GN", "SeGN"), ("GO", "SeGO"), ("QA", "SeQL"), ("DI", "SeNM"), ("SC", "SeSD")):
        out.add(f"{letters}NSA", "SE")
        out.add(f"{letters}ISA", subset)
    out.add("GDCSN", str(len(_SUBSETS)))
    for suffix, subset in _SUBSETS:
        out.add("GDNSA", suffix)
        out.add("GDISA", subset)
    return out


def _general(lot: str, extent: tuple[float, float, float, float]) -> Member:
    out = Member(f"{lot}SE.GEN")
    west, south, east, north = (round(value * 100) for value in extent)
    out.begin("DEG", f"EMPRISE_{lot}")
    out.add("CM1CC", coordinates((west, south)))
    out.add("CM2CC", coordinates((east, north)))
    for suffix, subset in _SUBSETS:
        out.begin("GSE", subset)
        out.add("INFST", "")
        out.add("STRSN", "3" if suffix == "S1" else "1")
        out.add("REGSA", "")
    return out


def _geodesy(lot: str, system: str) -> Member:
    out = Member(f"{lot}SE.GEO")
    out.begin("GEO", f"GEODESIE_{lot}")
    for head, value in (
        ("RETSA", "MAP"),
        ("RENST", ""),
        ("RELSA", system),
        ("DIMSN", "2"),
        ("ALSSN", "2"),
        ("UNHST", "m"),
    ):
        out.add(head, value)
    return out


def _nomenclature(lot: str) -> Member:
    out = Member(f"{lot}SE.DIC")
    for code in sorted({one.code for one in CLASSES.values()}):
        out.begin("DID", f"ID_N_OBJ_{code}")
        out.add("LABSA", code)
        out.add("DEFST", "")
        out.add("ORIST", "CNIG")
    for name, (kind, _) in ATTRIBUTES.items():
        label = name.removeprefix("ID_S_ATT_")
        out.begin("DIA", f"ID_N_ATT_{label}")
        out.add("LABSA", label)
        out.add("DEFST", "")
        out.add("ORIST", "CNIG")
        out.add("CATSA", "G" if name.startswith("ID_S_") else "P")
        out.add("TYPSA", kind)
        out.add("UNIST", "")
        out.add("AVCSN", "0")
    for relation in ("IWW", "APP"):
        out.begin("DIR", f"ID_N_REL_{relation}")
        out.add("LABSA", relation)
        out.add("DEFST", "")
        out.add("ORIST", "CNIG")
    return out


def _schema(lot: str) -> Member:
    out = Member(f"{lot}SE.SCD")
    for name, one in CLASSES.items():
        out.begin("OBJ", class_rid(name))
        out.add("DIPCP", reference(lot, "SeNM", "DID", f"ID_N_OBJ_{one.code}"))
        out.add("KNDSA", one.kind)
        out.add("AACSN", str(len(one.attributes)))
        for attribute in one.attributes:
            out.add("AAPCP", reference(lot, "SeSD", "ATT", class_rid(attribute)))
        out.add("QACSN", "0")
    for word in ("NOD", "ARC", "FAC"):
        out.begin("PGE", f"ID_S_PRI_{word}")
        out.add("KNDSA", word)
        out.add("AACSN", "0")
        out.add("QACSN", "0")
    for name, (kind, longest) in ATTRIBUTES.items():
        out.begin("ATT", class_rid(name))
        out.add("DIPCP", reference(lot, "SeNM", "DIA", f"ID_N_ATT_{name.removeprefix('ID_S_ATT_')}"))
        out.add("CANSN", str(longest))
        out.add("UNIST", "")
        nature = "CP" if kind == "P" else f"S{kind}"
        out.empty(f"AV1{nature}", f"AV2{nature}")
    _relation(out, "ASS", "IS_S_REL_IWW", "IWW", lot, ("OBJ", "ID_S_OBJ_Z_1_2_2"), ("OBJ", "PARCELLE_id"))
    for name in PARCEL_RELATIONS:
        _relation(out, "ASS", f"{name}_PARCELLE", "APP", lot, ("OBJ", f"{name}_id"), ("OBJ", "PARCELLE_id"))
    for name, one in CLASSES.items():
        _, word, kind = _PRIMITIVES[one.kind]
        rid = f"ID_S_RCO_{class_rid(name).removeprefix('ID_S_OBJ_')}"
        _relation(out, "REL", rid, kind, lot, ("OBJ", class_rid(name)), ("PGE", f"ID_S_PRI_{word}"))
    for word, kind, other in _BETWEEN:
        _relation(out, "REL", f"ID_S_RCO_{word}", kind, lot, ("PGE", "ID_S_PRI_ARC"), ("PGE", f"ID_S_PRI_{other}"))
    return out


def _relation(out: Member, kind: str, rid: str, named: str, lot: str, *ends: tuple[str, str]) -> None:
    out.begin(kind, rid)
    if kind == "ASS":
        out.add("DIPCP", reference(lot, "SeNM", "DIR", f"ID_N_REL_{named}"))
    else:
        out.add("KNDSA", named)
    out.add("CA1SN", "0")
    out.add("CA2SN", "0")
    out.add("SCCSN", str(len(ends)))
    for end in ends:
        out.add("SCPCP", reference(lot, "SeSD", *end))
        out.add("OCCSN", "0")
    out.add("AACSN", "0")
    out.add("QACSN", "0")
