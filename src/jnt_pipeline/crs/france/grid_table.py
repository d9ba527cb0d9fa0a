"""The table of the French grids that a coordinate operation may need (*grilles de conversion*)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KNOWN_GRIDS", "KnownGrid"]

LICENCE = "Licence Ouverte / Open Licence 2.0 (Etalab)"
ATTRIBUTION = "Source: IGN, grilles de conversion géodésique; GeoTIFF version by OSGeo/PROJ-data, state of 2025-12-01."


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGrid:
    """One grid file as its publisher distributes it; name and checksum fix the edition."""

    name: str
    """File name, as PROJ asks for it."""
    sha256: str
    """SHA-256 of the whole file, hexadecimal."""
    n_bytes: int
    """Size of the file, bytes."""
    relation: str
    """What it relates: vertical system to ellipsoid, or datum to datum."""
    edition: str = ""
    """IGN's own name of the edition, with its year where the name tells it: ``RAF20 (2020)``, ``RAR07_bl``."""
    territory: str
    """Where it holds."""
    licence: str = LICENCE
    """Licence of the data."""
    attribution: str = ATTRIBUTION
    """Wording to keep with every redistribution."""


# Names, sizes and checksums: OSGeo/PROJ-data, folder fr_ign, commit 59fb3aecc47da1d3410f417bf61256a8aa915323.
# fmt: off
_ROWS = (
    ("fr_ign_CGVD2013RGSPM06.tif", "CGVD2013 to RGSPM06", "Saint-Pierre-et-Miquelon", 2615,
     "ae264da1e06c7d6f7177aa68db463ea9e7614e53805edc1d8596ea78881d6429"),
    ("fr_ign_gg10_sbv2.tif", "IGN 1988 SB to RGAF09", "Saint-Barthélemy", 2063,
     "b5695bb9ef48a8d97ce2acf075a33a61e7717552d389301489d1cdb147104105"),
    ("fr_ign_gg10_smv2.tif", "IGN 1988 SM to RGAF09", "Saint-Martin", 2069,
     "2c2abb2362b90281239074a2552b7692959434e1722b33d04498c2a5bac3ed91"),
    ("fr_ign_ggg00_lsv2.tif", "IGN 1988 LS to WGS 84, superseded", "Les Saintes", 1065,
     "c67cab5d85d33ca23f82a2d8d0cc619bf5ee04bcc5f845174dd21813b13a8dbc"),
    ("fr_ign_ggg00_mgv2.tif", "IGN 1988 MG to WGS 84, superseded", "Marie-Galante", 1574,
     "d6863e69643ef41e244db73e4b64bd52a25d57297ccb32fe7439d6699c84eba2"),
    ("fr_ign_ggg00_sbv2.tif", "IGN 1988 SB to WGS 84, superseded", "Saint-Barthélemy", 1362,
     "3f02ce75aeedc6c974c087f29ad4d5434be4e7caf52352212ef1e69106f31ed9"),
    ("fr_ign_ggg00_smv2.tif", "IGN 1988 SM to WGS 84, superseded", "Saint-Martin", 1356,
     "73eb5c601e4a0e4c29ccfa9d2e2caeb9e3332585164c7a8ec3c0fbf72ad687be"),
    ("fr_ign_ggg00v2.tif", "IGN 1988 to WGS 84, superseded", "Guadeloupe", 3530,
     "d603c7beb2f62f9c9463f29410706d4e3d628a8186b3e7e893151cb3e1677f5f"),
    ("fr_ign_ggguy15.tif", "NGG 1977 to RGFG95", "Guyane", 114493,
     "577d18e74ae6f15ee66db245deb9c9837cab0ab460c28bbc40e0f0dbb7a83c49"),
    ("fr_ign_ggker08v2.tif", "IGN 1962 to RGTAAF07", "Kerguelen", 58222,
     "70605c6de41a9fc2857e462d59d5664d1674cd8cba5d24938c4c5735e6c78e33"),
    ("fr_ign_ggm00v2.tif", "IGN 1987 to WGS 84, superseded", "Martinique", 2827,
     "27a2147da4ce1b9062f24dd03f3f5a54ae50de17b2fb9df515d022cb0187b7e3"),
    ("fr_ign_ggm04v1.tif", "SHOM 1953 to RGM04", "Mayotte", 2005,
     "c6d6fa020f0f9fb0f88a2709c41495b561f93e8570ce93ef6af97857be5670eb"),
    ("fr_ign_ggm23v2.tif", "IGN 2023 to RGM23", "Mayotte", 12830,
     "4d927c643d9718228ae2b29b48f076cc900b3a7dfe383ff57a80a00e3e7fb663"),
    ("fr_ign_ggpf02-Bora.tif", "local levelling to RGPF", "French Polynesia, Bora", 1089,
     "581c5e3036476139fd5bb67bfd0240d8ea95d001563a1f7053b691011270c804"),
    ("fr_ign_ggpf02-Huahine.tif", "local levelling to RGPF", "French Polynesia, Huahine", 1103,
     "040cbed304c1021d16335430bff7e3e4437b99dfa1acbe0e57678c51693b7218"),
    ("fr_ign_ggpf02-Maiao.tif", "local levelling to RGPF", "French Polynesia, Maiao", 1232,
     "57f82d929337a07b797f2b18009248004ba37915fbf221b8a8934b9e1e353b0f"),
    ("fr_ign_ggpf02-Maupiti.tif", "local levelling to RGPF", "French Polynesia, Maupiti", 1089,
     "3cd50bc4559ff523f3dd5556cc54e77ff5442c86d4dc7ecdb7a3c9e597c1814d"),
    ("fr_ign_ggpf02-Raiatea.tif", "local levelling to RGPF", "French Polynesia, Raiatea", 1088,
     "82dd761f599f8cbedc36923446948591b47fd1df5c5511d19ca0f1605b1c47e2"),
    ("fr_ign_ggpf02-Tahaa.tif", "local levelling to RGPF", "French Polynesia, Tahaa", 1071,
     "2b9996781a4f1c3ad9b6e70e4ad10252b138ac1690c951ac575e4774a96d3fa1"),
    ("fr_ign_ggpf02-Tupai.tif", "local levelling to RGPF", "French Polynesia, Tupai", 1241,
     "9581c4311de0af48fb67715dd03a7647fcd942c3ee55917fdeb6e6b2995c4c2d"),
    ("fr_ign_ggpf05-HivaOa.tif", "local levelling to RGPF", "French Polynesia, HivaOa", 2288,
     "f6509d2a1e8317b4ae57df7284b0104affa4bfb6ea977db36e6ceeef3299399a"),
    ("fr_ign_ggpf05-Nuku.tif", "local levelling to RGPF", "French Polynesia, Nuku", 1880,
     "d44c5baa231fa272e70bdd4f46a9e5d09ac064985ea286b1166f9f24157ddb0c"),
    ("fr_ign_ggpf08-Fakarava.tif", "local levelling to RGPF", "French Polynesia, Fakarava", 6206,
     "e8ebb480dbb425fc3def798238a62a3250223882dd0ea9f20de23d3392ade37b"),
    ("fr_ign_ggpf08-Gambier.tif", "local levelling to RGPF", "French Polynesia, Gambier", 3655,
     "509a3e9fbb246c9a96cac1e4dd8dff8d86688a4f87926f139b1a8b8c03717bc9"),
    ("fr_ign_ggpf08-Hao.tif", "local levelling to RGPF", "French Polynesia, Hao", 4943,
     "e1c0cff6a9afa60ae8af08b84a1a4af57805734b9a3d1f0b1c8f5c580955e1ae"),
    ("fr_ign_ggpf08-Mataiva.tif", "local levelling to RGPF", "French Polynesia, Mataiva", 1677,
     "e661a7d97d4d638e2184396adab8a22e5bc1a767b41d685909ec4086f0e9313e"),
    ("fr_ign_ggpf08-Raivavae.tif", "local levelling to RGPF", "French Polynesia, Raivavae", 2171,
     "e12da85a6bdc8dfbe15118245880587289ddbb961353d6cb680d5c761d3050b4"),
    ("fr_ign_ggpf08-Reao.tif", "local levelling to RGPF", "French Polynesia, Reao", 2053,
     "ab3089286285e907c5d300c226002d6972dd6774124f9fff7629c50a991eac35"),
    ("fr_ign_ggpf08-Rurutu.tif", "local levelling to RGPF", "French Polynesia, Rurutu", 1862,
     "c0ab0a17d9eb3ebec4d865b24a78cc60dace5427e2843acdd613df8d08478d74"),
    ("fr_ign_ggpf08-Tikehau.tif", "local levelling to RGPF", "French Polynesia, Tikehau", 1226,
     "9dc8a6de91efebb59270ee54d557d6a212f6a68e513b8bef016175a05164e0e6"),
    ("fr_ign_ggpf08-Tubuai.tif", "local levelling to RGPF", "French Polynesia, Tubuai", 2458,
     "5f70d181778631bb72838bbbcd4d8e455e91e31df94932c46d000aa3abf8fc01"),
    ("fr_ign_ggpf10-Moorea.tif", "local levelling to RGPF", "French Polynesia, Moorea", 2507,
     "32a183b8ad20eb7c90cb87ed88afea29e511a954681ece8e06b30f8a0ed60d80"),
    ("fr_ign_ggpf10-Tahiti.tif", "local levelling to RGPF", "French Polynesia, Tahiti", 16466,
     "a9e7bb6186f9227c6c700f30b4a4cefae74c632a7cf1b94c76199d7d95c010c6"),
    ("fr_ign_ggspm06v1.tif", "Danger 1950 to RGSPM06", "Saint-Pierre-et-Miquelon", 1986,
     "9e5bc902d0cec1324fadf3c8e3534c87fe989049c2c1b8befabd1e786b84c215"),
    ("fr_ign_gr3df97a.tif", "NTF to RGF93, geocentric translations", "Métropole", 99782,
     "63a13d7a38f9e0fc1edcbff8fc2248cc4e1a80a8df5fe3b43a0c11a6393c5544"),
    ("fr_ign_ntf_r93.tif", "NTF to RGF93, geographic offsets", "Métropole", 93581,
     "0aa738b3e00fd2d64f8e3cd0e76034d4792374624fa0e133922433c9491bbf2a"),
    ("fr_ign_RAC09.tif", "NGF-IGN78 to ellipsoid", "Corsica", 8597,
     "a1519cc41df3e1a6dbd8135782cca0cd6359f0cb5ec5e52cb531e4f567e59cdd"),
    ("fr_ign_RAC23.tif", "NGF-IGN78 to ellipsoid of RGF93 v2b", "Corsica", 9162,
     "075c061558c091f0e188256d62523e95b00deb90e2436550581f041b60811bab"),
    ("fr_ign_RAF09.tif", "NGF-IGN69 to ellipsoid", "Mainland France", 344998,
     "7396144b7fe903e42f0f28a4f55bf1e01e2947c8cb134af7f13a403d64db9927"),
    ("fr_ign_RAF18.tif", "NGF-IGN69 to ellipsoid", "Mainland France", 342796,
     "7001e9140f266e0ddcaffa6e5c2feb77bf9444fa229cf46d1ce3172c15fec79b"),
    ("fr_ign_RAF18b.tif", "NGF-IGN69 to ellipsoid of RGF93 v2", "Mainland France", 341314,
     "59522db6682a42dd0fa25edd7b6b18c92ae3224324809051d80ab960a76b67e9"),
    ("fr_ign_RAF20.tif", "NGF-IGN69 to ellipsoid of RGF93 v2b", "Mainland France", 342920,
     "dc0cc2a38f0ea1029fe72cca3b5b7ed6dfe7e1db2a8d8482b7326ce3d6f25605"),
    ("fr_ign_RAGTBT2016.tif", "IGN 1988 to RGAF09", "Guadeloupe", 33374,
     "5984c1565e9a65b88d5608c7bd3cdbf39f7f13c84b453e1984feab56384d1baa"),
    ("fr_ign_RALD2016.tif", "IGN 2008 LD to RGAF09", "La Désirade", 3006,
     "60bc9eca05bd39f5b2f38dfbd0c7e86f4d9a858bb49455343b482caa2c512f6e"),
    ("fr_ign_RALDW842016.tif", "IGN 2008 LD to WGS 84, superseded", "La Désirade", 1685,
     "52e0cd958d2b89df0c0ea3cc012242082d9492c366b0c4b3e8c1711b51ee4cb8"),
    ("fr_ign_RALS2016.tif", "IGN 1988 LS to RGAF09", "Les Saintes", 2836,
     "2500026baa9f04bf87503f3ce8b63b8f13343d82465922057642764379a182f7"),
    ("fr_ign_RAMART2016.tif", "IGN 1987 to RGAF09", "Martinique", 23884,
     "350a9cd98b5ab68566870c99c698490630ac9d221c34e7595c75afaf4c435243"),
    ("fr_ign_RAMG2016.tif", "IGN 1988 MG to RGAF09", "Marie-Galante", 6920,
     "2aa7dde4ed1008a965689455fda7be624e0f0657206bc0b181a64793ddcea25a"),
    ("fr_ign_RAR07_bl.tif", "IGN 1989 to RGR92", "La Réunion", 10378,
     "730aea12ee8642561d5c3bf26ffc023222e349bfcdf6ee676f999a875531d4a4"),
    ("fr_ign_RASPM2018.tif", "Danger 1950 to RGSPM06", "Saint-Pierre-et-Miquelon", 53052,
     "93f500295f175aa9b69092f169e8ea70173021c3a2b4d3623c4eedc49b1fbcbb"),
    ("fr_ign_RGM04versRGM23.tif", "RGM04 to RGM23, geocentric translations", "Mayotte", 9952,
     "0ad51d816048e8ef0e2d419e45f0f71777e8396f3511a6907130373d7da8a7a8"),
)
# fmt: on

_YEAR = re.compile(r"^RA[FC](\d\d)")
# IGN names the editions of RAF and RAC by two digits of the year. Digits of other names are left as they are: they may
# be a year in full (RAGTBT2016), or belong to the name of a system (RRAF, WGS 84).


def _edition(name: str) -> str:
    designation = name.removeprefix("fr_ign_").removesuffix(".tif")
    found = _YEAR.match(designation)
    return designation if found is None else f"{designation} (20{found[1]})"


KNOWN_GRIDS: Mapping[str, KnownGrid] = MappingProxyType(
    {
        name: KnownGrid(
            name=name,
            relation=relation,
            edition=_edition(name),
            territory=territory,
            n_bytes=n_bytes,
            sha256=sha256,
        )
        for name, relation, territory, n_bytes, sha256 in _ROWS
    }
)
"""Every French grid by file name."""
