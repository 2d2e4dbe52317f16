"""Settings of ``[[trunks]]`` beyond the first ones of test_sip_settings: the carrier notices each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sip_carrier import NUMBER, Carrier, call, carriers, group_of, over, says, silent, to, users
from sip_fakes import FakeMediaPlane, until
from sipmessage import Request, Response

from dialer.errors import ConfigError, TrunkError
from dialer.model import PhoneNumber
from dialer.ports import DialRequest
from dialer.sip.address import Addr
from dialer.sip.config import EndpointConfig, TrunkConfig, TrunkType
from dialer.sip.endpoint import SipEndpoint
from dialer.sip.lines import probe_trunks, socket_of
from dialer.sip.message import response_to
from dialer.sip.numbering import NumberRule
from dialer.sip.outgoing import InviteSpec
from dialer.sip.trunk import SipTrunk
from dialer.sip.trunkconfig import CampaignCaller, Identity, KeySending, SrtpPolicy, TrunkTransport

REFUSED = says(486)


async def invited(far: Carrier, number: PhoneNumber = NUMBER, campaign: str = "", **fields: Any) -> Request:
    """The INVITE of one call."""
    async with group_of(to(far, **fields)) as group:
        await call(group, number, campaign=campaign)
    return far.requests("INVITE")[0]


# -- where messages go and leave from -----------------------------------------------------------


@pytest.mark.parametrize("transport", [TrunkTransport.AUTO, TrunkTransport.UDP, TrunkTransport.TCP])
async def test_messages_go_by_the_transport_of_the_trunk(transport: TrunkTransport) -> None:
    connected = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read(1)
        writer.close()

    async with carriers(REFUSED) as (far,):
        server = await asyncio.start_server(accept, "127.0.0.1", far.address[1])
        async with server, group_of(to(far, transport=transport, no_response_s=0.3)) as group:
            await call(group)
        assert connected.is_set() is (transport is TrunkTransport.TCP)
        assert bool(far.requests("INVITE")) is (transport is not TrunkTransport.TCP)


@pytest.mark.parametrize("advertised_host", ["", "203.0.113.9"])
async def test_a_line_of_its_own_has_a_socket_of_its_own(advertised_host: str) -> None:
    async with carriers(REFUSED, REFUSED) as (line, shared):
        async with carriers(silent) as (free,):
            bind_port = free.address[1]
        own = to(line, "line", bind_host="127.0.0.2", bind_port=bind_port, advertised_host=advertised_host)
        async with group_of(own, to(shared, "shared", priority=2)) as group:
            await call(group)
            group.trunks[0]._busy = 30
            await call(group)
        assert line.sources[0] == ("127.0.0.2", bind_port)
        assert (
            f"@{advertised_host or '127.0.0.2'}:{bind_port}" in line.requests("INVITE")[0].headers["Contact"]
        )
        assert shared.sources[0][0] == "127.0.0.1"


def test_a_socket_of_ones_own_takes_what_the_trunk_says() -> None:
    sip = EndpointConfig(bind_host="127.0.0.1", user_agent="U")
    trunk = TrunkConfig("t", "192.0.2.1", bind_device="eth7")
    assert trunk.own_socket
    made = socket_of(sip, trunk)
    assert (made.bind_device, made.bind_host, made.bind_port, made.user_agent) == (
        "eth7",
        "127.0.0.1",
        0,
        "U",
    )
    assert not TrunkConfig("t", "192.0.2.1").own_socket


async def test_an_interface_that_is_not_there_is_named() -> None:
    async with carriers(silent) as (far,):
        with pytest.raises(TrunkError, match="nosuch0"):
            async with group_of(to(far, bind_device="nosuch0")):
                pass


@pytest.mark.parametrize("media_host", ["", "192.0.2.77"])
async def test_the_offer_names_the_media_host_of_the_line(media_host: str) -> None:
    async with carriers(REFUSED) as (far,):
        invite = await invited(far, media_host=media_host)
    assert f"IN IP4 {media_host or '127.0.0.1'}".encode() in invite.body


@pytest.mark.parametrize("form", ["{0}:{1}", "sip:{0}:{1}", "sip:{0}:{1};lr"])
async def test_everything_goes_to_the_outbound_proxy_and_names_it(form: str) -> None:
    async with carriers(REFUSED, REFUSED) as (proxy, carrier):
        outbound_proxy = form.format(*proxy.address)
        fields: dict[str, Any] = {"host": "ims.example", "port": 0, "outbound_proxy": outbound_proxy}
        invite = await invited(proxy, **fields)
        assert str(invite.uri) == "sip:13812345678@ims.example"
        host, port = proxy.address
        assert invite.headers["Route"] == f"<sip:{host}:{port};lr>"
        assert carrier.got == []
        ack = proxy.requests("ACK")[0]
        assert ack.headers["Route"] == invite.headers["Route"], "RFC 3261 17.1.1.3"


# -- who calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "header"),
    [
        (Identity.NONE, ""),
        (Identity.ASSERTED, "P-Asserted-Identity"),
        (Identity.PREFERRED, "P-Preferred-Identity"),
    ],
)
async def test_who_calls_is_told_in_the_header_of_the_setting(identity: Identity, header: str) -> None:
    async with carriers(REFUSED) as (far,):
        invite = await invited(
            far, identity=identity, caller_id="4008001234", display_name='回"访', domain="ims.example"
        )
    said = {name: invite.headers.get(name) for name in ("P-Asserted-Identity", "P-Preferred-Identity")}
    if header:
        assert said.pop(header) == '"回访" <sip:4008001234@ims.example>'
    assert not any(said.values())
    assert invite.headers["From"].startswith('"回访" <sip:4008001234@ims.example>')
    assert "Privacy" not in invite.headers.keys()  # noqa: SIM118


async def test_a_hidden_caller_is_known_to_the_carrier_only() -> None:
    fields: dict[str, Any] = {"identity": Identity.ASSERTED, "caller_id": "4008001234"}
    async with carriers(REFUSED, REFUSED) as (far, other):
        hidden = await invited(far, hide_caller_id=True, **fields)
        shown = await invited(other, hide_caller_id=False, **fields)
    assert hidden.headers["From"].startswith('"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert "4008001234" not in hidden.headers["From"] + hidden.headers["Contact"]
    assert hidden.headers["Privacy"] == "id"
    assert "sip:4008001234@" in hidden.headers["P-Asserted-Identity"]
    assert "sip:4008001234@" in shown.headers["From"]
    with pytest.raises(ConfigError, match="hide_caller_id: needs identity"):
        TrunkConfig("t", "192.0.2.1", hide_caller_id=True)


async def test_a_campaign_shows_its_own_number() -> None:
    campaigns = (CampaignCaller("2026-11", "4008001234", "新单回访"), CampaignCaller("2026-12", "4008009999"))
    fields: dict[str, Any] = {"campaigns": campaigns, "caller_id": "01065120000", "display_name": "回访"}
    seen = []
    for campaign in ("2026-11", "2026-12", "other"):
        async with carriers(REFUSED) as (far,):
            seen.append((await invited(far, campaign=campaign, **fields)).headers["From"].partition("@")[0])
    assert seen == ['"新单回访" <sip:4008001234', '"回访" <sip:4008009999', '"回访" <sip:01065120000']


# -- which numbers ------------------------------------------------------------------------------


async def test_numbers_are_written_by_the_first_rule() -> None:
    numbers = (NumberRule("1381234*"), NumberRule("1[3-9]X*", "0{national}"), NumberRule("010*", "{local}"))
    dialled = ("13812345678", "13912345678", "010-65123456", "0571-87654321")
    async with carriers(REFUSED, REFUSED) as (far, plain):
        async with group_of(to(far, numbers=numbers)) as group:
            for text in dialled:
                await call(group, PhoneNumber.parse(text))
        async with group_of(to(plain)) as group:
            await call(group, PhoneNumber.parse("13912345678"))
        assert users(far.requests("INVITE")) == ["13812345678", "013912345678", "65123456", "057187654321"]
        assert users(plain.requests("INVITE")) == ["13912345678"]


@pytest.mark.parametrize(
    ("fields", "text", "may"),
    [
        ({}, "+85223456789", False),
        ({}, "+864008001234", False),
        ({"allow": ("mobile", "hk_mo_tw")}, "+85223456789", True),
        ({"allow": ("mobile",)}, "+861065123456", False),
        ({"deny": ("170*",)}, "+8617012345678", False),
        ({}, "+8617012345678", True),
    ],
)
async def test_only_allowed_numbers_are_dialled(fields: dict[str, Any], text: str, may: bool) -> None:
    number = PhoneNumber(text)
    async with carriers(REFUSED) as (far,), group_of(to(far, **fields)) as group:
        if may:
            assert (await call(group, number)).code == 486
        else:
            with pytest.raises(TrunkError, match="不在任何线路的允许范围内"):
                await group.dial(DialRequest(number))
            with pytest.raises(TrunkError, match=r"may not dial .* numbers: see allow and deny"):
                await group.trunks[0].dial(DialRequest(number))
        assert len(far.requests("INVITE")) == int(may)


# -- how fast -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cps", "most"), [(3.0, 3), (0.0, 8)])
async def test_no_more_calls_in_a_second_than_cps(cps: float, most: int) -> None:
    async with carriers(REFUSED) as (far,), group_of(to(far, cps=cps)) as group:
        await asyncio.gather(*(call(group) for _ in range(8)))
        times = sorted(at for at, request, _ in far.got if request.method == "INVITE")
        assert len(times) == 8
        assert max(sum(at <= other < at + 1.0 for other in times) for at in times) == most


async def test_a_call_that_waits_for_its_turn_is_not_made_too_late() -> None:
    async with carriers(silent) as (far,), group_of(to(far, cps=1.0)) as group:
        now = asyncio.get_running_loop().time()
        leg = await group.dial(DialRequest(NUMBER, not_after=now + 0.2))
        with pytest.raises(TrunkError, match=r"its pace .cps. leaves no room"):
            await group.dial(DialRequest(NUMBER, not_after=now + 0.2))
        await until(lambda: len(far.requests("INVITE")) == 1)
        assert group.state().lines_free == 29
        await leg.close()


async def test_a_call_that_waits_does_not_leave_on_a_trunk_that_went_down_meanwhile() -> None:
    async with carriers(says(503)) as (far,), group_of(to(far, cps=2.0)) as group:
        first, second = await group.dial(DialRequest(NUMBER)), await group.dial(DialRequest(NUMBER))
        with pytest.raises(TrunkError, match="503"):
            await group.dial(DialRequest(NUMBER))
        await over(first)
        await over(second)
        assert len(far.requests("INVITE")) == 2


# -- whether it is there ----------------------------------------------------------------------------


async def test_a_carrier_that_says_nothing_is_asked() -> None:
    """And while it talks, it isn't."""
    async with carriers(says(404), says(404)) as (asked, left_alone):
        trunks = (to(asked, "a", options_interval_s=0.2), to(left_alone, "b", priority=2))
        async with group_of(*trunks) as group:
            await until(lambda: len(asked.requests("OPTIONS")) >= 3)
            assert group.trunks[0].state().up, "404 is an answer"
            assert left_alone.got == []
            before = len(asked.requests("OPTIONS"))
            for _ in range(6):
                await call(group)
                await asyncio.sleep(0.08)
            assert len(asked.requests("OPTIONS")) - before <= 1


