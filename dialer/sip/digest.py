"""HTTP digest for SIP (RFC 3261 22, RFC 8760): answering challenges, and giving them.

The header is cut here and not by a regular expression: hostile quoting must cost linear time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dialer.errors import DigestError
from dialer.sip.address import split_quoted
from dialer.sip.message import clean

_HASHES: Mapping[str, Callable[[bytes], str]] = {
    "SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
_STRENGTH = (*(("SHA-512-256",) if "sha512_256" in hashlib.algorithms_available else ()), "SHA-256", "MD5")
"""Algorithms that can be answered, strongest first (RFC 8760)."""
OFFERED = ("SHA-256", "MD5")
"""What our own challenges offer: phones know no other."""
_NEW_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9\-]*)\s+(\S.*)", re.DOTALL)
_MAX_TRACKED_NONCES = 4096


class Randomness(Protocol):
    """``random.Random`` or anything like it; the shell passes one that can't be guessed."""

    def getrandbits(self, k: int, /) -> int: ...


def token(randomness: Randomness, bits: int = 64) -> str:
    """A random token in hexadecimal, of fixed length."""
    return f"{randomness.getrandbits(bits):0{bits // 4}x}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """``realm``: answer only challenges of this realm; empty: any."""

    username: str
    password: str
    realm: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


@dataclass(frozen=True, slots=True)
class Challenge:
    realm: str
    nonce: str
    algorithm: str = "MD5"
    """As sent, e.g. ``SHA-256`` or ``MD5-sess``."""
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False

    @property
    def base(self) -> str:
        return self.algorithm.upper().removesuffix("-SESS")

    @property
    def session(self) -> bool:
        return self.algorithm.upper().endswith("-SESS")

    def __str__(self) -> str:
        parts = [f'realm="{self.realm}"', f'nonce="{self.nonce}"', f"algorithm={self.algorithm}"]
        parts += [f'qop="{",".join(self.qop)}"'] if self.qop else []
        parts += [f'opaque="{self.opaque}"'] if self.opaque is not None else []
        parts += ["stale=true"] if self.stale else []
        return "Digest " + ", ".join(parts)


def parse_parameters(text: str) -> tuple[str, dict[str, str]]:
    """One ``Digest a="b", c=d`` value -> scheme, parameters. Raises DigestError."""
    match = _NEW_SCHEME.fullmatch(text.strip())
    if match is None:
        raise DigestError("not an authentication header: a scheme and parameters are needed")
    found: dict[str, str] = {}
    for part in split_quoted(match[2], ","):
        name, equals, value = part.partition("=")
        if not equals:
            raise DigestError("an authentication parameter has no value")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        found[name.strip().lower()] = value
    return match[1], found


def parse_challenges(headers: list[str]) -> list[Challenge]:
    """Every Digest challenge of these header lines; several may share a line. Raises DigestError."""
    singles: list[str] = []
    for header in headers:
        for part in split_quoted(header, ","):
            scheme = _NEW_SCHEME.fullmatch(part)
            if scheme and "=" in scheme[2] and "=" not in scheme[1]:
                singles.append(part)
            elif singles:
                singles[-1] += "," + part
            else:
                raise DigestError("not an authentication header: a scheme and parameters are needed")
    challenges: list[Challenge] = []
    for single in singles:
        scheme_name, values = parse_parameters(single)
        if scheme_name.lower() != "digest":
            continue
        if "realm" not in values or "nonce" not in values:
            raise DigestError("a Digest challenge needs realm and nonce")
        challenges.append(
            Challenge(
                realm=values["realm"],
                nonce=values["nonce"],
                algorithm=values.get("algorithm", "MD5"),
                qop=tuple(q.strip().lower() for q in values.get("qop", "").split(",") if q.strip()),
                opaque=values.get("opaque"),
                stale=values.get("stale", "").lower() == "true",
            )
        )
    return challenges


def choose(challenges: list[Challenge], realm: str = "") -> Challenge:
    """The strongest challenge that can be answered. Raises DigestError naming why none can."""
    if not challenges:
        raise DigestError("no Digest challenge: no other scheme is supported")
    wanted = [c for c in challenges if not realm or c.realm == realm]
    if not wanted:
        raise DigestError("the challenge is for another realm than the configured one")
    known = [c for c in wanted if c.base in _STRENGTH]
    if not known:
        names = ", ".join(sorted({c.algorithm for c in wanted}))
        supported = ", ".join(_STRENGTH)
        raise DigestError(f"unknown digest algorithm {clean(names)[:60]}: {supported} are supported")
    usable = [c for c in known if not c.qop or _qop(c)]
    if not usable:
        raise DigestError("the challenge's qop is neither auth nor auth-int")
    return min(usable, key=lambda c: _STRENGTH.index(c.base))


def _qop(challenge: Challenge) -> str:
    """``auth`` where it is offered: a body that a gateway rewrites on its way breaks ``auth-int``."""
    return next((qop for qop in ("auth", "auth-int") if qop in challenge.qop), "")


def response_value(
    challenge: Challenge,
    credentials: Credentials,
    method: str,
    uri: str,
    cnonce: str,
    nc: str,
    qop: str,
    body: bytes = b"",
) -> str:
    """RFC 7616 3.4.1. ``qop`` empty: the form of RFC 2069; ``auth-int`` covers ``body`` too."""
    hash_ = _HASHES[challenge.base]
    secret = hash_(_wire(f"{credentials.username}:{challenge.realm}:{credentials.password}"))
    if challenge.session:
        secret = hash_(_wire(f"{secret}:{challenge.nonce}:{cnonce}"))
    request = hash_(_wire(f"{method}:{uri}:{hash_(body)}" if qop == "auth-int" else f"{method}:{uri}"))
    middle = f"{nc}:{cnonce}:{qop}:" if qop else ""
    return hash_(_wire(f"{secret}:{challenge.nonce}:{middle}{request}"))


def _wire(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@dataclass(slots=True)
class _Nonce:
    challenge: Challenge
    count: int = 0
    """Requests that used it (nc)."""


class NonceMemory:
    """The last challenges of one peer, shared by all calls and registrations with the same credentials.

    So one challenge serves until its nonce is too old. A 401 and a 407 are kept beside each other,
    because a carrier may use one for REGISTER and the other for calls.
    """

    def __init__(self) -> None:
        self._nonces: dict[bool, _Nonce] = {}
        """By whether a proxy asked (407)."""
        self._wanted: dict[bool, bool] = {}
        """By whether it is REGISTER: what was asked last."""

    def learn(self, method: str, proxy: bool, challenge: Challenge) -> None:
        self._nonces[proxy] = _Nonce(challenge)
        self._wanted[method == "REGISTER"] = proxy

    def forget(self) -> None:
        self._nonces.clear()
        self._wanted.clear()

    def use(self, method: str) -> tuple[bool, Challenge, int] | None:
        """Whether for a proxy, the challenge and this use's number; None before any challenge."""
        proxy = self._wanted.get(method == "REGISTER", next(iter(self._nonces), None))
        if proxy is None:
            return None
        nonce = self._nonces[proxy]
        nonce.count += 1
        return proxy, nonce.challenge, nonce.count

    @property
    def known(self) -> bool:
        return bool(self._nonces)


