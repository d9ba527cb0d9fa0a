"""Libraries that only look for larger ones do not load them, and find them whole once they use them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jnt_pipeline.libraries.loading import left_unloaded


def _in_a_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_gdal_loads_no_frames_and_reads_them_when_asked(tmp_path: Path) -> None:
    said = _in_a_new_process(
        "import sys\n"
        "from jnt_pipeline.libraries.gdal import pyogrio\n"
        "assert not {'pandas', 'geopandas'} & {*sys.modules}\n"
        "import geopandas, shapely\n"
        f"path = {str(tmp_path)!r} + '/one.gpkg'\n"
        "pyogrio.write_dataframe(geopandas.GeoDataFrame({'a': [7]}, geometry=[shapely.Point(1, 2)], crs=2154), path)\n"
        "print(pyogrio.read_dataframe(path).iloc[0].a)\n"
    )
    assert said == "7"


def test_kernels_load_no_linear_algebra_and_a_users_own_kernel_finds_it() -> None:
    said = _in_a_new_process(
        "import sys\n"
        "from jnt_pipeline.libraries.compiled import numba\n"
        "assert 'scipy.linalg' not in sys.modules\n"
        "import numpy\n"
        "print(numba.njit(lambda a: numpy.dot(a, a))(numpy.full((2, 2), 3.0))[0, 0])\n"
    )
    assert said == "18.0"


def test_the_stand_in_gives_what_the_module_has() -> None:
    said = _in_a_new_process(
        "import sys\n"
        "from importlib.metadata import version\n"
        "from jnt_pipeline.libraries.loading import left_unloaded\n"
        "with left_unloaded('pandas'):\n"
        "    import pandas as stand_in\n"
        "    assert stand_in.__version__ == version('pandas') and 'pandas.core' not in sys.modules\n"
        "    from pandas import DataFrame\n"
        "    import pandas.api.types\n"
        "import pandas\n"
        "assert pandas.DataFrame is DataFrame is stand_in.DataFrame and pandas is not stand_in\n"
        "print(type(pandas).__name__)\n"
    )
    assert said == "module"


def test_a_loaded_module_stays_and_a_missing_one_is_missed() -> None:
    before = sys.modules["pytest"]
    with left_unloaded("pytest", "no_such_library"):
        assert sys.modules["pytest"] is before
        with pytest.raises(ModuleNotFoundError):
            __import__("no_such_library")
    assert sys.modules["pytest"] is before