@pytest.mark.parametrize("bad", [silent, says(503), says(408)], ids=["silent", "503", "408"])
async def test_no_call_leaves_on_a_carrier_that_is_away_and_it_is_found_again(bad: Any) -> None:
    fields: dict[str, Any] = {"options_interval_s": 0.2, "no_response_s": 0.2, "backoff_s": 30.0}
    async with carriers(bad) as (far,), group_of(to(far, **fields)) as group:
        await until(lambda: not group.state().up, "not found out")
        assert "OPTIONS" in group.state().reason
        with pytest.raises(TrunkError, match="OPTIONS"):
            await group.dial(DialRequest(NUMBER))
        await asyncio.sleep(1.0)
        assert not group.state().up, "it stays down as long as nothing comes"
        far.answer = REFUSED
        await until(lambda: group.state().up, "not found again")
        assert (await call(group)).code == 486


async def test_a_silent_carrier_that_answers_options_again_gets_calls_before_its_rest_is_over() -> None:
    fields: dict[str, Any] = {"options_interval_s": 0.2, "no_response_s": 0.2, "backoff_s": 60.0}
    async with carriers(silent) as (far,), group_of(to(far, **fields)) as group:
        failed = await call(group)
        assert failed.code == 0
        assert not group.state().up
        far.answer = REFUSED
        await until(lambda: group.state().up)


