"""Reading sheets: one, or every sheet of a path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from jnt_pipeline.base_layers.layers import Layer
from jnt_pipeline.errors import SourceError
from jnt_pipeline.provenance import Provenance, SourceFile
from jnt_pipeline.sources.edigeo.content import LABELS, Content, read_content
from jnt_pipeline.sources.edigeo.layers import sheet_layers
from jnt_pipeline.sources.edigeo.lot import Members, read_members
from jnt_pipeline.sources.edigeo.outlines import sides_at_fault
from jnt_pipeline.sources.edigeo.sheets import Sheet, sheets_of
from jnt_pipeline.sources.protocol import SourceDeclaration

__all__ = ["read_edigeo", "read_sheet", "require_same_place", "sheet_notes"]


def read_edigeo(
    path: Path, *, insee_code: str | None = None, source: SourceDeclaration | None = None
) -> tuple[Layer, ...]:
    """The layers of every sheet of a path, sheet by sheet; see ``sheets_of`` and ``read_sheet``.

    >>> layers = read_edigeo(Path("edigeo-25354000AK01.tar.bz2"))  # doctest: +SKIP
    """
    owner = source or SourceDeclaration(
        path=path, producer="DGFiP", licence="Licence Ouverte 2.0", attribution="Source : DGFiP – Cadastre"
    )
    return tuple(layer for sheet in sheets_of(path, insee_code=insee_code) for layer in read_sheet(sheet, owner))


def read_sheet(sheet: Sheet, source: SourceDeclaration, prints: Iterable[SourceFile] = ()) -> tuple[Layer, ...]:
    """The native layers of one sheet (names in ``layers.LAYER_NAMES``); those of which it has no object are left out.

    The reference is that of RELSA; ids get the département, which a sheet does not tell, from ``sheet``. Ids of
    buildings and places are made of the centroid in longitude, latitude, as those of the Etalab files are.

    Parameters: ``prints`` fingerprints of the files, where they are known; else those of the bytes that are read.
    Raises ``UnreadableError`` (damage, missing members), ``UnsupportedError`` (a charset, RELSA), ``SourceError`` when
    the commune is unknown or is another than the objects say, ``CrsError`` as ``crs.transformation``.
    """
    insee_code = sheet.insee_code
    members = read_members(sheet)
    content = read_content(members)
    if insee_code is None:
        raise SourceError(
            "nothing tells the commune of this sheet: inside, its code has no département",
            where=sheet.member or sheet.files[0],
            found=f"commune {', '.join(_communes(content)) or 'unknown'}",
            expected="a file or folder named edigeo-{feuille}, 12 characters, or a folder named after the INSEE code",
            remedy="declare `insee_code`, 5 characters",
        )
    require_same_place(sheet, insee_code, content)
    provenance = source.provenance(tuple(prints) or members.files)
    layers = sheet_layers(content, insee_code, provenance)
    notes = sheet_notes(members, content)
    return tuple(replace(layer, provenance=_with_notes(layer.provenance, notes)) for layer in layers)


def sheet_notes(members: Members, content: Content) -> tuple[str, ...]:
    """What must be known of a sheet: its date, what it leaves out, what contradicts itself."""
    notes = []
    made_on = members.transmission.made_on
    if len(made_on) == 8:
        notes.append(f"sheet exported on {made_on[:4]}-{made_on[4:6]}-{made_on[6:]}")
    if labels := sum(feature.name == LABELS for feature in content.features.values()):
        notes.append(f"{labels} placed texts ({LABELS}) are not read: their words are those of their objects")
    if at_fault := sides_at_fault(content):
        notes.append(f"{at_fault} arcs of topological subsets do not lie between two faces")
    if members.others:
        notes.append(f"files that the THF does not announce, not read: {', '.join(members.others)}")
    return (*notes, *(f"{note}: {n}" if n > 1 else note for note, n in sorted(content.notes.items())))


def _with_notes(provenance: Provenance, notes: tuple[str, ...]) -> Provenance:
    return provenance.model_copy(update={"notes": (*provenance.notes, *notes)})


def _communes(content: Content) -> list[str]:
    """Codes of three characters that the objects of a sheet say."""
    named = (f for f in content.features.values() if f.name in {"COMMUNE", "SUBDSECT", "SECTION", "PARCELLE"})
    return sorted({feature.attributes["IDU"][:3] for feature in named if "IDU" in feature.attributes})


def require_same_place(sheet: Sheet, insee_code: str, content: Content) -> None:
    """Raise ``SourceError`` unless the commune and the sheet that the objects say are those of the name."""
    said = _communes(content)
    numbers = {
        feature.attributes["IDU"][3:]
        for feature in content.features.values()
        if feature.name == "SUBDSECT" and "IDU" in feature.attributes
    }
    if (said and insee_code[2:] not in said) or (numbers and sheet.sheet_id[5:] not in numbers):
        raise SourceError(
            "the sheet inside is not the one that its name, or `insee_code`, says",
            where=sheet.member or sheet.files[0].name,
            found=f"commune {', '.join(said)}, sheet {', '.join(sorted(numbers)) or 'not told'}",
            expected=f"commune {insee_code[2:]}, sheet {sheet.sheet_id[5:]}",
            remedy="give the archive its name back, or correct `insee_code`",
        )
