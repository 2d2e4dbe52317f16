from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.access.discs import PER_CALL, PER_DISC, share_out
from dialer.model import CallId


@given(st.lists(st.integers(0, 900_000), max_size=60), st.integers(PER_DISC + 920_000, 6_000_000))
def test_every_call_lies_on_one_disc_in_order_and_none_is_too_full(sizes: list[int], disc_bytes: int) -> None:
    calls = [(CallId(n), size) for n, size in enumerate(sizes, 1)]
    discs = share_out(calls, disc_bytes)
    assert [call for disc in discs for call in disc.calls] == [call for call, _ in calls]
    for disc in discs:
        assert disc.size == PER_DISC + sum(sizes[call - 1] + PER_CALL for call in disc.calls) <= disc_bytes
    for disc, after in itertools.pairwise(discs):
        first = sizes[after.calls[0] - 1] + PER_CALL
        assert disc.size + first > disc_bytes, "a disc is only left where the next call doesn't fit"


def test_a_call_that_no_disc_holds_is_said() -> None:
    with pytest.raises(ValueError, match="call 7"):
        share_out([(CallId(7), 5_000_000)], 4_000_000)
