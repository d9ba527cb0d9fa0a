"""Instants in the feed: whole microseconds since 1970 UTC in the store, RFC 3339 with Z in documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["from_microseconds", "rfc3339", "to_microseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_microseconds(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z, exact; ``instant`` carries its offset.

    >>> to_microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (instant - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: int) -> datetime:
    """The instant, in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def rfc3339(instant: datetime) -> str:
    """RFC 3339 text in UTC; fractions of a second only where there are any.

    >>> rfc3339(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
