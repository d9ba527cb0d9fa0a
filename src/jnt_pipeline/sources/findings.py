"""Findings on records: counted, the first of them named."""

from __future__ import annotations

from collections.abc import Iterable

from jnt_pipeline.sources.intake import Finding

__all__ = ["records_warning"]

_SHOWN = 5  # records named in a finding; the others are counted


def records_warning(code: str, words: str, records: Iterable[object], remedy: str) -> Finding:
    """A warning that counts records and names the first of them."""
    names = [str(record) for record in records]
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Finding(
        severity="warning", code=code, message=f"{len(names)} {words}: {', '.join(names[:_SHOWN])}{more}", remedy=remedy
    )
