"""Malformed requests for fuzzing."""

import random
from collections.abc import Callable, Sequence

_TOKENS = (
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\0", b" ", b"\t", b":", b"%", b"%00", b"%ff", b"/", b"//"),
    *(b"?", b"#", b"..", b"*", b"\xff\xfe", "ü".encode(), "🚀".encode(), b"\x1b[2J", b"[" * 3000),
    *(b"{", b'"', b"9" * 5000, b"-1", b"1e999", b"NaN", b"Infinity", b'"\\ud800"', b"null"),
    *(b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n"),
    *(b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n", b"Host: x\r\n"),
    *(
        b"Expect: 100-continue\r\n",
        b"X-Amz-Log-Type: Tail\r\n",
        b"X-Amz-Invocation-Type: Event\r\n",
    ),
    *(b"X-Amz-Client-Context: e30=\r\n", b"Cookie: a=b; c\r\n", b"Origin: null\r\n"),
)
_METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE")


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(_TOKENS) + data[at:]


def _delete(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + data[at + chance.randrange(20) :]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + data[at : at + chance.randrange(40)] * chance.randrange(1, 4) + data[at:]


def _flip(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _method(data: bytes, chance: random.Random) -> bytes:
    return chance.choice(_METHODS) + b" " + data.partition(b" ")[2]


_CHANGES: Sequence[Callable[[bytes, random.Random], bytes]] = (
    *(_insert, _insert, _delete, _repeat, _flip, _method),
)


def mutate(requests: Sequence[bytes], chance: random.Random) -> bytes:
    """Return one of the requests with one to three random changes."""
    data = chance.choice(requests)
    for _ in range(chance.randrange(1, 4)):
        data = chance.choice(_CHANGES)(data, chance) or b" "
    return data


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body
