# ruff: noqa: SIM117 - the trunks are made of the carriers' ports
"""Several trunks as one: who gets the call, when a second one may, and what the operator is told."""

from __future__ import annotations

import asyncio
import logging
import ssl
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from hypothesis import given
from hypothesis import strategies as st
from sip_carrier import NUMBER, call, carriers, group_of, over, says, silent, to, users
from sip_fakes import until
from sipmessage import Request, Response

from dialer.errors import TrunkError
from dialer.model import PhoneNumber
from dialer.ports import DialRequest, Failed, Progress, RemoteMedia, TrunkState
from dialer.sip.config import TrunkConfig
from dialer.sip.message import response_to, to_bytes
from dialer.sip.signals import CallUpdated
from dialer.sip.trunkconfig import TrunkTransport
from dialer.sip.trunkgroup import Choice, in_order

REFUSED = says(486)
FULL = says(503)

# -- the choice -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "best"),
    [
        ([Choice(0, 2, 1, 30, 0.0), Choice(1, 1, 1, 1, 0.0)], 1),
        ([Choice(0, 1, 1, 10, 0.0), Choice(1, 1, 1, 11, 0.0)], 1),
        ([Choice(0, 1, 3, 10, 0.0), Choice(1, 1, 1, 11, 0.0)], 0),
        ([Choice(0, 1, 1, 10, 0.0), Choice(1, 1, 1, 10, 0.0)], 0),
        ([Choice(0, 1, 1, 30, 0.4), Choice(1, 2, 1, 1, 0.0)], 1),
        ([Choice(0, 1, 1, 30, 0.4), Choice(1, 2, 1, 1, 0.3)], 1),
    ],
    ids=["priority", "free lines", "weight", "the order of the file", "pace", "who can leave first"],
)
def test_who_gets_the_next_call(choices: list[Choice], best: int) -> None:
    assert in_order(choices)[0] == best


CHOICES = st.lists(
    st.builds(
        Choice,
        st.just(0),
        st.integers(1, 3),
        st.integers(1, 5),
        st.integers(1, 40),
        st.sampled_from([0.0, 0.5]),
    ),
    max_size=6,
)


@given(CHOICES)
def test_nobody_is_left_out_and_no_worse_priority_comes_first(choices: list[Choice]) -> None:
    numbered = [
        Choice(index, one.priority, one.weight, one.lines_free, one.wait_s)
        for index, one in enumerate(choices)
    ]
    order = in_order(numbered)
    assert sorted(order) == list(range(len(choices)))
    for before, after in pairwise(numbered[index] for index in order):
        if before.wait_s == after.wait_s:
            assert before.priority <= after.priority


@pytest.mark.parametrize(("weight", "share"), [(1, 3), (3, 4)])
async def test_priority_and_weight_share_the_calls_out(weight: int, share: int) -> None:
    """Nobody answers, so every call keeps its line."""
    async with carriers(silent, silent, silent) as (first, second, backup):
        trunks = (
            to(first, "a", lines=4, weight=weight, priority=1),
            to(second, "b", lines=4, weight=1, priority=1),
            to(backup, "c", lines=2, priority=2),
        )
        async with group_of(*trunks) as group:
            assert group.state() == TrunkState(True, 10)
            legs = [await group.dial(DialRequest(NUMBER)) for _ in range(5)]
            await until(lambda: len(first.requests("INVITE")) + len(second.requests("INVITE")) == 5)
            assert len(first.requests("INVITE")) == share
            legs += [await group.dial(DialRequest(NUMBER)) for _ in range(5)]
            await until(lambda: len(backup.requests("INVITE")) == 2)
            assert group.state() == TrunkState(True, 0, "no free line on any trunk")
            with pytest.raises(TrunkError, match="no free line"):
                await group.dial(DialRequest(NUMBER))
            for leg in legs:
                await leg.close()


# -- another trunk for the same call -------------------------------------------------------------


@pytest.mark.parametrize("code", [503, 401, 407])
async def test_a_carrier_that_refuses_hands_the_call_to_the_next(code: int) -> None:
    async with carriers(says(code), REFUSED) as (first, second):
        async with group_of(to(first, "a"), to(second, "b", priority=2)) as group:
            assert (await call(group, reference="7")).code == 486
            assert len(first.requests("INVITE")) == len(second.requests("INVITE")) == 1
            assert not group.trunks[0].state().up
            assert (await call(group)).code == 486
            assert len(first.requests("INVITE")) == 1, "it rests"
            assert group.state().lines_free == 30