@pytest.mark.parametrize("faults_to_rest", [1, 3])
async def test_how_many_doubtful_faults_are_borne(faults_to_rest: int) -> None:
    async with carriers(says(500)) as (far,), group_of(to(far, faults_to_rest=faults_to_rest)) as group:
        made = 0
        while group.state().up:
            await call(group)
            made += 1
        assert made == faults_to_rest


async def test_after_its_rest_one_call_shows_whether_it_works() -> None:
    async with carriers(says(503)) as (far,), group_of(to(far, backoff_s=0.2)) as group:
        await call(group)
        await until(lambda: group.state().up)
        far.answer = silent
        leg = await group.dial(DialRequest(NUMBER))
        assert group.state().lines_free == 0
        assert "one call at a time after 503" in group.state().reason
        with pytest.raises(TrunkError, match="one call at a time"):
            await group.dial(DialRequest(NUMBER))
        await leg.close()


# -- registration -----------------------------------------------------------------------------------


class Registrar:
    """Says yes, unless told otherwise."""

    def __init__(self) -> None:
        self.code, self.expires, self.headers = 200, 60, dict[str, str]()

    def __call__(self, request: Request) -> Response | None:
        if request.method == "INVITE":
            return says(self.code if self.code != 200 else 486)(request)
        if request.method != "REGISTER" or not self.code:
            return None
        response = response_to(request, self.code, ("127.0.0.1", 9), to_tag="r")
        for name, value in self.headers.items():
            response.headers.set(name, value)
        if self.code == 200:
            response.headers.set("Expires", str(min(self.expires, int(request.headers["Expires"]))))
        return response


