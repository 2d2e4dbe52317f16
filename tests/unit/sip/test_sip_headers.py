"""Header fields by name: the same as sipmessage's own, whatever is done to them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sipmessage.message import Headers

from dialer.sip.address import parse_uri
from dialer.sip.headers import IndexedHeaders, new_request, new_response

NAMES = st.sampled_from(["Via", "VIA", "via", "To", "Call-ID", "call-id", "X-a"])
VALUES = st.sampled_from(["1", "two", ""])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["add", "set"]), NAMES, VALUES),
        st.tuples(st.just("setlist"), NAMES, st.lists(VALUES, min_size=1, max_size=3)),
        st.tuples(st.just("remove"), NAMES, st.none()),
    )
)


@given(STEPS)
def test_it_does_what_the_library_does(steps: list[tuple[str, str, object]]) -> None:
    ours, theirs = IndexedHeaders(), Headers()
    for method, name, value in steps:
        for headers in (ours, theirs):
            given_value = list(value) if isinstance(value, list) else value
            getattr(headers, method)(*([name] if method == "remove" else [name, given_value]))
        assert str(ours) == str(theirs)
        assert ours.keys() == theirs.keys()
        for asked in ("via", "TO", "Call-Id", "Nothing"):
            assert ours.get(asked) == theirs.get(asked)
            assert ours.getlist(asked) == theirs.getlist(asked)
            assert ours.get(asked, "-") == theirs.get(asked, "-")


def test_messages_have_them() -> None:
    request = new_request("INVITE", parse_uri("sip:a@b"), b"x")
    request.headers.add("To", "<sip:a@b>")
    assert (request.method, request.body, request.headers["to"]) == ("INVITE", b"x", "<sip:a@b>")
    response = new_response(486, "Busy Here")
    assert (response.code, response.phrase, str(response.headers)) == (486, "Busy Here", "\r\n")