class DigestClient:
    """Our credentials in one call or registration: says when to give up.

    ``memory`` is shared with others at the same peer; without one, nothing is.
    """

    def __init__(
        self, credentials: Credentials, randomness: Randomness, memory: NonceMemory | None = None
    ) -> None:
        self._credentials = credentials
        self._randomness = randomness
        self._memory = memory or NonceMemory()
        self._rounds = 0

    @property
    def ready(self) -> bool:
        """A challenge is known, so a request can be authorised before it is asked for."""
        return self._memory.known

    def accept(self, code: int, headers: list[str], method: str = "INVITE") -> None:
        """Take the challenges of a 401 or 407 to ``method``. Raises DigestError where another try is useless.

        A request may have carried an old nonce of the memory, so the first challenge always counts;
        a second one only with stale=true.
        """
        challenge = choose(parse_challenges(headers), self._credentials.realm)
        if self._rounds >= 1 and not (challenge.stale and self._rounds < 2):
            self._memory.forget()
            raise DigestError("the credentials were refused: check user name and password")
        self._rounds += 1
        self._memory.learn(method, code == 407, challenge)

    def settled(self) -> None:
        """The peer took the credentials: a later challenge starts afresh."""
        self._rounds = 0

    def authorise(self, method: str, uri: str, body: bytes = b"") -> tuple[str, str]:
        """Header name and value for one more request. Raises DigestError without a challenge."""
        used = self._memory.use(method)
        if used is None:
            raise DigestError("nothing has been challenged yet")
        proxy, challenge, count = used
        nc, cnonce = f"{count:08x}", token(self._randomness)
        qop = _qop(challenge)
        digest = response_value(challenge, self._credentials, method, uri, cnonce, nc, qop, body)
        user = self._credentials.username.replace("\\", "\\\\").replace('"', '\\"')
        realm = challenge.realm.replace("\\", "\\\\").replace('"', '\\"')
        parts = [f'username="{user}"', f'realm="{realm}"', f'nonce="{challenge.nonce}"', f'uri="{uri}"']
        parts += [f'response="{digest}"', f"algorithm={challenge.algorithm}"]
        if qop or challenge.session:
            parts.append(f'cnonce="{cnonce}"')
        if qop:
            parts += [f"qop={qop}", f"nc={nc}"]
        if challenge.opaque is not None:
            parts.append(f'opaque="{challenge.opaque}"')
        return "Proxy-Authorization" if proxy else "Authorization", "Digest " + ", ".join(parts)


