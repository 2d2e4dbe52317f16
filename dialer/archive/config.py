"""Settings of the archive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dialer.policy.zones import find_zone


@dataclass(frozen=True, slots=True)
class ArchiveConfig:
    """Where recordings go and how long they stay. A wrong value raises ValueError."""

    root: Path
    """Folder below which the day folders lie; made where missing."""

    min_free_bytes: int = 1_000_000_000
    """No call is placed with less room than this: a call that can't be recorded isn't made (R75)."""

    retain_years: int = 3
    """Calendar years from the call's end during which its recording must be kept (R40). At least 3."""

    zone: str = "Asia/Shanghai"
    """IANA zone of the day folders and of the local date that retention counts from."""

    def __post_init__(self) -> None:
        if self.min_free_bytes < 0:
            raise ValueError(f"min_free_bytes: {self.min_free_bytes} is below 0")
        if self.retain_years < 3:
            raise ValueError(f"retain_years: {self.retain_years} is below the 3 years that must be kept")
        if find_zone(self.zone) is None:
            raise ValueError(f"zone: {self.zone!r} is not an IANA zone: write e.g. Asia/Shanghai")
