"""Real peers against our user agent and media plane, feature by feature: ``make interop``.

Not collected by pytest; ``tests/wire/test_wire_interop.py`` runs the quick cells of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

for _folder in ("wire", "unit/sip"):
    if (_path := str(Path(__file__).parents[1] / _folder)) not in sys.path:
        sys.path.append(_path)
