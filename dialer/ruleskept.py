"""The rules that calls go by, the house's and each campaign's, kept in the ledger as they change."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from dialer.policy.calendar import Calendar
from dialer.policy.ledger import Rules, rules_of
from dialer.policy.settings import PolicySettings
from dialer.ports import Store


class RulesKept:
    """``of`` a campaign, by its settings as they are now. The house's have no name."""

    def __init__(
        self, house: PolicySettings, calendar: Calendar, settings_of: Callable[[str], PolicySettings]
    ) -> None:
        self._calendar, self._settings_of = calendar, settings_of
        self._house = (house, rules_of(house, calendar))
        self._made: dict[str, tuple[PolicySettings, Rules]] = {}
        self._kept: dict[str, str] = {}
        """Of each name the fingerprint that the ledger has."""

    def of(self, campaign: str) -> tuple[PolicySettings, Rules]:
        settings = self._settings_of(campaign)
        if settings is self._house[0]:
            return self._house
        made = self._made.get(campaign)
        if made is None or made[0] is not settings:
            made = self._made[campaign] = (settings, rules_of(settings, self._calendar))
        return made

    async def keep(self, store: Store, campaigns: Collection[str], now: datetime) -> None:
        """Tasks that wait by rules that were changed are asked about anew. Raises StoreError."""
        for name in ("", *campaigns):
            rules = self.of(name)[1] if name else self._house[1]
            if self._kept.get(name) != rules.fingerprint:
                await store.keep_rules(rules, now, name)
                self._kept[name] = rules.fingerprint
