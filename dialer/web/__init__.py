"""The pages of quality control and of the records manager: find calls, ask for them, approve, hear, score.

FastAPI, Jinja2 and HTMX; Chinese first. Nothing is loaded from another site. ``make_app`` builds it.
"""

from typing import TYPE_CHECKING

from dialer.web.config import WebConfig

if TYPE_CHECKING:
    from dialer.web.app import make_app
    from dialer.web.house import WebHouse

__all__ = ["WebConfig", "WebHouse", "make_app"]


def __getattr__(name: str) -> object:
    """What serves pages takes a second to load: whoever only reads the settings does without."""
    if name == "make_app":
        from dialer.web.app import make_app

        return make_app
    if name == "WebHouse":
        from dialer.web.house import WebHouse

        return WebHouse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
