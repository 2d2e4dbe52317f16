"""PJSIP's SDP with our media plane's address in place of PJSIP's. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

_PJSIPS_OWN = ("a=rtcp:", "a=rtcp-mux", "a=ssrc:", "a=candidate:", "b=")
"""Lines that tell of PJSIP's sockets; RTCP is on the port above RTP unless something else is said."""


@dataclass(slots=True)
class LocalMedia:
    """Where our media plane listens for one call, and what o= said last."""

    host: str
    port: int
    origin: str
    """User, session id of o= (RFC 4566 5.2); they stay the same in a call."""
    version: int

    @classmethod
    def of(cls, sdp: str) -> LocalMedia:
        """From our offer. Raises ValueError where it isn't one."""
        lines = sdp.splitlines()
        try:
            origin = next(line for line in lines if line.startswith("o="))[2:].split()
            host = next(line for line in lines if line.startswith("c=")).split()[-1]
            port = next(line for line in lines if line.startswith("m=audio ")).split()[1]
            return cls(host, int(port), f"{origin[0]} {origin[1]}", int(origin[2]))
        except (StopIteration, IndexError) as error:
            raise ValueError("an SDP offer needs o=, c= and m=audio") from error

    def into(self, sdp: str, *, rtcp_mux: bool) -> str:
        """``sdp`` as PJSIP made it for a later offer or answer, with our address and the next version.

        ``rtcp_mux``: RTCP comes to the port of RTP (RFC 5761), as our first offer had it.
        """
        self.version += 1
        lines = []
        for line in sdp.splitlines():
            if line.startswith("o="):
                line = f"o={self.origin} {self.version} IN IP4 {self.host}"
            elif line.startswith("c="):
                line = f"c=IN IP4 {self.host}"
            elif line.startswith("m=audio "):
                kind, port, *rest = line.split(" ")
                # Port 0 refuses the stream.
                line = " ".join([kind, str(self.port) if port != "0" else "0", *rest])
            elif line.startswith(_PJSIPS_OWN):
                continue
            lines.append(line)
        if rtcp_mux:
            lines.append("a=rtcp-mux")  # our audio is the last section, and the only one
        return "\r\n".join(lines) + "\r\n"
