"""
AWS's event stream: one message after the other, each with its checksums.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import json
import struct
import zlib
from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
_CHECKSUM = 4


def event(kind: str, payload: bytes, content_type: str) -> bytes:
    """Return one event as a message."""
    headers = _headers(
        {":event-type": kind, ":content-type": content_type, ":message-type": "event"}
    )
    length = 3 * _CHECKSUM + len(headers) + len(payload) + _CHECKSUM
    prelude = struct.pack("!II", length, len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


def document(kind: str, members: Mapping[str, object]) -> bytes:
    """Return one event of JSON as a message."""
    return event(kind, json.dumps(members).encode(), "application/json")


def _headers(values: Mapping[str, str]) -> bytes:
    return b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", _STRING, len(value))
        + value.encode()
        for name, value in values.items()
    )
