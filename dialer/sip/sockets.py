"""Sockets as the settings want them: local address, interface, DSCP. Errors say what to change."""

from __future__ import annotations

import errno
import os
import socket

from dialer.errors import TrunkError

_BACKLOG = 128


def family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def make_socket(kind: socket.SocketKind, bind_host: str, device: str, dscp: int) -> socket.socket:
    """A non-blocking socket that isn't bound yet. Raises TrunkError."""
    family = family_of(bind_host)
    try:
        made = socket.socket(family, kind)
    except OSError as error:
        raise TrunkError(f"no SIP socket can be opened: {why(error)}") from error
    made.setblocking(False)
    try:
        if device:
            _to_device(made, device)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
        else:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
    except BaseException:
        made.close()
        raise
    return made


def bind(made: socket.socket, host: str, port: int, what: str) -> None:
    """Bind, and listen where it is a stream. Raises TrunkError and closes it."""
    try:
        if made.type == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        if made.type == socket.SOCK_STREAM:
            made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise PortTaken(f"SIP can't listen on {what} {host}:{port}: {why(error)}") from error


class PortTaken(TrunkError):
    """The address or port can't be had."""


def _to_device(made: socket.socket, device: str) -> None:
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
    except OSError as error:
        if error.errno == errno.ENODEV:
            present = ", ".join(name for _, name in socket.if_nameindex())
            raise TrunkError(f"there is no network interface {device} here, only {present}") from error
        if error.errno == errno.EPERM:
            raise TrunkError(
                f"a socket on the interface {device} needs root or the capability CAP_NET_RAW"
            ) from error
        raise TrunkError(f"the interface {device} can't be used: {why(error)}") from error


def why(error: OSError) -> str:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many open files: raise the limit (ulimit -n, LimitNOFILE=)"
    # The event loop's own words name an address; the operating system's say why.
    return os.strerror(error.errno) if error.errno else str(error)


def outward_address(family: socket.AddressFamily = socket.AF_INET) -> str:
    """Our address on the default route; loopback where there is none. Nothing is sent."""
    far, loopback = ("2001:db8::1", "::1") if family == socket.AF_INET6 else ("192.0.2.1", "127.0.0.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))
        except OSError:
            return loopback
        return str(probe.getsockname()[0])
