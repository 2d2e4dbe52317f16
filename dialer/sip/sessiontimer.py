"""Session timers (RFC 4028): a call whose far end is gone without BYE ends by itself."""

from __future__ import annotations

import re

from sipmessage import Request, Response

from dialer.sip.calls import Calls
from dialer.sip.callstate import Call, SessionTimer
from dialer.sip.message import Message, header_values

OPTION = "timer"
_VALUE = re.compile(r"\s*([0-9]{1,9})\s*(;.*)?", re.ASCII)
_REFRESHER = re.compile(r";\s*refresher\s*=\s*(uac|uas)\b", re.IGNORECASE)
_MARGIN_S = 32
_SHORTEST_S = 2
_LONGEST_S = 86400


class SessionTimers:
    """``session_expires_s`` 0: none is asked for, none is agreed to."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._config = calls.core.config
        if self.on:
            calls.core.extensions[OPTION] = frozenset({"INVITE", "UPDATE"})
        calls.on_timer("expiry", lambda call, now: calls.bye(call, "session expired", now))

    @property
    def on(self) -> bool:
        return self._config.session_expires_s > 0

    # --- where we ask

    def ask(self, call: Call, request: Request) -> None:
        """Session-Expires and Min-SE of an INVITE or UPDATE."""
        if not self.on:
            return
        least = max(self._config.min_se_s, call.min_se)
        value = str(max(self._config.session_expires_s, least))
        if call.timer is not None:
            role = "uac" if call.timer.we_refresh else "uas"
            value = f"{max(call.timer.interval_s, call.min_se)};refresher={role}"
        request.headers.set("Session-Expires", value)
        request.headers.set("Min-SE", str(least))

    def took(self, call: Call, response: Response, now: float) -> None:
        """A 2xx to what ``ask`` went out with."""
        interval, refresher = _expires(response)
        if not interval or not self.on:
            self._start(call, None, now)
            return
        self._start(call, SessionTimer(interval, we_refresh=refresher != "uas"), now)

    def refused(self, call: Call, response: Response) -> bool:
        """A 422; whether asking again for longer makes sense."""
        match = _VALUE.fullmatch(response.headers.get("Min-SE") or "")
        least = int(match[1]) if match else 0
        if not call.min_se < least <= _LONGEST_S:
            return False
        call.min_se = least
        return True

    # --- where they ask

    def too_short(self, request: Request) -> dict[str, str] | None:
        """Headers of a 422, where their interval is below what we take and they know what that means."""
        interval, _ = _expires(request)
        if not self.on or not interval or interval >= self._config.min_se_s or not supports(request, OPTION):
            return None
        return {"Min-SE": str(self._config.min_se_s)}

    def answer(self, call: Call, request: Request, response: Response, now: float) -> None:
        """Put our decision into the 2xx to their INVITE or UPDATE (RFC 4028 9, table 2)."""
        if not self.on:
            return
        knows = supports(request, OPTION)
        interval, refresher = _expires(request)
        match = _VALUE.fullmatch(request.headers.get("Min-SE") or "")
        least = max(int(match[1]) if match else 0, self._config.min_se_s)
        if not interval:
            interval = call.timer.interval_s if call.timer is not None else self._config.session_expires_s
        interval = min(max(min(interval, self._config.session_expires_s), least), _LONGEST_S)
        if not knows:
            refresher = "uas"
        elif not refresher:
            we = call.timer is not None and call.timer.we_refresh
            refresher = "uas" if we else "uac"
        response.headers.set("Session-Expires", f"{interval};refresher={refresher}")
        if refresher == "uac":
            response.headers.set("Require", OPTION)
        self._start(call, SessionTimer(interval, we_refresh=refresher == "uas"), now)

    def _start(self, call: Call, timer: SessionTimer | None, now: float) -> None:
        call.timer = timer
        refresh_at: float | None = None
        ends_at: float | None = None
        if timer is not None:
            ends_at = now + timer.interval_s - min(_MARGIN_S, timer.interval_s / 3)
            refresh_at = now + timer.interval_s / 2 if timer.we_refresh else None
        self._calls.set_timer("refresh", call, refresh_at)
        self._calls.set_timer("expiry", call, ends_at)


def supports(message: Message, option: str) -> bool:
    """Whether the sender names an extension in Supported or Require."""
    named = header_values(message, "Supported") + header_values(message, "Require")
    return option in (name.strip().lower() for name in named)


def _expires(message: Message) -> tuple[int, str]:
    """Session-Expires: its seconds (0 for none) and the refresher (empty where it isn't said)."""
    match = _VALUE.fullmatch(message.headers.get("Session-Expires") or "")
    if match is None:
        return 0, ""
    role = _REFRESHER.search(match[2] or "")
    seconds = min(max(int(match[1]), _SHORTEST_S), _LONGEST_S)
    return seconds, role[1].lower() if role else ""
