"""Every message of RFC 4475 gets the answer that its section asks for; where it leaves a choice, ours."""

from __future__ import annotations

import random
import re

import pytest
from rfc4475 import TortureMessage, load
from sip_fakes import Peer, events
from sipmessage import Request, Response

from dialer.errors import SipParseError
from dialer.sip.address import Addr, parse_address
from dialer.sip.config import RegistrarConfig, UserAgentConfig
from dialer.sip.message import essentials, header_values, parse_message
from dialer.sip.outgoing import InviteSpec
from dialer.sip.sdp import make_offer
from dialer.sip.signals import CallAnswered, IncomingCall
from dialer.sip.useragent import UserAgent

MESSAGES = {message.name: message for message in load()}
SOURCE = Addr("192.0.2.77", 5061)
NOT_WELL_FORMED = {
    "badinv01", "clerr", "ncl", "scalar02", "scalarlg", "quotbal", "ltgtruri", "lwsruri", "escruri",
    "regbadct", "badvers", "mismatch01", "mismatch02", "bigcode", "insuf", "multi01", "mcl01",
}  # fmt: skip
"""What no lenience makes a SIP message; regbadct and escruri: by our choice."""


def agent() -> UserAgent:
    users = {"user": "pw", "j.user": "pw", "watson": "pw", "null-\0-null": "pw"}
    return UserAgent(UserAgentConfig(), random.Random(1), RegistrarConfig(realm="example.com", users=users))


def read_whole(data: bytes) -> None:
    """Raises SipParseError where the message, its Request-URI, version or a Contact can't be read."""
    message = parse_message(data)
    essentials(message)
    if isinstance(message, Request) and message.uri.scheme in ("?", "?sip"):
        raise SipParseError("the Request-URI can't be read")
    if message.headers.get("X-Bad-Version"):
        raise SipParseError("another version")
    for contact in header_values(message, "Contact"):
        parse_address(contact)


def receive(message: TortureMessage) -> tuple[UserAgent, list[Response], list[object]]:
    user_agent = agent()
    user_agent.receive_datagram(message.data, SOURCE, 1.0)
    sent = [parse_message(data) for data, _ in user_agent.datagrams_to_send()]
    assert all(isinstance(response, Response) for response in sent)
    return user_agent, sent, events(user_agent)  # type: ignore[return-value]


def test_all_49_messages_are_here_once_in_order() -> None:
    sections = [tuple(map(int, message.section.split("."))) for message in load()]
    assert len(set(sections)) == len(MESSAGES) == 49
    assert sections == sorted(sections)


@pytest.mark.parametrize("name", sorted(set(MESSAGES) - {"clerr", "ncl", "mcl01"}))
def test_the_data_is_typed_right(name: str) -> None:
    """Content-Length says how many bytes the RFC's message has."""
    head, _, body = MESSAGES[name].data.partition(b"\r\n\r\n")
    length = re.search(rb"^(?:content-length|l)\s*:\s*(\d+)", head, re.IGNORECASE | re.MULTILINE)
    if length is None:
        assert name == "inv2543"
    elif name == "dblreq":
        assert (length[1], body[:9]) == (b"0", b"\r\nINVITE ")
    else:
        assert len(body) == int(length[1])


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_the_answer_is_the_one_that_the_rfc_asks_for(name: str) -> None:
    message = MESSAGES[name]
    user_agent, sent, reported = receive(message)
    if message.expect == "dropped":
        assert (sent, reported) == ([], [])
    elif message.expect == "call":
        assert [response.code for response in sent] == [100]
        assert [type(event) for event in reported] == [IncomingCall]
    else:
        assert ([response.code for response in sent], reported) == ([message.expect], [])
    if message.expect != "call":
        now = 1.0
        while (when := user_agent.get_timer()) is not None:
            now = max(now, when)
            user_agent.handle_timer(now)
        assert user_agent.size == 0


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_well_formed_is_what_the_rfc_calls_well_formed(name: str) -> None:
    if name in NOT_WELL_FORMED:
        with pytest.raises(SipParseError):
            read_whole(MESSAGES[name].data)
    else:
        read_whole(MESSAGES[name].data)


