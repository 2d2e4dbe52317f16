"""Where the interpreter with PJSIP's bindings is: ``make pjsua2`` puts it there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_BUILT = Path(__file__).parents[3] / "build" / "pjsua2" / "bin" / "python"


def pjsip_python() -> str:
    """Of the environment variable, or as built; the test fails where there is none but could be one."""
    if named := os.environ.get("PJSUA2_PYTHON"):
        return named
    if _BUILT.exists():
        return str(_BUILT)
    if sys.version_info >= (3, 13):
        pytest.skip("the pjsua2-python wheel isn't made for this Python: name another in PJSUA2_PYTHON")
    pytest.fail("PJSIP's bindings are missing: make pjsua2 fetches them", pytrace=False)
