"""Campaigns (回访项目): plan files, their life from draft to finished, and what they narrow. Pure."""

from dialer.campaigns.life import (
    IN_FORCE,
    CampaignHead,
    CampaignState,
    CampaignStep,
    CampaignVersion,
    Content,
    StepRecord,
    StepTaken,
    advance,
    digest,
)
from dialer.campaigns.plan import Plan
from dialer.campaigns.reader import read_plan

__all__ = [
    "IN_FORCE",
    "CampaignHead",
    "CampaignState",
    "CampaignStep",
    "CampaignVersion",
    "Content",
    "Plan",
    "StepRecord",
    "StepTaken",
    "advance",
    "digest",
    "read_plan",
]
