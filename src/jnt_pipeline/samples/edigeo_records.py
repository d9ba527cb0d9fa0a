"""Records of the exchange grammar of EDIGÉO, written: length, charset of texts, texts that go on."""

from __future__ import annotations

from jnt_pipeline.errors import ConfigError

__all__ = ["Member", "coordinates", "reference"]

_LONGEST = 72  # characters of a value


class Member:
    """One member (*métafichier*) while it is written: CRLF, ISO 8859-1."""

    def __init__(self, name: str):
        self.name = name
        self._lines: list[str] = []
        self.add("BOMT ", name)
        self.add("CSET ", "IRV")

    def begin(self, kind: str, rid: str) -> None:
        """Start a descriptor."""
        self._lines.append("")
        self.add("RTYSA", kind)
        self.add("RIDSA", rid)

    def add(self, head: str, value: str) -> None:
        """One record: name of three letters, nature and format in ``head``."""
        first, rest = value[:_LONGEST], value[_LONGEST:]
        self._lines.append(f"{head}{len(first):02d}:{first}")
        while rest:
            first, rest = rest[:_LONGEST], rest[_LONGEST:]
            self._lines.append(f"NEXT {len(first):02d}:{first}")

    def empty(self, *heads: str) -> None:
        """Records without a value."""
        for head in heads:
            self.add(head, "")

    def text(self, head: str, value: str) -> None:
        """A text, its charset announced before it."""
        self.add("TEXT ", "8859-1")
        self.add(head, value)

    def content(self) -> bytes:
        """The bytes of the member; raises ``ConfigError`` for characters that ISO 8859-1 does not have."""
        whole = "\r\n".join([*self._lines, "", "EOMT 00:", ""])
        try:
            return whole.encode("latin-1")
        except UnicodeEncodeError as error:
            raise ConfigError(
                "a text that ISO 8859-1 cannot write",
                where=self.name,
                found=repr(error.object[max(error.start - 20, 0) : error.end]),
                expected="letters of western European languages",
                remedy="write œ as oe, the apostrophe straight",
            ) from error


def reference(*parts: str) -> str:
    """Reference of a descriptor: lot, subset, type, identifier."""
    return ";".join(parts)


def coordinates(place: tuple[int, int]) -> str:
    """Coordinates in centimetres, as records state them: signs, two decimals, a semicolon after each."""
    x, y = place
    return f"{x / 100:+.2f};{y / 100:+.2f};"
