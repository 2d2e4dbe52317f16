"""TLS for SIP (RFC 3261 26.3, RFC 5922): contexts from the settings' files, errors in an operator's words.

TLS 1.2 or newer. A server's certificate is always checked against the certificate authorities and for
the domain that was configured; there is no switch to leave that out.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from dialer.errors import TrunkError
from dialer.sip.sockets import why

_EXPIRED, _NOT_YET = 10, 9
_SELF_SIGNED = (18, 19)
_UNKNOWN_CA = (2, 20, 21)
_REVOKED = 23
_WRONG_NAME = (62, 64)


class _Made:
    """A context, made again when one of its files has changed: renewed certificates need no restart."""

    def __init__(self, make: Callable[[], ssl.SSLContext], files: tuple[Path | None, ...]) -> None:
        self._make = make
        self._files = [file for file in files if file is not None]
        self._context: ssl.SSLContext | None = None
        self._stamps: list[int] = []

    def get(self) -> ssl.SSLContext:
        """Raises TrunkError, but for a change that can't be read: then the old one is used on."""
        try:
            stamps = [file.stat().st_mtime_ns for file in self._files]
            if self._context is None or stamps != self._stamps:
                self._context = self._make()
                self._stamps = stamps
        except (OSError, TrunkError) as error:
            if self._context is None:
                raise TrunkError(_file_problem(error)) from error
        return self._context


class TlsContexts:
    """``client()`` for connections that we open, ``server()`` for those that we take."""

    def __init__(
        self,
        *,
        ca_file: Path | None,
        client_certificate_file: Path | None,
        client_key_file: Path | None,
        certificate_file: Path | None,
        key_file: Path | None,
    ) -> None:
        self._ca_file = ca_file
        self._client_pair = (client_certificate_file, client_key_file)
        self._server_pair = (certificate_file, key_file)
        self._client = _Made(self._make_client, (ca_file, *self._client_pair))
        self._server = _Made(self._make_server, self._server_pair)

    def client(self) -> ssl.SSLContext:
        """Raises TrunkError where a file can't be used."""
        return self._client.get()

    def server(self) -> ssl.SSLContext:
        """Raises TrunkError where a file can't be used."""
        return self._server.get()

    def _make_client(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
        except ssl.SSLError as error:
            raise TrunkError(f"{self._ca_file}: no certificates in PEM form") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load(context, *self._client_pair)
        return context

    def _make_server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load(context, *self._server_pair)
        return context


def _load(context: ssl.SSLContext, certificate: Path | None, key: Path | None) -> None:
    if certificate is None:
        return
    try:
        # The empty password turns OpenSSL's question on the terminal into an error.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise TrunkError(
            f"{certificate} and {key or 'the key in it'}: not a certificate and its own key without a "
            f"passphrase, in PEM form ({error.reason or error})"
        ) from error


def _file_problem(error: OSError | TrunkError) -> str:
    if isinstance(error, OSError):
        return f"TLS: {error.filename or 'a certificate file'} can't be read: {error.strerror}"
    return f"TLS: {error}"


def explain(error: OSError, name: str) -> str:
    """Why TLS with ``name`` failed, and what to look at."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, name)
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).replace("_", " ").lower()
        if "wrong version number" in reason or "record layer failure" in reason:
            return f"{name} doesn't speak TLS on that port"
        if "unsupported protocol" in reason or "alert protocol version" in reason:
            return f"{name} speaks no TLS 1.2 or newer"
        if "alert" in reason:
            return f"{name} refuses our TLS ({reason}): it may want another client certificate"
        return f"TLS with {name} failed: {reason}"
    if isinstance(error, ConnectionError):
        return f"{name} broke the TLS handshake off"
    return why(error) or type(error).__name__


def _explain_certificate(error: ssl.SSLCertVerificationError, name: str) -> str:
    code = error.verify_code
    if code == _EXPIRED:
        return f"the certificate of {name} has expired: its owner must renew it (and check this clock)"
    if code == _NOT_YET:
        return f"the certificate of {name} isn't valid yet: check this machine's clock"
    if code in _WRONG_NAME:
        return f"the certificate there isn't for {name}: configure the host by the name that it is for"
    if code in _SELF_SIGNED or code in _UNKNOWN_CA:
        return (
            f"the certificate of {name} is signed by nobody we trust: put its authority's certificate "
            "into sip.tls_ca_file"
        )
    if code == _REVOKED:
        return f"the certificate of {name} was revoked"
    return f"the certificate of {name} is refused: {error.verify_message}"
