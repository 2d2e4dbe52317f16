"""The least SIP that a call needs: INVITE, ACK and BYE by hand, so that media is tested by itself."""

from __future__ import annotations

import base64
import re
import socket

from dialer.ports import RemoteMedia, Srtp, SrtpKeys


class BareCaller:
    """One call over UDP to a peer on loopback that answers at once. ``answer``: the SDP of its 200."""

    def __init__(self, port: int, number: str) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.connect(("127.0.0.1", port))
        self._sock.settimeout(10)
        self._uri = f"sip:{number}@127.0.0.1:{port}"
        self._mine = self._sock.getsockname()[1]
        self._sequence = 0
        self._to = f"<{self._uri}>"
        self.answer = ""

    def invite(self, sdp: str) -> None:
        """Call, or with the call up, offer anew; acknowledged. Raises where it isn't answered."""
        self._sequence += 1
        self._send("INVITE", sdp)
        while True:
            reply = self._sock.recv(65536).decode()
            code = int(reply.split(" ", 2)[1]) if reply.startswith("SIP/2.0") else 0
            if code >= 200 and f"{self._sequence} INVITE" in reply:
                break
        head, _, self.answer = reply.partition("\r\n\r\n")
        found = re.search(r"^To: *(.+)$", head, re.M | re.I)
        assert found is not None
        self._to = found[1].strip()
        self._send("ACK")
        assert code == 200, reply

    def hang_up(self) -> None:
        self._sequence += 1
        self._send("BYE")
        while not self._sock.recv(65536).startswith(b"SIP/2.0 200"):
            pass

    def close(self) -> None:
        self._sock.close()

    def _send(self, method: str, body: str = "") -> None:
        branch = f"z9hG4bK{method}{self._sequence}x{self._mine}"
        lines = [
            f"{method} {self._uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._mine};branch={branch}",
            "Max-Forwards: 70",
            f"From: <sip:test@127.0.0.1:{self._mine}>;tag=f{self._mine}",
            f"To: {self._to}",
            f"Call-ID: media-{self._mine}@127.0.0.1",
            f"CSeq: {self._sequence} {method}",
            f"Contact: <sip:test@127.0.0.1:{self._mine}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self._sock.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode())


def offer(
    port: int, version: int = 1, suite: Srtp | None = None, key: bytes = b"", payload_types: str = "8 101"
) -> str:
    """SDP of ours: PCMA or PCMU with telephone-event, with ``suite`` over RTP/SAVP."""
    lines = [
        "v=0", f"o=- 1 {version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
        f"m=audio {port} RTP/{'AVP' if suite is None else 'SAVP'} {payload_types}",
        "a=rtpmap:101 telephone-event/8000", "a=ptime:20", "a=sendrecv",
    ]  # fmt: skip
    if suite is not None:
        lines.append(f"a=crypto:1 {suite.value} inline:{base64.b64encode(key).decode()}")
    return "\r\n".join(lines) + "\r\n"


def remote_media(answer: str, key: bytes = b"") -> RemoteMedia:
    """What the answer says, ``key`` being ours."""
    audio = re.search(r"^m=audio (\d+) RTP/S?AVP (\d+)", answer, re.M)
    assert audio is not None, answer
    port, kind = int(audio[1]), int(audio[2])
    keys = None
    if crypto := re.search(r"^a=crypto:\d+ (\S+) inline:([^|\s]+)", answer, re.M):
        keys = SrtpKeys(Srtp(crypto[1]), key, base64.b64decode(crypto[2]))
    rtcp = re.search(r"^a=rtcp:(\d+)", answer, re.M)
    return RemoteMedia(
        "127.0.0.1", port, {0: "PCMU", 8: "PCMA"}[kind], kind, 101,
        srtp=keys, rtcp_port=int(rtcp[1]) if rtcp else port + 1,
    )  # fmt: skip
