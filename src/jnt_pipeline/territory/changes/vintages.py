"""The day that a vintage (*millésime*) stands for, as producers write it."""

from __future__ import annotations

import re
from datetime import date

__all__ = ["vintage_day"]

_FORMS = (
    re.compile(r"(?P<year>\d{4})-?(?P<month>\d{2})-?(?P<day>\d{2})"),
    re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})"),
    re.compile(r"(?P<month>\d{2})/(?P<year>\d{4})"),
    re.compile(r"(?P<day>\d{2})/(?P<month>\d{2})/(?P<year>\d{4})"),
    re.compile(r"(?P<year>\d{4})[ -]?[TQ](?P<quarter>[1-4])"),
    re.compile(r"[TQ](?P<quarter>[1-4])[ -]?(?P<year>\d{4})"),
    re.compile(r"(?P<year>\d{4})"),
)


def vintage_day(vintage: str) -> date | None:
    """The latest day that the text names, the first of a month, quarter or year; None where it names none.

    Several vintages are joined with ``;``, the ends of a period with ``/``.

    >>> vintage_day("2026-03-01"), vintage_day("2025; 2025-T3"), vintage_day("latest")
    (datetime.date(2026, 3, 1), datetime.date(2025, 7, 1), None)
    """
    parts = [part.strip() for text in vintage.split(";") for part in _ends(text.strip())]
    return max((day for day in map(_day, parts) if day is not None), default=None)


def _ends(text: str) -> list[str]:
    return [text] if any(form.fullmatch(text) for form in _FORMS) else text.split("/")


def _day(text: str) -> date | None:
    for form in _FORMS:
        found = form.fullmatch(text)
        if found:
            named = found.groupdict()
            month = 3 * int(named["quarter"]) - 2 if "quarter" in named else int(named.get("month", 1))
            try:
                return date(int(named["year"]), month, int(named.get("day", 1)))
            except ValueError:  # 2026-13-01, or digits that are no date
                return None
    return None
