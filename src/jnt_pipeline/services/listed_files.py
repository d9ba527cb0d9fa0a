"""Files from addresses that the user states, with their checksum if it is known: mirrors, exports, bulk files."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jnt_pipeline.services.content import check_named
from jnt_pipeline.services.job import DownloadDeclaration, Fetched, FetchJob
from jnt_pipeline.services.transfer import Wanted, bring_all

__all__ = ["FilesDownload", "ListedFile"]


_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


class ListedFile(BaseModel):
    """One file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^\s/]+/\S+$", description="Address of the file.")
    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][\w.-]*$",
        description="Name that it gets in the folder; null: the last part of its address.",
    )
    sha256: str = Field(default="", pattern=r"^([0-9a-fA-F]{64})?$", description="Checksum; empty: not known.")

    @property
    def file_name(self) -> str:
        """Name in the folder."""
        return self.name or unquote(urlsplit(self.url).path).rsplit("/", 1)[-1]


class FilesDownload(DownloadDeclaration):
    """A list of files."""

    service: Literal["files"] = Field(default="files", description="Discriminator.")
    files: tuple[ListedFile, ...] = Field(min_length=1, description="The files.")

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = Counter(file.file_name for file in self.files)
        twice = sorted(name for name, n in names.items() if n > 1 or not name)
        if twice:
            raise ValueError(f"files with the same name, or none: {', '.join(twice)}; state `name`")
        odd = [name for name in names if not _NAME.fullmatch(name)]
        if odd:
            raise ValueError(f"not a plain file name: {', '.join(odd)}; state `name`")
        return self

    def addresses(self) -> tuple[str, ...]:
        """Those of the files."""
        return tuple(file.url for file in self.files)

    def fetch(self, job: FetchJob) -> tuple[str, list[Fetched]]:
        """All files, judged by the ending of their names."""
        wanted = [
            Wanted(
                name=file.file_name,
                url=file.url,
                check=check_named(file.file_name),
                sha256=file.sha256,
                setting="files.url",
            )
            for file in self.files
        ]
        return "", bring_all(wanted, job)
