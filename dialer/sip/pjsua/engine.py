"""PJSIP's side of ``protocol``: one thread that turns PJSIP's loop and the control socket.

PJSIP does the signalling alone. Its media goes to a loop inside of it, which opens no socket; SDP carries
the address of our media plane, put in as PJSIP asks (``onCallSdpCreated``).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pjsua2 as pj

from dialer.sip.pjsua import protocol as p
from dialer.sip.pjsua.sdptext import LocalMedia

_TURN_MS = 5
"""How long PJSIP waits for the network before the control socket is looked at."""
_PULSE_S = 1.0
_LEAVE_S = 0.4
"""At the end: how long BYE, CANCEL and the end of a registration are worked on."""
_MAX_TEXT = 60_000
_VOICE = ("PCMA/8000", "PCMU/8000")
_TOP_PRIORITY = 254


class StartError(Exception):
    """PJSIP doesn't start; the message says why."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")[:_MAX_TEXT]


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:500]


def _body(message: str) -> str:
    return message.partition("\r\n\r\n")[2]


def _received(event: Any) -> str:
    """The message that brought a transaction's event; empty: a timer, an error or the program did."""
    if event.type != pj.PJSIP_EVENT_TSX_STATE:
        return ""
    state = event.body.tsxState
    return str(state.src.rdata.wholeMsg) if state.type == pj.PJSIP_EVENT_RX_MSG else ""


class _Call(pj.Call):  # type: ignore[misc]
    def __init__(self, engine: Engine, account: Any, number: int, offer: str) -> None:
        super().__init__(account)
        self.number, self.answered, self.over = number, False, False
        self._engine, self._offer, self._local = engine, offer, LocalMedia.of(offer)
        self._answer = ""
        """The 2xx that brought SDP."""

    def onCallSdpCreated(self, prm: Any) -> None:
        theirs = str(prm.remSdp.wholeSdp)
        if self._offer:
            prm.sdp.wholeSdp, self._offer = self._offer, ""
            return
        prm.sdp.wholeSdp = self._local.into(
            str(prm.sdp.wholeSdp), rtcp_mux=not theirs or "a=rtcp-mux" in theirs
        )
        if theirs:
            self._engine.tell(p.Offered(self.number, _text_of_sdp(theirs)))

    def onCallTsxState(self, prm: Any) -> None:
        transaction, message = prm.e.body.tsxState.tsx, _received(prm.e)
        code = int(transaction.statusCode)
        mine = transaction.method == "INVITE" and transaction.role == pj.PJSIP_ROLE_UAC
        if mine and 100 <= code < 200 and message.startswith("SIP/2.0 1") and not self.answered:
            self._engine.tell(p.Provisional(self.number, code, _bytes(message)))

    def onCallState(self, prm: Any) -> None:
        info, message = self.getInfo(), _received(prm.e)
        if message.startswith("SIP/2.0 2") and _body(message):
            self._answer = message
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.answered = True
            self._engine.tell(p.Answered(self.number, _bytes(self._answer)))
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.over = True
            code = int(info.lastStatusCode)
            self._engine.tell(p.Over(self.number, code, _text(info.lastReason), _bytes(message)))

    def onDtmfDigit(self, prm: Any) -> None:
        self._engine.tell(p.Key(self.number, _text(prm.digit)))

    def onCallTransferRequest(self, prm: Any) -> None:
        prm.statusCode = 603  # else PJSIP would call whomever the far end names

    def onCallReplaceRequest(self, prm: Any) -> None:
        prm.statusCode = 603


def _text_of_sdp(sdp: str) -> str:
    return sdp.encode("utf-8", "replace").decode()[:_MAX_TEXT]


class _Account(pj.Account):  # type: ignore[misc]
    def __init__(self, engine: Engine, registration: int = 0) -> None:
        super().__init__()
        self.registration, self._engine = registration, engine

    def onIncomingCall(self, prm: Any) -> None:
        self._engine.refuse(self, int(prm.callId))

    def onRegState(self, prm: Any) -> None:
        code = int(prm.code) if prm.rdata.wholeMsg else 0
        expires_s = int(prm.expiration) if code // 100 == 2 else 0
        self._engine.tell(p.RegisterResult(self.registration, code, _text(prm.reason), expires_s))

    def onSendRequest(self, prm: Any) -> None:
        code = int(prm.e.body.tsxState.tsx.statusCode) if _received(prm.e) else 0
        self._engine.asked(code)


