"""Fixtures of the wire tests; ``sip_peers`` has them and what they are made of."""

from sip_peers import endpoint, make_trunk, peers, plane

__all__ = ["endpoint", "make_trunk", "peers", "plane"]
