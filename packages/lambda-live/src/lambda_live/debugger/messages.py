"""
What a debugger and what it debugs say to each other.

Source: https://microsoft.github.io/debug-adapter-protocol/overview#base-protocol
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

_LENGTH_HEADER = b"Content-Length:"
_END = b"\r\n\r\n"
_MAX_MESSAGE_BYTES = 64 * 2**20
"""Bytes of a message at most; what says that it is longer is none."""

type Message = dict[str, Any]


async def read_messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    """
    Yield each message, until there are no more, or something comes that is none.

    No browser begins a request so: pages of other sites can say nothing here.
    """
    try:
        while True:
            head = await reader.readuntil(_END)
            length = int(head.removeprefix(_LENGTH_HEADER).strip())
            if length > _MAX_MESSAGE_BYTES:
                return
            message = json.loads(await reader.readexactly(length))
            if isinstance(message, dict):
                yield message
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
        return


def encode(message: Message) -> bytes:
    """Return it as it goes over the wire."""
    body = json.dumps(message).encode()
    return b"%s %d%s%s" % (_LENGTH_HEADER, len(body), _END, body)
