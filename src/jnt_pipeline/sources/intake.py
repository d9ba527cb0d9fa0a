"""IntakeReport (*contrôle à réception*): what one producer's file is worth, before anything is built on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from jnt_pipeline.errors import JntError

__all__ = ["Evidence", "Finding", "IntakeReport", "Severity", "Verdict"]

Severity = Literal["info", "warning", "error"]
Verdict = Literal["sound", "defects", "unreadable"]

_EXIT_CODES: dict[Verdict, int] = {"sound": 0, "defects": 1, "unreadable": 3}
_UNREADABLE_EXIT_CODE = 3  # of UnreadableError and UnsupportedError: nothing in the file can be used


class Evidence(BaseModel):
    """One fact behind a suggestion, as a sentence and as numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["doubt", "support"] = Field(
        description="doubt: speaks against what is stated; support: what the first suggestion would make of it."
    )
    fact: str = Field(description="Stable word, snake_case: outside_area, departements, named_square, overlap, …")
    message: str = Field(description="The fact in one sentence.")
    values: dict[str, JsonValue] = Field(default_factory=dict, description="Its numbers.")


class Finding(BaseModel):
    """One thing that a user must know about a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Severity = Field(
        description="info: worth knowing; warning: usable, read with care; error: refused as it stands."
    )
    code: str = Field(description="Stable reason code, snake_case, e.g. missing_crs.", pattern=r"^[a-z0-9_]+$")
    message: str = Field(description="What was found, in one sentence, with ids and numbers.")
    remedy: str = Field(default="", description="What to do about it.")
    suggestion: str = Field(
        default="", description="What the file probably is, as one would declare it: `crs: EPSG:27572`. Never applied."
    )
    alternatives: tuple[str, ...] = Field(default=(), description="Other suggestions that fit as well.")
    confidence: str = Field(default="", description="strong, fair or weak, and why, for a suggestion.")
    evidence: tuple[Evidence, ...] = Field(default=(), description="The facts behind a suggestion.")

    @classmethod
    def of_error(cls, error: JntError, code: str) -> Self:
        """The finding that tells the same as an error: what, found, expected, and the remedy."""
        parts = [error.what]
        if error.found:
            parts.append(f"found {error.found}")
        if error.expected:
            parts.append(f"expected {error.expected}")
        return cls(severity="error", code=code, message="; ".join(parts), remedy=error.remedy)


class IntakeReport(BaseModel):
    """The result of ``jnt check`` on one file; ``facts`` and ``findings`` are plain JSON values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(description="File name, without any folder of this machine.")
    kind: str = Field(description="What the content is: lidar, cadastre, bim, sensors, or the unread format.")
    verdict: Verdict = Field(
        description="sound: use it; defects: readable, see the findings; unreadable: nothing can be used."
    )
    facts: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="What was measured: n_points, class_counts, reference, extent, schema, …",
    )
    findings: tuple[Finding, ...] = Field(default=(), description="In the order in which they were found.")

    def with_findings(self, findings: Iterable[Finding]) -> Self:
        """The same report with further findings; a sound file with a warning is sound no more."""
        more = tuple(findings)
        worse = self.verdict == "sound" and any(finding.severity != "info" for finding in more)
        verdict: Verdict = "defects" if worse else self.verdict
        return self.model_copy(update={"findings": (*self.findings, *more), "verdict": verdict})

    @property
    def exit_code(self) -> int:
        """Exit code of ``jnt check``: 0 sound, 1 defects, 3 unreadable."""
        return _EXIT_CODES[self.verdict]

    @property
    def codes(self) -> tuple[str, ...]:
        """Reason codes of the findings, in their order."""
        return tuple(finding.code for finding in self.findings)

    @classmethod
    def judged(cls, path: Path, kind: str, facts: Mapping[str, JsonValue], findings: Iterable[Finding] = ()) -> Self:
        """Report on a file that could be read: sound unless a finding is more than an information."""
        found = tuple(findings)
        verdict: Verdict = "defects" if any(f.severity != "info" for f in found) else "sound"
        return cls(file=path.name, kind=kind, verdict=verdict, facts=dict(facts), findings=found)

    @classmethod
    def refused(
        cls,
        path: Path,
        kind: str,
        error: JntError,
        code: str,
        *,
        facts: Mapping[str, JsonValue] | None = None,
        findings: Iterable[Finding] = (),
    ) -> Self:
        """Report on a file that an error refuses; the error comes after the other findings.

        Errors that end a command with exit code 3 (damaged, unsupported) make it ``unreadable``; the others
        (no CRS, no vertical datum, nothing in it) leave it ``defects``: the content itself could be read.
        """
        return cls(
            file=path.name,
            kind=kind,
            verdict="unreadable" if error.exit_code == _UNREADABLE_EXIT_CODE else "defects",
            facts=dict(facts or {}),
            findings=(*findings, Finding.of_error(error, code)),
        )