def registering(far: Carrier, **fields: Any) -> TrunkConfig:
    return to(far, **{"type": TrunkType.REGISTER, "username": "u", "password": "p", **fields})


def expiries(far: Carrier) -> list[str]:
    return [request.headers["Expires"] for request in far.requests("REGISTER")]


async def test_the_registration_is_refreshed_before_its_end_and_taken_back_at_ours() -> None:
    registrar = Registrar()
    registrar.expires = 1
    async with carriers(registrar) as (far,):
        async with group_of(registering(far)) as group:
            await asyncio.wait_for(group.registered(), 5)
            await until(lambda: len(far.requests("REGISTER")) >= 3)
            assert group.state().up
        assert expiries(far)[-1] == "0"
        assert "0" not in expiries(far)[:-1]


async def test_too_brief_a_registration_is_made_longer() -> None:
    registrar = Registrar()
    registrar.code, registrar.headers = 423, {"Min-Expires": "120"}
    async with carriers(registrar) as (far,), group_of(registering(far, register_expires_s=60)) as group:
        await until(lambda: expiries(far) == ["60", "120"])
        assert not group.state().up
        registrar.code = 200


async def test_a_lost_registration_stops_calls_and_comes_back_with_the_carrier() -> None:
    """Before the pause after a failure is over: the answer to OPTIONS shows that the carrier is back."""
    registrar = Registrar()
    registrar.expires = 1
    told: list[bool] = []
    fields: dict[str, Any] = {"options_interval_s": 0.2, "no_response_s": 0.3}

    def carrier(request: Request) -> Response | None:
        if request.method == "OPTIONS":
            return says(405)(request) if registrar.code == 200 else None
        return registrar(request)

    async with (
        carriers(carrier) as (far,),
        group_of(registering(far, **fields), on_change=lambda name, state: told.append(state.up)) as group,
    ):
        await asyncio.wait_for(group.registered(), 5)
        registrar.code = 403
        await until(lambda: "registration failed: 403" in group.state().reason, group.state().reason)
        with pytest.raises(TrunkError):
            await group.dial(DialRequest(NUMBER))
        asked = len(far.requests("REGISTER"))
        registrar.code = 200
        await until(lambda: group.state().up, "not registered again", 4.0)
        assert len(far.requests("REGISTER")) > asked
        assert (await call(group)).code == 486
        assert told[-2:] == [False, True]


async def test_a_registrar_that_forgot_us_is_told_again() -> None:
    registrar = Registrar()
    async with carriers(registrar) as (far,), group_of(registering(far)) as group:
        await asyncio.wait_for(group.registered(), 5)
        far.answer = says(403)
        assert (await call(group)).code == 403
        far.answer = registrar
        await until(lambda: len(far.requests("REGISTER")) == 2)


# -- what the call itself heeds -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({"dtmf": KeySending.INFO}, lambda spec: spec.key_sending),
        ({"follow_redirects": True}, lambda spec: spec.redirects),
        ({"srtp": SrtpPolicy.REQUIRED, "transport": TrunkTransport.TLS}, lambda spec: spec.offer.profile),
    ],
    ids=["dtmf", "follow_redirects", "srtp"],
)
async def test_what_the_call_itself_heeds_is_handed_on(
    fields: dict[str, Any], read: Callable[[InviteSpec], object]
) -> None:
    async def spec(**more: Any) -> InviteSpec:
        endpoint = SipEndpoint(EndpointConfig(bind_port=0, tls_port=0))
        await endpoint.start()
        trunk = SipTrunk(TrunkConfig("t", "192.0.2.1", **more), FakeMediaPlane(), endpoint)
        made = trunk._invite(DialRequest(NUMBER), NUMBER, [Addr("192.0.2.1", 5060)], "127.0.0.1", 4000)
        await endpoint.close()
        return made

    assert read(await spec(**fields)) != read(await spec())


# -- asked by a person ------------------------------------------------------------------------------


async def test_a_person_asks_all_trunks_at_once() -> None:
    async with carriers(says(404), silent, says(503)) as (there, away, full):
        trunks = (
            to(there, "a", bind_host="127.0.0.2", bind_port=5060),
            to(away, "b", no_response_s=0.3),
            to(full, "c"),
            to(there, "d", host="carrier.invalid", port=0),
        )
        found = await probe_trunks(trunks, EndpointConfig())
        assert [(one.trunk.name, one.code, one.alive) for one in found[:3]] == [
            ("a", 404, True),
            ("b", 0, False),
            ("c", 503, False),
        ]
        assert "carrier.invalid" in found[3].error
        assert there.sources[0][0] == "127.0.0.2"
        assert there.sources[0][1] != 5060, "a running daemon keeps its port"
