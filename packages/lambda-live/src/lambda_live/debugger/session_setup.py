"""
What a debugger has asked for, to ask the same of the next process.

Source: https://microsoft.github.io/debug-adapter-protocol/overview#initialization
"""

import json
from collections.abc import Iterator

from lambda_live.debugger.messages import Message

_FIRST_COMMANDS = ("initialize", "attach", "launch")
_LAST_COMMAND = "configurationDone"
_CONFIGURATION_COMMANDS = (
    *("setBreakpoints", "setFunctionBreakpoints", "setExceptionBreakpoints", "setDataBreakpoints"),
    *("setDebuggerProperty", "setPydevdSourceMap"),
)


class SessionSetup:
    """Remembers requests: of those that say the same thing anew, the last."""

    def __init__(self) -> None:
        self._requests: dict[str, Message] = {}

    def remember(self, request: Message) -> None:
        """Take it down, if another process would have to hear it, too."""
        command = request.get("command")
        if command in (*_FIRST_COMMANDS, _LAST_COMMAND):
            self._requests[str(command)] = request
        elif command in _CONFIGURATION_COMMANDS:
            source = (request.get("arguments") or {}).get("source")
            self._requests[f"{command} {json.dumps(source, sort_keys=True)}"] = request

    @property
    def is_complete(self) -> bool:
        """Whether the debugger has asked for all that it wants."""
        return _LAST_COMMAND in self._requests

    def before_initialized(self) -> Iterator[Message]:
        """Yield what comes before the process says that it is `initialized`."""
        return (self._requests[name] for name in _FIRST_COMMANDS if name in self._requests)

    def after_initialized(self) -> Iterator[Message]:
        """Yield what comes after."""
        last = (*_FIRST_COMMANDS, _LAST_COMMAND)
        yield from (each for name, each in self._requests.items() if name not in last)
        yield self._requests[_LAST_COMMAND]
