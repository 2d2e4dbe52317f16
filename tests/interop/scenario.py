"""SIPp scenarios of a callee, written in steps. Behind a proxy (``proxied``) two Vias and its Record-Route
are kept; without, one Via."""

from __future__ import annotations

from dataclasses import dataclass, field

_SDP = """v=0
o=callee 7 {version} IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio [{port}] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a={direction}"""


@dataclass
class Scenario:
    proxied: bool = False
    transport: str = "udp"
    port: str = "media_port"
    """``media_port``, or ``rtpstream_audio_port`` for a scenario that plays a file."""
    steps: list[str] = field(default_factory=list)
    _requests: int = 0
    _checks: int = 0
    _version: int = 7
    _verified: bool = False

    def invite(self, *checks: tuple[str, str], verify: tuple[str, str] | None = None) -> Scenario:
        """Wait for the INVITE; ``checks``: (header, pattern) that it must have. ``verify``: user and
        password that its credentials must be right for, or nothing more is answered."""
        kept = [("From", "from", 1), ("To", "to", 1), ("CSeq", "cseq", 1), ("Via", "via", 1)]
        if self.proxied:
            kept += [("Via", "via2", 2), ("Record-Route", "rr", 1)]
        lines = [
            f'<ereg regexp=".*" search_in="hdr" header="{header}:" occurrence="{n}" assign_to="{name}"/>'
            for header, name, n in kept
        ]
        lines += [self._check(header, pattern) for header, pattern in checks]
        if verify is not None:
            self._verified = True
            lines.append(f'<verifyauth assign_to="ok" username="{verify[0]}" password="{verify[1]}"/>')
        action = "<action>" + "".join(lines) + "</action>"
        self.steps.append(f'<recv request="INVITE" rrs="true">{action}</recv>')
        if verify is not None:
            wrong = "".join(self.reply(403, "Wrong").steps[-1:])
            self.steps[-1:] = ['<nop test="ok" next="right"/>', wrong, '<label id="right"/>']
        return self

    def _check(self, header: str, pattern: str) -> str:
        self._checks += 1
        where = 'search_in="body"' if header == "body" else f'search_in="hdr" header="{header}:"'
        return f'<ereg regexp="{pattern}" {where} check_it="true" assign_to="d{self._checks}"/>'

    def recv(self, what: str | int, *checks: tuple[str, str], optional: bool = False) -> Scenario:
        kind = f'response="{what}"' if isinstance(what, int) else f'request="{what}"'
        action = "".join(self._check(header, pattern) for header, pattern in checks)
        action = f"<action>{action}</action>" if action else ""
        more = ' optional="true"' if optional else ""
        self.steps.append(f'<recv {kind}{more} crlf="true">{action}</recv>')
        return self

    def reply(self, code: int, phrase: str, *headers: str, sdp: str = "", reliable: bool = True) -> Scenario:
        """Answer the INVITE. ``sdp``: a direction, with a description."""
        lines = [f"SIP/2.0 {code} {phrase}", "Via:[$via]"]
        lines += ["Via:[$via2]", "Record-Route:[$rr]"] if self.proxied else []
        lines += ["From:[$from]", "To:[$to];tag=callee", "[last_Call-ID:]", "CSeq:[$cseq]", self._contact()]
        lines.append("Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, REFER, NOTIFY")
        self._send([*lines, *headers], sdp, reliable)
        return self

    def ok(self, code: int = 200, phrase: str = "OK", *headers: str, sdp: str = "") -> Scenario:
        """Answer the last request in the dialog."""
        lines = [f"SIP/2.0 {code} {phrase}", "[last_Via:]", "[last_From:]", "[last_To:]", "[last_Call-ID:]"]
        self._send([*lines, "[last_CSeq:]", self._contact(), *headers], sdp, False)
        return self

    def request(
        self, method: str, *headers: str, body: str = "", kind: str = "", sdp: str = "", cseq: int = 0
    ) -> Scenario:
        """A request of ours in the dialog."""
        if method != "ACK":
            self._requests += 1
        lines = [
            f"{method} [next_url] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            "From:[$to];tag=callee", "To:[$from]", "[last_Call-ID:]",
            f"CSeq: {cseq or self._requests} {method}", "[routes]", self._contact(), "Max-Forwards: 70",
            *headers,
        ]  # fmt: skip
        if body:
            lines.append(f"Content-Type: {kind}")
        self._send(lines, sdp, method != "ACK", body)
        return self

    def pause(self, milliseconds: int) -> Scenario:
        self.steps.append(f'<pause milliseconds="{milliseconds}"/>')
        return self

    def play(self, file: str) -> Scenario:
        action = f'<exec rtp_stream="{file},-1,8,PCMA/8000"/>'
        self.steps.append(f"<nop><action>{action}</action></nop>")
        return self

    def until_bye(self) -> Scenario:
        return self.recv("BYE").ok()

    def _contact(self) -> str:
        return f"Contact: <sip:callee@[local_ip]:[local_port];transport={self.transport}>"

    def _send(self, lines: list[str], sdp: str, again: bool, body: str = "") -> None:
        if sdp:
            self._version += 1
            lines = [*lines, "Content-Type: application/sdp"]
            body = _SDP.format(version=self._version, port=self.port, direction=sdp)
        lines = [*lines, "Content-Length: [len]", "", *body.splitlines()]
        text = "\n".join("      " + line if line else "" for line in lines)
        retrans = ' retrans="500"' if again and self.transport == "udp" else ""
        self.steps.append(f"<send{retrans}><![CDATA[\n\n{text}\n\n]]></send>")

    def xml(self) -> str:
        names = ["from", "to", "cseq", "via"] + (["via2", "rr"] if self.proxied else [])
        names += ["ok"] if self._verified else []
        names += [f"d{n}" for n in range(1, self._checks + 1)]
        return (
            '<?xml version="1.0" encoding="UTF-8" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
            '<scenario name="interop">\n'
            + "\n".join(self.steps)
            + f'\n<Reference variables="{",".join(names)}"/>\n</scenario>\n'
        )
