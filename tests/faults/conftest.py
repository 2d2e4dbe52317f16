"""Fixtures of the fault tests; ``far_end`` has them and what they are made of."""

from far_end import make_far_end

__all__ = ["make_far_end"]
