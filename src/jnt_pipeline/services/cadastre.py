"""Cadastre of communes from cadastre.data.gouv.fr: files of Etalab, or EDIGÉO sheets (*plan cadastral informatisé*)."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field

from jnt_pipeline.errors import BadAnswerError, MovedAddressError
from jnt_pipeline.services.addresses import ADDRESSES, LAST_ARCHIVED_VINTAGE
from jnt_pipeline.services.content import edigeo_archive, geojson_gz
from jnt_pipeline.services.insee import cadastral_codes, departement
from jnt_pipeline.services.job import Absent, CommunesDownload, Fetched, FetchJob
from jnt_pipeline.services.pages import bad_answer
from jnt_pipeline.services.transfer import Wanted, bring, bring_all
from jnt_pipeline.services.vintages import LATEST, links_of, resolved_vintage

__all__ = ["LAYERS", "CadastreEdigeoDownload", "CadastreEtalabDownload"]

Couche = Literal[
    "communes", "prefixes_sections", "sections", "feuilles",
    "parcelles", "batiments", "lieux_dits", "subdivisions_fiscales",
]  # fmt: skip
LAYERS: tuple[Couche, ...] = (
    "communes", "prefixes_sections", "sections", "feuilles",
    "parcelles", "batiments", "lieux_dits", "subdivisions_fiscales",
)  # fmt: skip
"""The eight layers of the files of Etalab."""

_ALWAYS_THERE = frozenset({"communes", "sections", "feuilles", "parcelles"})
"""A commune without one of these is not there at all; the others may have nothing to show."""

_VINTAGE = r"^(latest|\d{4}-\d{2}-\d{2})$"


class CadastreEtalabDownload(CommunesDownload):
    """Files of Etalab (GeoJSON), one per commune and layer."""

    usual_address: ClassVar[str] = ADDRESSES["cadastre_etalab"]
    service: Literal["cadastre_etalab"] = Field(default="cadastre_etalab", description="Discriminator.")
    vintage: str = Field(default=LATEST, pattern=_VINTAGE, description="Vintage (millésime), YYYY-MM-DD, or latest.")
    layers: tuple[Couche, ...] = Field(default=LAYERS, min_length=1, description="Layers (couches).")

    def wanted(self, vintage: str) -> tuple[Wanted, ...]:
        """One file per commune and layer."""
        is_old = vintage <= LAST_ARCHIVED_VINTAGE
        base = ADDRESSES["cadastre_etalab_archive"] if is_old and self.base_url is None else self.address()
        return tuple(
            Wanted(
                name=f"cadastre-{code}-{layer}.json.gz",
                url=f"{base}/{vintage}/geojson/communes/{departement(code)}/{code}/cadastre-{code}-{layer}.json.gz",
                check=geojson_gz,
                vintage=vintage,
            )
            for code in cadastral_codes(self.codes())
            for layer in dict.fromkeys(self.layers)
        )

    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """All files; layers that a commune does not have are told as absent."""
        vintage = resolved_vintage(self.vintage, self.address(), job)
        wanted = self.wanted(vintage)
        needed = [file for file in wanted if _layer(file) in _ALWAYS_THERE]
        rows = bring_all(needed, job)
        for file in wanted:
            if _layer(file) in _ALWAYS_THERE:
                continue
            seen = f"none in {vintage}: {file.name}"
            if job.ledger.resolved(seen) is not None and not job.refresh:
                job.absent.append(Absent(name=file.name, reason=job.ledger.resolved(seen) or ""))
                continue
            try:
                rows.append(bring(file, job))
            except MovedAddressError as error:
                reason = f"the commune has none in this vintage ({error.found})"
            except BadAnswerError as error:
                if error.what != "no feature in the collection":
                    raise
                reason = "the layer holds no feature; the answer is in quarantine"
            else:
                continue
            job.ledger.resolve(seen, reason)
            job.absent.append(Absent(name=file.name, reason=reason))
        return vintage, rows


class CadastreEdigeoDownload(CommunesDownload):
    """EDIGÉO sheets (*feuilles*) of communes, one archive each."""

    usual_address: ClassVar[str] = ADDRESSES["cadastre_edigeo"]
    service: Literal["cadastre_edigeo"] = Field(default="cadastre_edigeo", description="Discriminator.")
    vintage: str = Field(default=LATEST, pattern=_VINTAGE, description="Vintage (millésime), YYYY-MM-DD, or latest.")
    projection: Literal["legal", "cc"] = Field(
        default="legal", description="legal: Lambert-93 or the local UTM; cc: the conical conformal zone."
    )

    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """The sheets that the index of each commune lists."""
        base = self.address()
        vintage = resolved_vintage(self.vintage, base, job)
        wanted = [
            Wanted(name=name, url=f"{folder}{name}", check=edigeo_archive, vintage=vintage)
            for code in cadastral_codes(self.codes())
            for folder in [f"{base}/{vintage}/edigeo/feuilles/{departement(code)}/{code}/"]
            for name in self._sheets(code, folder, vintage, job)
        ]
        return vintage, bring_all(wanted, job)

    def _sheets(self, code: str, folder: str, vintage: str, job: FetchJob) -> list[str]:
        """Archives of a commune, from the index of its folder; noted, so that the next run needs no network."""
        noted = f"sheets of {code} ({self.projection}) in {vintage}"
        known = job.ledger.resolved(noted)
        if known is not None and not job.refresh:
            return known.split()
        form = re.compile(rf"edigeo-{'cc-' if self.projection == 'cc' else ''}{code}[0-9A-Z]{{7}}\.tar\.bz2")
        names = sorted(name for name in links_of(folder, job) if form.fullmatch(name))
        if not names:
            raise bad_answer(
                f"the index lists no sheet of the commune {code}",
                folder,
                "no link to an edigeo-….tar.bz2",
                remedy="check the code and the vintage; if the service has moved, state its address as `base_url`",
            )
        job.ledger.resolve(noted, " ".join(names))
        return names


def _layer(file: Wanted) -> str:
    return file.name.removesuffix(".json.gz").split("-", 2)[2]