class Check(StrEnum):
    OK = "ok"
    STALE = "stale"
    """Right password, nonce too old: challenge again with stale=true."""
    REFUSED = "refused"


class DigestServer:
    """Challenges callers and checks what they answer. Nonces carry their own date and seal."""

    def __init__(
        self,
        realm: str,
        randomness: Randomness,
        *,
        nonce_life_s: float = 300.0,
        algorithms: Sequence[str] = OFFERED,
    ) -> None:
        """``algorithms``: of OFFERED, in the order of the challenges."""
        self.realm = realm
        self._algorithms = tuple(algorithms)
        self._randomness = randomness
        self._key = token(randomness, 256).encode("ascii")
        self._life = nonce_life_s
        self._counts: dict[str, int] = {}

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """Header values, one per algorithm (RFC 8760 2.4: the preferred one first)."""
        body = f"{int(now * 1000):012x}{token(self._randomness)}"
        nonce = body + self._seal(body)
        return [str(Challenge(self.realm, nonce, name, ("auth",), stale=stale)) for name in self._algorithms]

    def check(self, header: str, method: str, users: Mapping[str, str], now: float) -> tuple[Check, str]:
        """The verdict, and the user name where it is OK."""
        try:
            scheme, values = parse_parameters(header)
        except DigestError:
            return Check.REFUSED, ""
        user, nonce = values.get("username", ""), values.get("nonce", "")
        challenge = Challenge(self.realm, nonce, values.get("algorithm", "MD5"))
        known = challenge.base in self._algorithms
        if scheme.lower() != "digest" or values.get("realm") != self.realm or not known:
            return Check.REFUSED, ""
        if values.get("qop", "auth").lower() != "auth" or user not in users or not self._sealed(nonce):
            return Check.REFUSED, ""
        qop, nc = values.get("qop", ""), values.get("nc", "")
        uri, cnonce = values.get("uri", ""), values.get("cnonce", "")
        expected = response_value(challenge, Credentials(user, users[user]), method, uri, cnonce, nc, qop)
        if not hmac.compare_digest(_wire(expected), _wire(values.get("response", ""))):
            return Check.REFUSED, ""
        if now - int(nonce[:12], 16) / 1000 > self._life or not self._counted(nonce, nc if qop else ""):
            return Check.STALE, ""
        return Check.OK, user

    def _seal(self, body: str) -> str:
        return hmac.new(self._key, body.encode("ascii"), hashlib.sha256).hexdigest()[:32]

    def _sealed(self, nonce: str) -> bool:
        if len(nonce) != 12 + 16 + 32 or not nonce.isascii():
            return False
        return hmac.compare_digest(self._seal(nonce[:28]), nonce[28:])

    def _counted(self, nonce: str, nc: str) -> bool:
        """False for a nonce count that isn't new: a replay. The oldest nonces are forgotten first."""
        if not nc:
            return nonce not in self._counts and self._remember(nonce, 1)
        try:
            count = int(nc, 16)
        except ValueError:
            return False
        return count > self._counts.get(nonce, 0) and self._remember(nonce, count)

    def _remember(self, nonce: str, count: int) -> bool:
        self._counts[nonce] = count
        while len(self._counts) > _MAX_TRACKED_NONCES:
            del self._counts[next(iter(self._counts))]
        return True
