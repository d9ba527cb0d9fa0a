"""Permanent identifiers of addresses in the BAN (*identifiants BAN*): their form, and what contradicts it.

Three UUIDs name the commune, the street (*toponyme*) and the address. BAL 1.3 writes them in ``uid_adresse`` as
``@c:… @v:… @a:…``, BAL 1.4 and later in three columns. Source: AITF, format Base Adresse Locale 1.3 to 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jnt_pipeline.sources.findings import records_warning
from jnt_pipeline.sources.intake import Finding

__all__ = ["BanIds", "ban_ids"]

_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_LEVELS = {"ban_commune_id": "c", "ban_street_id": "v", "ban_id": "a"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BanIds:
    """The identifiers of the records of one file."""

    address: pd.Series[Any]
    """UUID of the address, lower case; null where the file states none."""
    faults: dict[int, tuple[str, str]]
    """Position of a record to set aside → reason code and sentence."""
    findings: tuple[Finding, ...]
    """Contradictions between identifiers that are well formed."""


def ban_ids(frame: pd.DataFrame, records: NDArray[np.object_], *, are_complete: bool) -> BanIds:
    """Read and judge the identifiers of a table of addresses.

    Parameters: ``frame`` with the columns of a layout, those that it has; ``records`` names of its rows;
    ``are_complete`` whether the layout promises all three identifiers or none (BAL; the BAN gives what it knows).

    A malformed identifier is ``bad_ban_id``; a ``uid_adresse`` without one of its three parts ``incomplete_ban_ids``.
    """
    faults: dict[int, tuple[str, str]] = {}
    known: dict[str, pd.Series[Any]] = {}
    empty = pd.Series(pd.NA, index=frame.index, dtype="str")
    uid = frame.get("uid", empty)
    marked = uid.str.contains("@", regex=False).fillna(False).astype(bool)
    for name, letter in _LEVELS.items():
        stated = frame.get(name, empty)
        in_uid = uid.where(marked).str.extract(rf"@{letter}:(\S+)")[0].astype("str")
        values = stated.fillna(in_uid)
        for i in np.flatnonzero((values.notna() & ~values.str.fullmatch(_UUID).fillna(False)).to_numpy(bool)):
            faults.setdefault(int(i), ("bad_ban_id", f"identifier {values.iloc[i]!r} is not a UUID"))
        known[name] = values.str.lower()
    lacking = np.logical_or.reduce([known[name].isna().to_numpy() for name in _LEVELS]) & marked.to_numpy()
    for i in np.flatnonzero(lacking):
        faults.setdefault(int(i), ("incomplete_ban_ids", f"uid_adresse {uid.iloc[i]!r} lacks one of @c, @v, @a"))
    sound = np.ones(len(frame), dtype=bool)
    sound[list(faults)] = False
    findings = _shared(frame, known, records, sound)
    if are_complete:
        findings += _incoherent(frame, known, records, sound)
    return BanIds(address=known["ban_id"], faults=faults, findings=tuple(findings))


def _shared(
    frame: pd.DataFrame, known: dict[str, pd.Series[Any]], records: NDArray[np.object_], sound: NDArray[np.bool_]
) -> list[Finding]:
    """One identifier on addresses that are not the same."""
    table = pd.DataFrame({"ban": known["ban_id"], "own": frame.get("address_id")}, index=frame.index)[sound]
    table = table.assign(record=records[sound]).dropna(subset=["ban"])
    several = table.groupby("ban")["own"].transform(lambda own: own.nunique(dropna=False)) > 1
    if not several.any():
        return []
    return [
        records_warning(
            "shared_ban_id",
            "addresses share their BAN identifier with another one",
            table.loc[several, "record"],
            "report them to the producer: an identifier names one address",
        )
    ]


def _incoherent(
    frame: pd.DataFrame, known: dict[str, pd.Series[Any]], records: NDArray[np.object_], sound: NDArray[np.bool_]
) -> list[Finding]:
    commune, street, address = (known[name] for name in _LEVELS)
    findings = []
    reused = (commune == street) | (street == address) | (commune == address)
    orphans = (address.notna() & (street.isna() | commune.isna())) | (street.notna() & commune.isna())
    some = commune.notna() | street.notna() | address.notna()
    judged = (
        ("reused_ban_id", "records use one identifier for two things", reused),
        ("missing_parent_ban_id", "records have an identifier without that of its street or commune", orphans),
    )
    for code, words, mask in judged:
        hit = mask.fillna(False).to_numpy(dtype=bool) & sound
        if hit.any():
            findings.append(records_warning(code, words, records[hit], "ask the producer to complete the identifiers"))
    with_ids = some.to_numpy(dtype=bool)
    if (with_ids & sound).any() and (~with_ids & sound).any():
        findings.append(
            records_warning(
                "some_ban_ids",
                "records have no BAN identifier, others of the file have",
                records[~with_ids & sound],
                "identifiers are given to every address of a commune, or to none",
            )
        )
    if "insee_code" in frame:
        pairs = pd.DataFrame({"code": frame["insee_code"], "ban": commune})[sound].dropna().drop_duplicates()
        for one, other in (("code", "ban"), ("ban", "code")):
            counts = pairs.groupby(one)[other].agg(["nunique", "first"])
            doubled = counts.index[counts["nunique"] > 1]
            if len(doubled):
                what = (
                    "communes with several BAN identifiers" if one == "code" else "BAN identifiers of several communes"
                )
                findings.append(
                    records_warning("contradicting_commune_ids", what, doubled, "ask the producer which one is right")
                )
    return findings
