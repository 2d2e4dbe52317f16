"""A phone of the pjsua2 wheel, in a Python of its own: commands as JSON lines in, events as JSON lines out.

Run by ``with_pjsua2.py``; needs nothing of this repository. Arguments: one JSON object with ``sip_port``,
``tls_port``, ``certificate``, ``key``, ``ca``, ``voice``, ``heard``, ``mode`` (auto, manual, early),
``registrar`` ("" or a SIP URI), ``prack``, ``timer``, ``srtp``.
"""

import json
import os
import select
import sys

import pjsua2 as pj

SETTINGS = json.loads(sys.argv[1])
_calls = {}
_tied = []


def tell(event, **values):
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


class Call(pj.Call):
    recorder = player = None

    def onCallState(self, prm):
        info = self.getInfo()
        tell("state", call=info.id, state=info.stateText, code=info.lastStatusCode)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.player = self.recorder = None
            _calls.pop(info.id, None)
            _tied.append(self)

    def onCallMediaState(self, prm):
        info = self.getInfo()
        for number, media in enumerate(info.media):
            tell("media", call=info.id, status=media.status, direction=media.dir)
            active = (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD)
            if media.type != pj.PJMEDIA_TYPE_AUDIO or media.status not in active:
                continue
            audio = self.getAudioMedia(number)
            if self.player is None:
                self.player, self.recorder = pj.AudioMediaPlayer(), pj.AudioMediaRecorder()
                self.player.createPlayer(SETTINGS["voice"], 0)
                self.recorder.createRecorder(SETTINGS["heard"])
            self.player.startTransmit(audio)
            audio.startTransmit(self.recorder)

    def onDtmfDigit(self, prm):
        tell("key", digit=prm.digit, method=prm.method)

    def onCallTransferRequest(self, prm):
        tell("refer", target=prm.dstUri)
        call = Call(_account)
        _tied.append(call)  # ours keeps it alive; what prm.newCall gives back doesn't
        prm.newCall = call

    def onCallTransferStatus(self, prm):
        tell("transfer", code=prm.statusCode, final=prm.finalNotify)

    def onCallTsxState(self, prm):
        transaction = prm.e.body.tsxState.tsx
        done = (pj.PJSIP_TSX_STATE_COMPLETED, pj.PJSIP_TSX_STATE_TERMINATED)
        if transaction.state in done:
            tell("request", method=transaction.method, code=transaction.statusCode, role=transaction.role)


class Account(pj.Account):
    def onRegState(self, prm):
        tell("registered", code=prm.code)

    def onIncomingCall(self, prm):
        call = Call(self, prm.callId)
        _calls[prm.callId] = call
        answer = pj.CallOpParam()
        answer.statusCode = {"auto": 200, "manual": 180, "early": 183}[SETTINGS["mode"]]
        tell("incoming", call=prm.callId)
        call.answer(answer)


def settings():
    account = pj.AccountConfig()
    user = SETTINGS.get("user", "13812345678")
    account.idUri = f"sip:{user}@127.0.0.1"
    if SETTINGS["registrar"]:
        account.regConfig.registrarUri = SETTINGS["registrar"]
        account.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, "secret"))
    account.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY if SETTINGS["prack"] else pj.PJSUA_100REL_OPTIONAL
    if SETTINGS["timer"]:
        account.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
        account.callConfig.timerMinSESec = account.callConfig.timerSessExpiresSec = 90
    if SETTINGS["srtp"]:
        account.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
        account.mediaConfig.srtpSecureSignaling = 1
    account.mediaConfig.transportConfig.port = SETTINGS["rtp_port"]
    account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    account.mediaConfig.transportConfig.publicAddress = "127.0.0.1"
    return account


def obey(word, text):
    call = next(iter(_calls.values()), None)
    operation = pj.CallOpParam(True)
    if word == "answer":
        operation.statusCode = 200
        call.answer(operation)
    elif word == "keys":
        call.dialDtmf(text)
    elif word == "info-keys":
        keys = pj.CallSendDtmfParam()
        keys.method, keys.duration, keys.digits = pj.PJSUA_DTMF_METHOD_SIP_INFO, 160, text
        call.sendDtmf(keys)
    elif word == "hold":
        call.setHold(operation)
    elif word == "resume":
        operation.opt.flag = pj.PJSUA_CALL_UNHOLD
        call.reinvite(operation)
    elif word == "refer":
        call.xfer(text, operation)
    elif word == "hangup":
        call.hangup(operation)
    elif word == "call":
        call = Call(_account)
        call.makeCall(text, operation)
        _calls[call.getId()] = call


endpoint = pj.Endpoint()
endpoint.libCreate()
config = pj.EpConfig()
config.logConfig.level = config.logConfig.consoleLevel = 0
config.logConfig.filename, config.logConfig.level = "pjsua2.log", 5
config.uaConfig.maxCalls = 4
# All in this thread: the wheel keeps Python's lock while it waits for PJSIP's, so a second thread that calls
# back into Python can wait for ever.
config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
config.medConfig.noVad = True
config.medConfig.ecTailLen = 0
config.medConfig.clockRate = 8000
endpoint.libInit(config)
endpoint.audDevManager().setNullDev()
for kind, port in (
    (pj.PJSIP_TRANSPORT_UDP, SETTINGS["sip_port"]),
    (pj.PJSIP_TRANSPORT_TCP, SETTINGS["sip_port"]),
    (pj.PJSIP_TRANSPORT_TLS, SETTINGS["tls_port"]),
):
    transport = pj.TransportConfig()
    transport.port, transport.boundAddress, transport.publicAddress = port, "127.0.0.1", "127.0.0.1"
    if kind == pj.PJSIP_TRANSPORT_TLS:
        transport.tlsConfig.certFile, transport.tlsConfig.privKeyFile = (
            SETTINGS["certificate"],
            SETTINGS["key"],
        )
        transport.tlsConfig.CaListFile, transport.tlsConfig.verifyServer = SETTINGS["ca"], True
        transport.tlsConfig.method = pj.PJSIP_TLSV1_2_METHOD
    endpoint.transportCreate(kind, transport)
endpoint.libStart()
for codec in endpoint.codecEnum2():
    endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMA") else 0)
_account = Account()
_account.create(settings())
tell("ready", version=endpoint.libVersion().full)
waiting, over = b"", False
while not over:
    endpoint.libHandleEvents(20)
    if not select.select([0], [], [], 0)[0]:
        continue
    read = os.read(0, 65536)
    over, (*lines, waiting) = not read, (waiting + read).split(b"\n")
    for line in lines:
        command = json.loads(line)
        try:
            obey(command["do"], command.get("text", ""))
            tell("done", do=command["do"])
        except pj.Error as error:
            tell("refused", do=command["do"], why=error.reason)
endpoint.hangupAllCalls()
endpoint.libDestroy()
