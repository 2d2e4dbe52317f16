"""Tasks that are refused but stay open: out of the queue's way, and back when the reason is gone.

No time heals a refusal, only a person: who approves a script, puts an allow-list right, loads a calendar.
So one task of each campaign and rule is asked again now and then; where its answer has changed, all are.
"""

from __future__ import annotations

from collections.abc import Callable

from dialer.model import Task, TaskId, TaskState
from dialer.policy.verdict import Refuse, Verdict
from dialer.ports import Candidate, Store


class Refused:
    """Of one node. What was refused before it started is shown to the queue once more."""

    def __init__(self, store: Store, recheck_s: float, ask: Callable[[Candidate], Verdict | None]) -> None:
        """``ask``: the verdict now; None where there is none for a fault of the program."""
        self._store, self._recheck_s, self._ask = store, recheck_s, ask
        self._samples: dict[tuple[str, str], TaskId] = {}
        """Of each campaign and rule that task which was refused last."""
        self._next_at = float("-inf")
        self._showing = True
        """Whether some may be left that are to be shown again."""

    def note(self, task: Task, verdict: Refuse) -> None:
        self._samples[task.campaign, verdict.rule] = task.id

    async def recheck(self, now: float, limit: int) -> int:
        """Show the queue up to ``limit`` of them, where it is time to. Returns how many. Raises StoreError.

        ``now``: loop time, in seconds.
        """
        if now >= self._next_at:
            self._next_at = now + self._recheck_s
            self._showing = await self._changed() or self._showing
        if not self._showing:
            return 0
        shown = await self._store.reconsider(limit)
        self._showing = shown >= limit
        return shown

    async def _changed(self) -> bool:
        changed = False
        for (campaign, rule), task_id in list(self._samples.items()):
            found = await self._store.candidate(task_id)
            if found is None or found.task.state is not TaskState.OPEN:
                del self._samples[campaign, rule]  # it is out of the queue for good
                continue
            verdict = self._ask(found)
            if not isinstance(verdict, Refuse) or verdict.rule != rule:
                del self._samples[campaign, rule]
                changed = True
        return changed
