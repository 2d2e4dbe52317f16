"""The pages of quality control and of the records manager: find calls, ask for them, approve, hear, score.

FastAPI, Jinja2 and HTMX; Chinese first. Nothing is loaded from another site. ``make_app`` builds it.
"""

from dialer.web.app import make_app
from dialer.web.config import WebConfig
from dialer.web.house import WebHouse

__all__ = ["WebConfig", "WebHouse", "make_app"]
