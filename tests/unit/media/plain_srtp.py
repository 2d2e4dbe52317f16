"""SRTP written a second time, slowly, from RFC 3711 and FIPS 197: what ours is held against."""

from __future__ import annotations

import hashlib
import hmac


def _sbox() -> bytes:
    box, p, q = bytearray(256), 1, 1
    while True:
        p ^= (p << 1) ^ (0x11B if p & 0x80 else 0)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        turned = q
        for shift in (1, 2, 3, 4):
            turned ^= (q << shift | q >> (8 - shift)) & 0xFF
        box[p] = turned ^ 0x63
        if p == 1:
            box[0] = 0x63
            return bytes(box)


SBOX = _sbox()


def _double(value: int) -> int:
    return (value << 1 ^ (0x1B if value & 0x80 else 0)) & 0xFF


def aes(key: bytes, block: bytes) -> bytes:
    """AES-128 of one block."""
    words = [list(key[i : i + 4]) for i in range(0, 16, 4)]
    rcon = 1
    for i in range(4, 44):
        word = list(words[i - 1])
        if i % 4 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon = _double(rcon)
        words.append([a ^ b for a, b in zip(words[i - 4], word, strict=True)])
    rounds = [[byte for word in words[i : i + 4] for byte in word] for i in range(0, 44, 4)]
    state = [a ^ b for a, b in zip(block, rounds[0], strict=True)]
    for number in range(1, 11):
        state = [SBOX[b] for b in state]
        state = [state[(i + 4 * (i % 4)) % 16] for i in range(16)]
        if number < 10:
            mixed = []
            for c in range(0, 16, 4):
                column = state[c : c + 4]
                for i in range(4):
                    a, b = column[i], column[(i + 1) % 4]
                    mixed.append(_double(a) ^ _double(b) ^ b ^ column[(i + 2) % 4] ^ column[(i + 3) % 4])
            state = mixed
        state = [a ^ b for a, b in zip(state, rounds[number], strict=True)]
    return bytes(state)


def keystream(key: bytes, counter: int, size: int) -> bytes:
    """RFC 3711 4.1.1: ``counter`` is the 128-bit IV."""
    blocks = (aes(key, ((counter + i) % (1 << 128)).to_bytes(16, "big")) for i in range(-(-size // 16)))
    return b"".join(blocks)[:size]


def derive(master: bytes, label: int, size: int) -> bytes:
    """RFC 3711 4.3, key derivation rate 0. ``master``: key and salt."""
    salt = int.from_bytes(master[16:30], "big")
    return keystream(master[:16], (salt ^ label << 48) << 16, size)


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def protect(master: bytes, packet: bytes, roc: int, tag: int) -> bytes:
    """An RTP packet without extension or CSRC."""
    key, auth, salt = derive(master, 0, 16), derive(master, 1, 20), derive(master, 2, 14)
    index = roc << 16 | int.from_bytes(packet[2:4], "big")
    ssrc = int.from_bytes(packet[8:12], "big")
    iv = (int.from_bytes(salt, "big") << 16) ^ (ssrc << 64) ^ (index << 16)
    body = packet[:12] + _xor(packet[12:], keystream(key, iv, len(packet) - 12))
    return body + hmac.new(auth, body + roc.to_bytes(4, "big"), hashlib.sha1).digest()[:tag]


def protect_rtcp(master: bytes, packet: bytes, index: int) -> bytes:
    key, auth, salt = derive(master, 3, 16), derive(master, 4, 20), derive(master, 5, 14)
    ssrc = int.from_bytes(packet[4:8], "big")
    iv = (int.from_bytes(salt, "big") << 16) ^ (ssrc << 64) ^ (index << 16)
    body = packet[:8] + _xor(packet[8:], keystream(key, iv, len(packet) - 8))
    body += (1 << 31 | index).to_bytes(4, "big")
    return body + hmac.new(auth, body, hashlib.sha1).digest()[:10]
