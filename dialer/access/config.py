"""Settings of access to recordings and of quality checks."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.access.quality import ITEMS, ScoreItem


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """Who may hear recordings, and for how long."""

    max_hours: int = 168
    """R62: the longest that a grant may last."""
    max_calls: int = 2000
    """The most calls that one request may name."""
    session_hours: int = 10
    """How long a sign-in lasts."""
    max_failures: int = 5
    """Wrong passwords in a row after which an account rests."""
    lock_minutes: int = 15
    """How long it rests."""
    disc_bytes: int = 4_700_000_000
    """R33: what fits on one disc of a burn set."""

    def __post_init__(self) -> None:
        for name in ("max_hours", "max_calls", "session_hours", "max_failures", "lock_minutes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is below 1")
        if self.disc_bytes < 1_000_000:
            raise ValueError(f"disc_bytes: {self.disc_bytes} is below 1000000: no recording fits")


@dataclass(frozen=True, slots=True)
class QualityConfig:
    """What a checked call is held to. The sample's size is set in ``[reports]``."""

    items: tuple[ScoreItem, ...] = ITEMS
    """R36, R47, R59: the score card, one text an item: ``key R47 10: 中文 / English``."""
    minor_yuan: int = 100
    """R60: what the findings' export puts beside a minor breach."""
    moderate_yuan: int = 200
    """R60: the same for a moderate one."""
    serious_yuan: int = 300
    """R60: the same for a serious one."""
    falsified_yuan: int = 500
    """R61: the same for a falsified record."""

    def __post_init__(self) -> None:
        if not self.items:
            raise ValueError("items: write one item at least")
        keys = [item.key for item in self.items]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise ValueError(f"items: {twice[0]!r} stands there twice")
        for name in ("minor_yuan", "moderate_yuan", "serious_yuan", "falsified_yuan"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: write 0 or more")