def test_the_short_tortuous_invite_is_read_to_its_last_parameter() -> None:
    message = parse_message(MESSAGES["wsinv"].data)
    found = essentials(message)
    assert (found.to_tag, found.from_tag, found.cseq.sequence) == ("1918181833n", "98asjd8", 9)
    assert (found.via.transport, found.via.host, found.via.branch) == ("UDP", "192.0.2.2", "390skdjuw")
    assert len(header_values(message, "Via")) == 3
    contact = parse_address(message.headers["Contact"])
    assert contact.parameters.get("newparam") == "newvalue"
    assert (contact.parameters.get("q"), "secondparam" in contact.parameters) == ("0.33", True)
    assert message.headers["NewFangledHeader"] == "newfangled value continued newfangled value"
    assert message.headers["UnknownHeaderWithUnusualValue"] == ";;,,;;,;"
    assert len(message.body) == 150


def test_escapes_are_undone_once_and_only_in_uris() -> None:
    message = parse_message(MESSAGES["esc01"].data)
    assert isinstance(message, Request)
    assert message.uri.user == "sips:user@example.com"
    assert parse_address(message.headers["To"]).uri.user == "user"
    assert parse_address(message.headers["From"]).uri.user == "I have spaces"
    contact = parse_address(message.headers["Contact"]).uri
    assert (contact.user, "n%61me" in str(contact)) == ("caller", True)
    other = parse_message(MESSAGES["esc02"].data)
    assert header_values(other, "Contact") == [
        "<sip:alias1@host1.example.com>", "<sip:alias3@host3.example.com>",
    ]  # fmt: skip


def test_escaped_nulls_cut_no_name_short() -> None:
    message = parse_message(MESSAGES["escnull"].data)
    assert parse_address(message.headers["To"]).uri.user == "null-\0-null"
    contacts = [parse_address(value).uri for value in header_values(message, "Contact")]
    assert [contact.user for contact in contacts] == ["\0", "\0\0"]
    assert len({str(contact) for contact in contacts}) == 2


def test_a_contacts_parameter_is_the_headers_or_the_uris() -> None:
    header = parse_address(parse_message(MESSAGES["cparam01"].data).headers["Contact"])
    assert ("unknownparam" in header.parameters, "unknownparam" in header.uri.parameters) == (True, False)
    uri = parse_address(parse_message(MESSAGES["cparam02"].data).headers["Contact"])
    assert ("unknownparam" in uri.parameters, "unknownparam" in uri.uri.parameters) == (False, True)
    assert str(header.uri) == "sip:+19725552222@gw1.example.net"


def test_what_is_not_supported_is_named() -> None:
    _, (response,), _ = receive(MESSAGES["bext01"])
    assert response.headers["Unsupported"] == "nothingSupportsThis, nothingSupportsThisEither"
    _, (response,), _ = receive(MESSAGES["invut"])
    assert response.headers["Accept"] == "application/sdp"
    _, (response,), _ = receive(MESSAGES["intmeth"])
    assert "INVITE" in response.headers["Allow"]


def test_two_requests_without_a_branch_of_their_own_are_two() -> None:
    """badbranch: the bare cookie isn't an identifier."""
    user_agent = agent()
    data = MESSAGES["badbranch"].data
    user_agent.receive_datagram(data, SOURCE, 1.0)
    user_agent.receive_datagram(data.replace(b"badbranch.", b"other."), SOURCE, 1.0)
    user_agent.receive_datagram(data, SOURCE, 1.1)
    sent = [parse_message(answer) for answer, _ in user_agent.datagrams_to_send()]
    assert [answer.headers["Call-ID"].partition(".")[0] for answer in sent] == [
        "badbranch", "other", "badbranch",
    ]  # fmt: skip


def test_a_response_with_a_via_of_somebody_else_is_not_ours() -> None:
    """bcast, made to match an INVITE of ours."""
    far = Peer(agent())
    target = parse_address("<sip:1@127.0.0.1:5070>").uri
    far.agent.invite(InviteSpec(target, target, far.addr, make_offer("127.0.0.1", 40000, 1)), 0.0)
    (invite,) = far.sent()
    body = bytes(make_offer("127.0.0.1", 41000, 2).encode())
    via = f"{invite.headers['Via']}, SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23"
    far.respond(invite, 200, body=body, Via=via)
    assert (far.sent(), events(far.agent)) == ([], [])
    far.respond(invite, 200, body=body)
    assert [type(event) for event in events(far.agent)] == [CallAnswered]
