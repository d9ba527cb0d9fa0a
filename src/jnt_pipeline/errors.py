"""The errors of the toolkit, one tree.

::

    JntError                     something the user can act on: what, where, what to do
    ├── ConfigError              the YAML of the territory is wrong (exit 2)
    ├── SourceError              a file of a producer cannot be used
    │   ├── UnreadableError      damaged, truncated, or not the format it says (exit 3)
    │   │   └── MissingMembersError  files that belong to the delivery are not there
    │   ├── UnsupportedError     sound, but a version or schema that we do not read (exit 3)
    │   ├── EmptySourceError     readable, and nothing in it to use
    │   └── ServiceError         a service on the network did not deliver
    │       ├── UnreachableServiceError  no answer, or one that broke off each time
    │       ├── BusyServiceError     too many requests, or down; still so after the last attempt
    │       ├── MovedAddressError    nothing at the address any more, or a redirect to another host
    │       ├── RefusedRequestError  the service refuses the request; its own words are told
    │       └── BadAnswerError       an answer came: empty, cut, of another format or content; kept in quarantine
    ├── CrsError                 a coordinate or a height could not be transformed truthfully
    │   ├── MissingCrsError      the file states no horizontal reference
    │   ├── MissingHeightReferenceError   heights without a vertical datum
    │   ├── MissingGridError     the operation needs a grid that is not on this machine
    │   ├── BallparkError        only an approximate operation exists, refused
    │   ├── DisjointAreasError   the two references hold in places that do not meet
    │   ├── MixedReferencesError the records of one layer are in several references
    │   └── OutsideAreaError     a point lies outside the area where the operation is valid
    │       ├── SwappedAxesError      it would lie inside with its two axes the other way round
    │       └── ImpossibleValueError  the numbers are no coordinates of that system anywhere on Earth
    ├── SchemaError              a layer lacks what its schema promises
    ├── AssemblyError            the twin cannot be derived from these layers
    ├── ExportError              a publication could not be written or does not validate
    ├── DeliveryError            the feed could not be written or served
    └── WorkspaceError           the folder on disk
        ├── WorkspaceLockedError another run holds it
        ├── WorkspaceFormatError written by a newer or unknown version
        └── DiskFullError        no room left; nothing half-written remains

Every message names the file or id, what was found, what was expected, and the remedy.
"""

from __future__ import annotations

__all__ = [
    "AssemblyError",
    "BadAnswerError",
    "BallparkError",
    "BusyServiceError",
    "ConfigError",
    "CrsError",
    "DeliveryError",
    "DisjointAreasError",
    "DiskFullError",
    "EmptySourceError",
    "ExportError",
    "ImpossibleValueError",
    "JntError",
    "MissingCrsError",
    "MissingGridError",
    "MissingHeightReferenceError",
    "MissingMembersError",
    "MixedReferencesError",
    "MovedAddressError",
    "OutsideAreaError",
    "RefusedRequestError",
    "SchemaError",
    "ServiceError",
    "SourceError",
    "SwappedAxesError",
    "UnreachableServiceError",
    "UnreadableError",
    "UnsupportedError",
    "WorkspaceError",
    "WorkspaceFormatError",
    "WorkspaceLockedError",
]


class JntError(Exception):
    """Base of all errors that a user can act on.

    ``where`` names the file, field or id; ``found`` and ``expected`` state the contradiction;
    ``remedy`` says what to do. The text is built from the four, so that no message lacks one by accident.
    """

    exit_code = 1
    """Exit code of the ``jnt`` command when this error ends it."""

    def __init__(self, what: str, *, where: object = "", found: str = "", expected: str = "", remedy: str = ""):
        self.what = what
        self.where = str(where)
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        """One readable block, one line per part that is known."""
        parts = [
            f"{self.where}: {self.what}" if self.where else self.what,
            f"  found:    {self.found}" if self.found else "",
            f"  expected: {self.expected}" if self.expected else "",
            f"  remedy:   {self.remedy}" if self.remedy else "",
        ]
        return "\n".join(part for part in parts if part)

    def __reduce__(self) -> tuple[object, ...]:
        """Travel whole between processes (keyword arguments are lost by default)."""
        return (_rebuild, (type(self), self.what, self.where, self.found, self.expected, self.remedy))


def _rebuild(kind: type[JntError], what: str, where: str, found: str, expected: str, remedy: str) -> JntError:
    return kind(what, where=where, found=found, expected=expected, remedy=remedy)


class ConfigError(JntError):
    """The description of the territory is wrong; ``where`` is the path of the field."""

    exit_code = 2


class SourceError(JntError):
    """A producer's file cannot be used."""


class UnreadableError(SourceError):
    """The file is damaged, truncated, or not what its name says."""

    exit_code = 3


class MissingMembersError(UnreadableError):
    """Files that belong to the delivery, and that one of them announces, are not there."""


class UnsupportedError(SourceError):
    """The file is sound, but of a version or schema that is not read here; refused by name."""

    exit_code = 3


class EmptySourceError(SourceError):
    """The file is readable, and holds nothing to use."""


class ServiceError(SourceError):
    """A service on the network did not deliver what was asked of it."""


class UnreachableServiceError(ServiceError):
    """No answer came, or one that broke off each time; what came is kept and continued."""


class BusyServiceError(ServiceError):
    """The service counts too many requests (429) or is down (5xx), still so after the last attempt."""


class MovedAddressError(ServiceError):
    """Nothing is at the address any more (404, 410, an unknown layer), or it points to another host."""


class RefusedRequestError(ServiceError):
    """The service refuses the request; ``found`` holds its own words."""


class BadAnswerError(ServiceError):
    """An answer came that cannot be used: empty, cut, of another format, or not what was asked for."""


class CrsError(JntError):
    """A coordinate or a height could not be transformed truthfully."""


class MissingCrsError(CrsError):
    """The file states no (usable) horizontal reference, and none was declared."""


class MissingHeightReferenceError(CrsError):
    """Heights came without a vertical datum, and none was declared."""


class MissingGridError(CrsError):
    """The operation needs a grid that is not on this machine."""


class OutsideAreaError(CrsError):
    """A point lies outside the area where the operation is valid."""


class SwappedAxesError(OutsideAreaError):
    """The points lie outside the area, and would lie inside it with their two axes the other way round."""


class ImpossibleValueError(OutsideAreaError):
    """The numbers are no coordinates of the stated system anywhere on Earth: a latitude of 95, an easting of 1e9."""


class BallparkError(CrsError):
    """Only an approximate ("ballpark") operation exists between the two references."""


class DisjointAreasError(CrsError):
    """The two references hold in places that do not meet; no point can be asked for."""


class MixedReferencesError(CrsError):
    """The records of one layer state, or show, more than one reference."""


class SchemaError(JntError):
    """A layer lacks what its schema promises."""


class AssemblyError(JntError):
    """The twin cannot be derived from these layers."""


class ExportError(JntError):
    """A publication could not be written, or does not validate."""


class DeliveryError(JntError):
    """The feed could not be written or served."""


class WorkspaceError(JntError):
    """The workspace folder cannot be used."""


class WorkspaceLockedError(WorkspaceError):
    """Another run holds the workspace."""


class WorkspaceFormatError(WorkspaceError):
    """The workspace was written by a newer or unknown version."""


class DiskFullError(WorkspaceError):
    """No room left on the disk; nothing half-written remains."""
