"""
Messages of the Debug Adapter Protocol, and how they are framed.

Source: https://microsoft.github.io/debug-adapter-protocol/overview#base-protocol
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

_LENGTH_HEADER = b"Content-Length:"
_HEADER_END = b"\r\n\r\n"
_MAX_MESSAGE_BYTES = 64 * 2**20

type Message = dict[str, Any]


async def read_messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    """
    Yield each message until the stream ends, or has something invalid.

    An HTTP request is invalid, so pages of other sites cannot send messages.
    """
    try:
        while True:
            head = await reader.readuntil(_HEADER_END)
            length = int(head.removeprefix(_LENGTH_HEADER).strip())
            if length > _MAX_MESSAGE_BYTES:
                return
            message = json.loads(await reader.readexactly(length))
            if isinstance(message, dict):
                yield message
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
        return


def encode(message: Message) -> bytes:
    """Return the message with its header."""
    body = json.dumps(message).encode()
    return b"%s %d%s%s" % (_LENGTH_HEADER, len(body), _HEADER_END, body)