@pytest.mark.parametrize("code", [500, 504, 408, 404, 480, 486, 603])
async def test_what_does_not_prove_that_nobody_was_reached_ends_the_attempt(code: int) -> None:
    async with carriers(says(code), REFUSED) as (first, second):
        async with group_of(to(first, "a"), to(second, "b", priority=2)) as group:
            assert (await call(group)).code == code
            assert second.requests("INVITE") == []


@pytest.mark.parametrize("cause", [16, 17, 18, 19, 20, 21, 31])
async def test_a_503_that_speaks_of_the_callee_is_no_second_invite(cause: int) -> None:
    """The network's cause says that the call got as far as the telephone: it may have rung."""
    refused = says(503, Reason=f"Q.850;cause={cause}", Retry_After="600")
    async with carriers(refused, REFUSED) as (first, second):
        async with group_of(to(first, "a"), to(second, "b", priority=2)) as group:
            failed = await call(group)
            assert (failed.code, failed.cause, failed.ours) == (503, cause, False)
            assert second.requests("INVITE") == []
            assert group.trunks[0].state().up, "one busy callee is no fault of the carrier"


@pytest.mark.parametrize("code", [302, 404, 503])
async def test_a_carrier_that_writes_the_number_into_its_phrase_doesnt_bring_it_into_rows_and_logs(
    code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def refuses(request: Request) -> Response | None:
        response = response_to(
            request, code, ("127.0.0.1", 9), to_tag="c", phrase="User +8613812345678 not found"
        )
        response.headers.set("Reason", 'Q.850;cause=34;text="013812345678 barred"')
        return None if request.method == "ACK" else response

    async with carriers(refuses) as (only,), group_of(to(only, "a")) as group:
        failed = await call(group)
        said = [failed.reason, group.state().reason, *(str(vars(record)) for record in caplog.records)]
        assert "User +****5678 not found" in failed.reason
        assert not [text for text in said if "13812345678" in text]


@pytest.mark.parametrize("cause", [0, 2, 3, 34, 38, 41, 42, 47])
async def test_a_503_of_the_network_itself_moves_the_call(cause: int) -> None:
    refused = says(503, Reason=f"Q.850;cause={cause}") if cause else FULL
    async with carriers(refused, REFUSED) as (first, second):
        async with group_of(to(first, "a"), to(second, "b", priority=2)) as group:
            assert (await call(group)).code == 486
            assert not group.trunks[0].state().up


@pytest.mark.parametrize(
    ("user", "follows"),
    [("13812345678", True), ("13900001111", True), ("16812345678", False), ("0085291234567", False),
     ("01011000000", False), ("sales", False)],
)  # fmt: skip
async def test_a_redirection_opens_no_number_that_the_trunk_may_not_dial(user: str, follows: bool) -> None:
    def redirects(request: Request) -> Response | None:
        if request.method != "INVITE":
            return None
        code = 302 if "-moved" not in str(request.uri) else 486
        response = response_to(request, code, ("127.0.0.1", 9), to_tag="c")
        response.headers.set("Contact", f"<sip:{user}@127.0.0.1:{only.address[1]};line=-moved>")
        return response

    async with carriers(redirects) as (only,), group_of(to(only, "a", follow_redirects=True)) as group:
        assert (await call(group)).code == (486 if follows else 302)
        assert users(only.requests("INVITE")) == (["13812345678", user] if follows else ["13812345678"])


async def test_silence_never_becomes_a_second_invite() -> None:
    async with carriers(silent, REFUSED) as (first, second):
        async with group_of(to(first, "a", no_response_s=0.3), to(second, "b", priority=2)) as group:
            failed = await call(group)
            assert (failed.code, failed.ours) == (0, True)
            assert second.requests("INVITE") == []
            assert (await call(group)).code == 486, "the next attempt goes elsewhere"
            assert len(first.requests("INVITE")) == 1


async def test_once_it_rang_no_other_trunk_is_asked() -> None:
    def rings_then_refuses(request: Request) -> Response | None:
        if request.method != "INVITE":
            return None
        asyncio.get_running_loop().call_later(0.1, first.transport.sendto, *_later(request))
        return response_to(request, 180, ("127.0.0.1", 9), to_tag="c")

    def _later(request: Request) -> tuple[bytes, Any]:
        return to_bytes(response_to(request, 503, ("127.0.0.1", 9), to_tag="c")), first.sources[0]

    async with carriers(rings_then_refuses, REFUSED) as (first, second):
        async with group_of(to(first, "a"), to(second, "b", priority=2)) as group:
            found = await over(await group.dial(DialRequest(NUMBER)))
            assert isinstance(found[0], Progress)
            assert isinstance(found[-1], Failed)
            assert found[-1].code == 503
            assert second.requests("INVITE") == []


async def test_a_call_that_was_given_up_does_not_move() -> None:
    async with carriers(silent, REFUSED) as (first, second):
        async with group_of(to(first, "a"), to(second, "b", priority=2)) as group:
            leg = await group.dial(DialRequest(NUMBER))
            await until(lambda: bool(first.requests("INVITE")))
            await leg.hang_up("the window closed")
            first.answer = FULL
            assert isinstance((await over(leg))[-1], Failed)
            assert second.requests("INVITE") == []


async def test_a_call_moves_only_as_long_as_the_second_phone_can_ring_its_whole_time() -> None:
    async with carriers(FULL, REFUSED) as (first, second):
        async with group_of(to(first, "a"), to(second, "b", priority=2), failover_s=-1.0) as group:
            assert (await call(group)).code == 503
            assert second.requests("INVITE") == []


async def test_a_moved_call_obeys_the_last_moment_of_its_invite() -> None:
    async with carriers(FULL, REFUSED) as (first, second):
        slow = to(second, "b", priority=2, cps=0.2)
        async with group_of(to(first, "a"), slow) as group:
            group.trunks[1]._rate.take(asyncio.get_running_loop().time())
            not_after = asyncio.get_running_loop().time() + 0.5
            assert (await call(group, not_after=not_after)).code == 503
            assert second.requests("INVITE") == []


async def test_all_refuse_and_the_last_word_is_the_callers() -> None:
    async with carriers(FULL, says(503, Retry_After="120")) as (first, second):
        async with group_of(to(first, "a"), to(second, "b")) as group:
            failed = await call(group)
            assert (failed.code, failed.ours) == (503, True)
            assert len(first.requests("INVITE")) == len(second.requests("INVITE")) == 1
            state = group.state()
            assert not state.up
            assert (
                state.reason
                == "a: 503 Service Unavailable: resting 30 s; b: 503 Service Unavailable: resting 120 s"
            )
            with pytest.raises(TrunkError, match="resting"):
                await group.dial(DialRequest(NUMBER))


async def test_a_name_that_is_not_found_sends_the_call_elsewhere(caplog: pytest.LogCaptureFixture) -> None:
    async with carriers(REFUSED) as (only,):
        lost = to(only, "a", host="carrier.invalid", port=0)
        async with group_of(lost, to(only, "b", priority=2)) as group:
            assert (await call(group)).code == 486
            assert not group.trunks[0].state().up, "it isn't asked for each call"
            assert "carrier.invalid" in group.trunks[0].state().reason


async def test_a_server_with_a_wrong_certificate_gets_no_call_and_is_told(tmp_path: Path) -> None:
    ours, theirs = Authority.make(tmp_path, "ours"), Authority.make(tmp_path, "theirs")
    pem, key = theirs.sign("server", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server, carriers(REFUSED) as (second,):
        secure = TrunkConfig("a", "127.0.0.1", port, transport=TrunkTransport.TLS, options_interval_s=0.0)
        async with group_of(secure, to(second, "b", priority=2), sip={"tls_ca_file": ours.ca}) as group:
            assert (await call(group)).code == 486
            state = group.trunks[0].state()
            assert not state.up
            assert "signed by nobody we trust" in state.reason
            assert (await call(group)).code == 486
    assert heard in ([], [b""]), "not even one INVITE"


# -- which numbers ------------------------------------------------------------------------------


async def test_a_trunk_gets_only_the_numbers_it_may_dial() -> None:
    fixed, abroad = PhoneNumber.parse("010-65123456"), PhoneNumber("+12025550123")
    async with carriers(REFUSED, REFUSED) as (mobiles, others):
        trunks = (to(mobiles, "a", allow=("mobile",)), to(others, "b", allow=("geographic",), priority=2))
        async with group_of(*trunks) as group:
            await call(group)
            await call(group, fixed)
            assert users(mobiles.requests("INVITE")) == ["13812345678"]
            assert users(others.requests("INVITE")) == ["01065123456"]
            assert group.refusal(NUMBER) == group.refusal(fixed) == ""
            assert group.refusal(abroad) == "国际号码不在任何线路的允许范围内"
            with pytest.raises(TrunkError, match="国际号码") as found:
                await group.dial(DialRequest(abroad))
            assert "2025550123" not in str(found.value)


# -- agents' phones -----------------------------------------------------------------------------


async def test_an_agents_phone_is_called_whatever_the_trunks_do() -> None:
    async with carriers(FULL, REFUSED) as (carrier, phone):
        async with group_of(to(carrier, "a", caller_id="4008001234", lines=1)) as group:
            await call(group)
            assert not group.state().up
            host, port = phone.address
            leg = await group.dial(DialRequest(f"sip:1001@{host}:{port}"))
            assert isinstance((await over(leg))[-1], Failed)
            (invite,) = phone.requests("INVITE")
            assert invite.uri.user == "1001"
            assert "<sip:4008001234@" in invite.headers["From"]
            assert group.state().lines_free == 1


# -- what the operator is told ------------------------------------------------------------------


async def test_down_and_up_are_told_once_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dialer.sip")
    told: list[tuple[str, bool]] = []
    async with (
        carriers(FULL) as (only,),
        group_of(
            to(only, "a", backoff_s=0.3), on_change=lambda name, state: told.append((name, state.up))
        ) as group,
    ):
        for _ in range(3):
            try:
                await call(group)
            except TrunkError:
                await asyncio.sleep(0.02)
        assert told == [("a", False)]
        await until(lambda: group.state().up, "the rest is over")
        only.answer = REFUSED
        await call(group)
        await until(lambda: told == [("a", False), ("a", True)], str(told))
        await asyncio.sleep(0.1)
        assert told == [("a", False), ("a", True)]
    said = [(r.levelname, r.getMessage()) for r in caplog.records if r.getMessage().startswith("trunk ")]
    assert said == [("WARNING", "trunk down"), ("INFO", "trunk up")]


async def test_a_carrier_that_goes_on_refusing_is_told_down_once() -> None:
    """The end of each rest is no recovery: nobody is woken for it."""
    told: list[bool] = []
    async with (
        carriers(FULL) as (only,),
        group_of(
            to(only, "a", backoff_s=1.05, max_backoff_s=1.05),
            on_change=lambda _, state: told.append(state.up),
        ) as group,
    ):
        for _ in range(2):
            await until(lambda: bool(group.state().up and group.state().lines_free))
            await asyncio.sleep(0.12)
            assert (await call(group)).code == 503
        assert told == [False]
        assert len(only.requests("INVITE")) == 2


async def test_a_change_of_media_is_no_verdict_on_a_trial() -> None:
    """Whatever comes first, the trial's end decides: else no call would ever leave again."""
    async with carriers(FULL) as (only,), group_of(to(only, "a", backoff_s=0.05)) as group:
        await call(group)
        await until(lambda: group.state().up)
        only.answer = silent
        leg = await group.dial(DialRequest(NUMBER))
        assert group.state().lines_free == 0, "one call at a time"
        await until(lambda: len(only.requests("INVITE")) == 2)
        media = RemoteMedia("127.0.0.1", 9, "PCMA", 8, None)
        leg._leg.signal(CallUpdated(1, media), 0.0)  # type: ignore[attr-defined]
        only.transport.sendto(to_bytes(says(486)(only.requests("INVITE")[1])), only.sources[-1])  # type: ignore[arg-type]
        await over(leg)
        assert group.state().lines_free == 30


def test_no_trunk_at_all_is_a_mistake() -> None:
    from dialer.sip.trunkgroup import TrunkGroup

    with pytest.raises(ValueError, match="at least one"):
        TrunkGroup([], None, 5.0)  # type: ignore[arg-type]
