"""Settings of the figures and reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """What the figures take as a success, and the marks that they are held to."""

    open_ticket_is_success: bool = False
    """Whether a call-back counts as a success while a ticket of it isn't closed."""

    success_goal: float = 0.90
    """R11: what success A is to reach."""

    visit_letter_cap: float = 0.10
    """R8: what visits and letters together may be of all call-backs."""

    sample_rate: float = 0.005
    """R59: share of the month's conversations that are checked."""

    sample_floor: int = 1200
    """R59: at least so many of them, where there are as many."""

    def __post_init__(self) -> None:
        for name in ("success_goal", "visit_letter_cap", "sample_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: write a share from 0 to 1")
        if self.sample_floor < 0:
            raise ValueError("sample_floor: write 0 or more")
