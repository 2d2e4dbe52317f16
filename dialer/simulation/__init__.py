"""Days of calling in seconds: the real scheduler and rules on virtual time, against customers by chance.

A forecast for who plans lines and agents, and a proof: an oracle with rules of its own looks at every call.
"""

from dialer.simulation.callees import Callees, read_callees
from dialer.simulation.forecast import Forecast, forecast
from dialer.simulation.oracle import Violation
from dialer.simulation.world import Plan, Ran, simulate

__all__ = ["Callees", "Forecast", "Plan", "Ran", "Violation", "forecast", "read_callees", "simulate"]
