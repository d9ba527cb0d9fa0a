"""Findings on records: counted, the first of them named; and as notes of a layer."""

from __future__ import annotations

from collections.abc import Iterable

from jnt_pipeline.sources.intake import Finding

__all__ = ["counted", "notes_of", "records_warning"]

_SHOWN = 5  # records named in a finding; the others are counted
_WARNING = "warning: "
_SINGULAR = {
    "have": "has", "are": "is", "state": "states", "use": "uses", "share": "shares", "lie": "lies",
    "addresses": "address",
}  # fmt: skip


def records_warning(code: str, words: str, records: Iterable[object], remedy: str) -> Finding:
    """A warning that counts records and names the first of them; ``words`` is as for several (``records have …``)."""
    names = [str(record) for record in records]
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    message = f"{counted(len(names), words)}: {', '.join(names[:_SHOWN])}{more}"
    return Finding(severity="warning", code=code, message=message, remedy=remedy)


def counted(n: int, words: str) -> str:
    """A number with words written for several, in the singular for one.

    >>> counted(1, "records have an identifier"), counted(2, "keys of another form")
    ('1 record has an identifier', '2 keys of another form')
    """
    if n == 1:
        first, _, rest = words.partition(" ")
        verb, _, end = rest.partition(" ")
        verb = _SINGULAR.get(verb, verb)
        words = " ".join(part for part in (_SINGULAR.get(first, first.removesuffix("s")), verb, end) if part)
    return f"{n:,} {words}"


def notes_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """What a layer's provenance keeps of findings: their messages; those that are no mere information say so.

    ``jnt status`` shows the notes that begin with ``warning:``.
    """
    return tuple(
        dict.fromkeys(found.message if found.severity == "info" else _WARNING + found.message for found in findings)
    )
