"""Fixtures of the fault tests; ``far_end`` and the wire tests' ``sip_peers`` have them."""

from far_end import make_far_end
from sip_peers import peers

__all__ = ["make_far_end", "peers"]
