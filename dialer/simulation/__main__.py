"""``python -m dialer.simulation``: the oracle's process; the simulation starts it (``watch``)."""

import sys

import msgspec

from dialer.simulation.watch import watch

try:
    found = watch(sys.stdin.buffer)
except EOFError:
    sys.exit(1)  # the house is gone
sys.stdout.buffer.write(msgspec.json.encode(found))
