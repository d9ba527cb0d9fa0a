"""The layouts of tables of addresses: the national file (BAN), local files (BAL 1.1 to 1.5), and their column names.

Source: adresse.data.gouv.fr (23 columns of the BAN); AITF, *format Base Adresse Locale* 1.1 to 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jnt_pipeline.errors import SourceError, UnsupportedError
from jnt_pipeline.sources.intake import Finding

__all__ = ["AddressLayout", "address_layout", "holds_addresses"]

_BAN = {
    "id": "address_id",
    "id_ban_adresse": "ban_id",
    "id_ban_toponyme": "ban_street_id",
    "id_ban_commune": "ban_commune_id",
    "code_insee": "insee_code",
    "nom_commune": "commune_name",
    "code_postal": "postcode",
    "nom_voie": "street_name",
    "nom_ld": "hamlet_name",
    "numero": "house_number",
    "rep": "house_suffix",
    "type_position": "position_type",
    "certification_commune": "is_certified",
    "cad_parcelles": "parcel_ids",
    "x": "x",
    "y": "y",
    "lon": "longitude",
    "lat": "latitude",
}
_BAL = {
    "cle_interop": "address_id",
    "uid_adresse": "uid",
    "id_ban_adresse": "ban_id",
    "id_ban_toponyme": "ban_street_id",
    "id_ban_commune": "ban_commune_id",
    "commune_insee": "insee_code",
    "commune_nom": "commune_name",
    "voie_nom": "street_name",
    "toponyme": "street_name",
    "lieudit_complement_nom": "hamlet_name",
    "numero": "house_number",
    "suffixe": "house_suffix",
    "position": "position_type",
    "certification_commune": "is_certified",
    "cad_parcelles": "parcel_ids",
    "date_der_maj": "updated_on",
    "x": "x",
    "y": "y",
    "long": "longitude",
    "lat": "latitude",
}
_NOT_USED = {
    "id_fantoir", "code_insee_ancienne_commune", "nom_ancienne_commune", "alias", "libelle_acheminement", "nom_afnor",
    "source_position", "source_nom_voie", "commune_deleguee_insee", "commune_deleguee_nom", "source",
}  # fmt: skip
_OTHER_NAMES = {
    "x_l93": "x",
    "y_l93": "y",
    "long_wgs84": "long",
    "lat_wgs84": "lat",
    "lon": "long",
    "longitude": "long",
    "latitude": "lat",
}
_DBF_WIDTH = 10  # characters of a column name in a DBF file, through which many local files have passed
_REGIONAL = re.compile(
    r"(voie_nom|toponyme|commune_nom|commune_deleguee_nom|lieudit_complement_nom)_([a-z]{3})"
)  # code of the language after ISO 639-3


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressLayout:
    """How one file writes addresses."""

    title: str
    """``BAN``, or ``BAL`` with the version whose columns it has."""
    columns: dict[str, str]
    """Our name → name in the file."""
    languages: dict[str, str]
    """Code of a regional language → column of the street names in it."""
    findings: tuple[Finding, ...]
    """What is unusual in the header."""


def holds_addresses(names: Sequence[str]) -> bool:
    """Whether the columns of a table are those of addresses: of the BAN, or three of a BAL with street or key."""
    plain = {name.lower() for name in names}
    if {"id", "nom_voie", "code_insee"} <= plain:
        return True
    known = {_bal_name(name) for name in plain} & {*_BAL, *_NOT_USED}
    return len(known) >= 3 and bool(known & {"cle_interop", "voie_nom", "toponyme"})


def address_layout(names: Sequence[str], where: str) -> AddressLayout:
    """The layout that a header has.

    Raises ``UnsupportedError`` when it is none of addresses, ``SourceError`` when streets have no column or a column
    comes under two names.
    """
    if not holds_addresses(names):
        raise UnsupportedError(
            "not a table of addresses",
            where=where,
            found=", ".join(names)[:120],
            expected="the columns of the BAN (id, numero, nom_voie, …) or of a BAL (cle_interop, voie_nom, …)",
            remedy="give the CSV file of the BAN or of the commune's BAL",
        )
    is_ban = {"id", "nom_voie", "code_insee"} <= {name.lower() for name in names}
    table = _BAN if is_ban else _BAL
    columns: dict[str, str] = {}
    renamed, regional, strange = [], {}, []
    for name in names:
        official = name.lower() if is_ban else _bal_name(name.lower())
        if official in table:
            other = columns.setdefault(table[official], name)
            if other != name:
                raise SourceError(
                    f"two columns hold {official}",
                    where=where,
                    found=f"{other} and {name}",
                    expected="one column",
                    remedy="keep the one that is right and take the other out",
                )
            if official != name.lower():
                renamed.append(f"{name} = {official}")
        elif match := _REGIONAL.fullmatch(name.lower()):
            regional[name] = match
        elif official not in _NOT_USED:
            strange.append(name)
    if "street_name" not in columns:
        raise SourceError(
            "missing column voie_nom (toponyme from BAL 1.5 on)",
            where=where,
            found=", ".join(names),
            expected="one column with the name of the street or place",
            remedy="ask the commune for a complete BAL",
        )
    findings = []
    if renamed:
        findings.append(_info("other_column_names", f"columns under other or cut names: {', '.join(renamed)}"))
    if regional:
        kept = [name for name, match in regional.items() if match[1] in {"voie_nom", "toponyme"}]
        rest = [name for name in regional if name not in kept]
        told = f"names in regional languages: {', '.join(regional)}"
        findings.append(_info("regional_languages", told + (f"; left out: {', '.join(rest)}" if rest else "")))
    if columns["street_name"].lower() == "toponyme":
        findings.append(_info("street_in_toponyme", "streets are in the column toponyme, as from BAL 1.5 on"))
    if strange:
        findings.append(_info("columns_left_out", f"columns left out: {', '.join(strange)}"))
    return AddressLayout(
        title="BAN" if is_ban else f"BAL {_version(columns)}",
        columns=columns,
        languages={match[2]: name for name, match in regional.items() if match[1] in {"voie_nom", "toponyme"}},
        findings=tuple(findings),
    )


def _bal_name(name: str) -> str:
    """The official name of a column: other spellings, and names cut to ten characters where only one fits."""
    if name in _BAL or name in _NOT_USED:
        return name
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    whole = [one for one in (*_BAL, *_NOT_USED) if len(name) == _DBF_WIDTH and one.startswith(name)]
    return whole[0] if len(whole) == 1 else name


def _version(columns: dict[str, str]) -> str:
    if columns["street_name"].lower() == "toponyme":
        return "1.5"
    if "ban_id" in columns:
        return "1.4"
    return "1.1 to 1.3" if "is_certified" not in columns else "1.3"


def _info(code: str, message: str) -> Finding:
    return Finding(severity="info", code=code, message=message)
