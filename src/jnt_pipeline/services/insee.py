"""INSEE codes of communes (*code officiel géographique*), and under which of them services file what."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jnt_pipeline.crs.france.departements import departement_of
from jnt_pipeline.errors import ConfigError

__all__ = ["cadastral_codes", "checked_codes", "departement"]

_INSEE = re.compile(r"(?:\d{2}|2[AB])\d{3}")
_ARRONDISSEMENTS = {
    "75056": tuple(str(code) for code in range(75101, 75121)),  # Paris
    "69123": tuple(str(code) for code in range(69381, 69390)),  # Lyon
    "13055": tuple(str(code) for code in range(13201, 13217)),  # Marseille
}
_FORMER = {"97701": "97123", "97801": "97127"}  # Saint-Barthélemy and Saint-Martin are filed under Guadeloupe


def checked_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """INSEE codes in upper case, each once, in their order. Raises ``ConfigError`` naming those that are none."""
    found = tuple(dict.fromkeys(str(code).strip().upper() for code in codes))
    wrong = [code for code in found if not _INSEE.fullmatch(code) or departement_of(code) is None]
    if wrong:
        raise ConfigError(
            "no INSEE code of a commune" if len(wrong) == 1 else "no INSEE codes of communes",
            where="communes",
            found=", ".join(wrong),
            expected="five characters that begin with a département, as text: '25354', '2B033', '97411'",
            remedy="look the code up in the code officiel géographique (a postal code is another number)",
        )
    return found


def departement(code: str) -> str:
    """The département of an INSEE code that has been checked."""
    found = departement_of(code)
    assert found is not None
    return found


def cadastral_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """The codes under which the cadastre and the addresses file communes.

    Paris, Lyon and Marseille by *arrondissement municipal*; Saint-Martin and Saint-Barthélemy under Guadeloupe.

    >>> cadastral_codes(["25354", "97801"]), len(cadastral_codes(["69123"]))
    (('25354', '97127'), 9)
    """
    spread = (_ARRONDISSEMENTS.get(code, (_FORMER.get(code, code),)) for code in checked_codes(codes))
    return tuple(dict.fromkeys(code for group in spread for code in group))
