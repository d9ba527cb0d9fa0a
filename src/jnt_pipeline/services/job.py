"""What a download works with, what it reports, and the seam of the declarations (*téléchargement déclaré*)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from jnt_pipeline.area import AreaOfInterest
from jnt_pipeline.crs.reference import Reference
from jnt_pipeline.errors import ConfigError
from jnt_pipeline.services.insee import checked_codes
from jnt_pipeline.services.ledger import Ledger
from jnt_pipeline.services.session import Session

__all__ = ["Absent", "CommunesDownload", "DownloadDeclaration", "FetchJob", "FetchReport", "Fetched", "Watch"]

Watch = Callable[[str, int, int | None], None]
"""Told the name of a file, how many of its bytes are here, and how many there will be (None: not stated)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One file of a download."""

    name: str
    """Its name in the folder."""
    state: Literal["present", "own", "unchanged", "downloaded", "resumed", "renewed"]
    """Already here and intact; put here by the user, left alone; the same at the service; fetched; completed from an
    earlier part; replaced by a newer one."""
    n_bytes: int
    """Its size."""
    sha256: str
    """Its checksum; empty for a file of the user's own."""
    url: str
    """Where it came from; empty for a file of the user's own."""
    n_records: int | None = None
    """Records in it, where that is cheap to know."""
    is_kept: bool = False
    """Whether it is a means (an index, an outline): kept for the next run, not read by sources."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Something that was asked for and does not exist."""

    name: str
    """File, layer or tile."""
    reason: str
    """Why, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """What one download did."""

    service: str
    """Name of the service, as in the YAML."""
    folder: Path
    """Where the files are."""
    vintage: str
    """Edition (*millésime*) that was resolved; empty where the service has none."""
    files: tuple[Fetched, ...]
    """One row per file, by name."""
    absent: tuple[Absent, ...]
    """What does not exist at the service."""
    n_requests: int
    """Requests that were made; 0 when everything was here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchJob:
    """Where to, with what, for which place."""

    folder: Path
    session: Session
    ledger: Ledger
    reference: Reference | None = None
    """The twin's reference; services are asked in its horizontal system."""
    area: AreaOfInterest | None = None
    """The twin's area, in that system."""
    refresh: bool = False
    """Whether to ask the service if it has something newer."""
    watch: Watch | None = None
    n_threads: int = 4
    """Files that are fetched at the same time; the rate is set by the budgets."""
    absent: list[Absent] = field(default_factory=list)
    """What turned out not to exist."""


class DownloadDeclaration(BaseModel, ABC):
    """Fields that every download shares. The declaration is the object: YAML validates straight into it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usual_address: ClassVar[str] = ""

    base_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+(/\S*)?$",
        description="Address of the service, when it is not the usual one (a mirror, or after a move).",
    )
    requests_per_s: float | None = Field(
        default=None, gt=0, le=200, description="Requests per second, lower than the published limit; null: the limit."
    )

    @abstractmethod
    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """Bring everything; returns the vintage and one row per file. Raises ``ServiceError``."""

    def address(self) -> str:
        """``base_url``, or the usual address; without a slash at the end."""
        return (self.base_url or self.usual_address).rstrip("/")

    def addresses(self) -> tuple[str, ...]:
        """Every address that is asked, or its start: those for which a lower rate holds."""
        return (self.address(),)


class CommunesDownload(DownloadDeclaration):
    """A download for whole communes."""

    communes: tuple[str, ...] = Field(default=(), description="INSEE codes of the communes.")

    @field_validator("communes")
    @classmethod
    def _codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return checked_codes(value)
        except ConfigError as error:
            raise ValueError(f"{error.what}: {error.found}; {error.expected}") from error

    def codes(self) -> tuple[str, ...]:
        """The communes. Raises ``ConfigError`` when none is stated."""
        if not self.communes:
            raise ConfigError(
                "no commune is stated",
                where="download",
                expected="`communes`: INSEE codes, e.g. ['25354']",
                remedy="add `communes` to the `download` block",
            )
        return self.communes