class Engine:
    """Raises StartError where PJSIP doesn't come up."""

    def __init__(self, control: socket.socket, config: p.Configure, clock: Callable[[], float]) -> None:
        self._control, self._config, self._clock = control, config, clock
        self._out = bytearray()
        self._splitter = p.Splitter()
        self._calls: dict[int, _Call] = {}
        self._refused: list[Any] = []
        self._registrations: dict[int, _Account] = {}
        self._asking: list[int] = []
        self._questions = 0
        """OPTIONS whose end PJSIP hasn't told."""
        self._routes: list[str] = []
        self._endpoint = pj.Endpoint()
        try:
            self._transport = self._start()
            self._caller_config = self._account_config(config.identity, [])
            self._caller = _Account(self)
            self._caller.create(self._caller_config)
            info = self._endpoint.transportGetInfo(self._transport)
            host, _, port = str(info.localName).rpartition(":")
        except pj.Error as error:
            raise StartError(f"PJSIP doesn't start: {error.reason}") from error
        self.tell(p.Ready(str(self._endpoint.libVersion().full), host, int(port)))

    def _start(self) -> int:
        config, endpoint = self._config, self._endpoint
        endpoint.libCreate()
        settings = pj.EpConfig()
        settings.uaConfig.threadCnt = 0
        settings.uaConfig.mainThreadOnly = True
        settings.uaConfig.maxCalls = config.max_calls
        settings.uaConfig.userAgent = config.user_agent
        settings.medConfig.threadCnt = 0
        settings.medConfig.hasIoqueue = False
        settings.logConfig.level = settings.logConfig.consoleLevel = 0
        endpoint.libInit(settings)
        transport = pj.TransportConfig()
        transport.port, transport.boundAddress = config.port, config.host
        transport.publicAddress = config.public_host
        kind = pj.PJSIP_TRANSPORT_TCP if config.transport == "tcp" else pj.PJSIP_TRANSPORT_UDP
        number = int(endpoint.transportCreate(kind, transport))
        endpoint.audDevManager().setNoDev()
        endpoint.libStart()
        for codec in endpoint.codecEnum2():
            name = str(codec.codecId)
            wanted = [rank for rank, voice in enumerate(_VOICE) if name.startswith(voice)]
            endpoint.codecSetPriority(name, _TOP_PRIORITY - wanted[0] if wanted else 0)
        return number

    def _account_config(self, identity: str, routes: list[str]) -> Any:
        config, made = self._config, pj.AccountConfig()
        made.idUri = identity
        for route in routes:
            made.sipConfig.proxies.append(route)
        if config.username:
            digest = pj.AuthCredInfo("digest", config.realm, config.username, 0, config.password)
            made.sipConfig.authCreds.append(digest)
        made.mediaConfig.enableLoopback = True
        made.mediaConfig.useLoopMedTp = True
        made.mediaConfig.lockCodecEnabled = False
        made.natConfig.sipOutboundUse = 0
        made.natConfig.contactRewriteUse = 0
        made.natConfig.viaRewriteUse = False
        made.natConfig.sdpNatRewriteUse = 0
        made.natConfig.udpKaIntervalSec = 0
        if config.session_expires_s:
            made.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
            made.callConfig.timerSessExpiresSec = config.session_expires_s
            made.callConfig.timerMinSESec = config.min_se_s
        else:
            made.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
        made.callConfig.prackUse = pj.PJSUA_100REL_OPTIONAL
        return made

    # --- the loop

    def run(self) -> None:
        """Until control closes its end; then every call is ended and registrations are taken back."""
        self._control.setblocking(False)
        next_pulse = self._clock()
        while self._read():
            self._endpoint.libHandleEvents(_TURN_MS)
            self._forget()
            if self._clock() >= next_pulse:
                self.tell(p.Pulse())
                next_pulse = self._clock() + _PULSE_S
            self._flush()
        for number in self._registrations:
            self._renew(number, False)
        self._endpoint.hangupAllCalls()
        end = self._clock() + _LEAVE_S
        while self._clock() < end:
            self._endpoint.libHandleEvents(_TURN_MS)

    def tell(self, event: p.Event) -> None:
        self._out += p.encode(event)

    def _flush(self) -> None:
        while self._out:
            try:
                sent = self._control.send(self._out)
            except BlockingIOError:
                return
            except OSError:
                self._out.clear()  # control is gone: the next read ends us
                return
            del self._out[:sent]

    def _read(self) -> bool:
        """Commands that are there; False once control has closed its end."""
        while True:
            try:
                data = self._control.recv(65536)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            try:
                for body in self._splitter.feed(data):
                    self._do(p.decode_command(body))
            except p.ProtocolError:
                return False

    def _forget(self) -> None:
        """PJSIP's objects of calls that are over are freed outside of its callbacks."""
        for number in [number for number, call in self._calls.items() if call.over]:
            del self._calls[number]
        self._refused.clear()

    @staticmethod
    def _try(work: Callable[[], object]) -> str:
        """Why PJSIP refused it; empty where it didn't."""
        try:
            work()
        except pj.Error as error:
            return _text(f"PJSIP: {error.reason}")
        return ""

    # --- commands

    def _do(self, command: p.Command) -> None:
        match command:
            case p.Place():
                problem = self._place(command)
                self.tell(p.NotPlaced(command.call, problem) if problem else p.Placed(command.call))
            case p.HangUp():
                call = self._calls.get(command.call)
                if call is not None and not call.over:
                    self._try(lambda: call.hangup(pj.CallOpParam()))
            case p.Register():
                self._register(command)
            case p.Refresh():
                self._renew(command.registration, True)
            case p.Unregister():
                self._renew(command.registration, False)
            case p.Ask():
                self._ask(command)
            case p.Configure():
                raise p.ProtocolError("a second Configure")

    def _place(self, command: p.Place) -> str:
        if command.not_after is not None and self._clock() > command.not_after:
            return "too late for an INVITE: the PJSIP process was busy"
        try:
            call = _Call(self, self._caller, command.call, command.sdp)
        except ValueError as error:
            return str(error)
        options = pj.CallOpParam(True)
        options.opt.audioCount, options.opt.videoCount = 1, 0
        options.txOption.localUri = command.from_uri
        for name, value in command.headers:
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            options.txOption.headers.append(header)
        if problem := self._try(lambda: self._route(command.routes)):
            return problem
        if problem := self._try(lambda: call.makeCall(command.target, options)):
            call.over = True
            return problem
        self._calls[command.call] = call
        return ""

    def _route(self, routes: list[str]) -> None:
        """The next call goes this way; those under way keep theirs."""
        if routes != self._routes:
            self._caller_config.sipConfig.proxies = pj.StringVector(routes)
            self._caller.modify(self._caller_config)
            self._routes = routes

    def _register(self, command: p.Register) -> None:
        config = self._account_config(command.aor, command.routes)
        config.regConfig.registrarUri = command.registrar
        config.regConfig.timeoutSec = command.expires_s
        config.regConfig.retryIntervalSec = command.retry_s
        config.regConfig.firstRetryIntervalSec = command.retry_s
        account = _Account(self, command.registration)
        if problem := self._try(lambda: account.create(config)):
            self.tell(p.RegisterResult(command.registration, 0, problem, 0))
            return
        self._registrations[command.registration] = account

    def _renew(self, registration: int, on: bool) -> None:
        if (account := self._registrations.get(registration)) is not None:
            self._try(lambda: account.setRegistration(on))

    def _ask(self, command: p.Ask) -> None:
        options = pj.SendRequestParam()
        options.method, options.txOption.targetUri = "OPTIONS", command.target

        def send() -> None:
            self._route(command.routes)
            self._caller.sendRequest(options)

        if self._try(send):
            self.tell(p.AskResult(command.request, 0))
            return
        self._asking.append(command.request)
        self._questions += 1

    def asked(self, code: int) -> None:
        """PJSIP says that a question is over, not which: any answer shows that the carrier is there."""
        self._questions -= 1
        if code or not self._questions:
            for request in self._asking:
                self.tell(p.AskResult(request, code))
            self._asking.clear()

    def refuse(self, account: _Account, call: int) -> None:
        """Nobody is called here."""
        incoming, options = pj.Call(account, call), pj.CallOpParam()
        options.statusCode = 480
        self._try(lambda: incoming.hangup(options))
        self._refused.append(incoming)
