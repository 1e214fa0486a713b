"""
Where the code of an environment was when its timeout stopped it.

Problem: a timeout kills the process, and does not report which line was waiting. Code in the
process cannot report it: it may be blocked in C code that keeps the interpreter's lock.

How it works: the process registers Python's `faulthandler` for one signal (`control_channel.py`).
At the timeout the service sends that signal. `faulthandler` is C code: it writes the stacks of all
threads to the control socket, and then lets the signal terminate the process. This module reads the
text. If the process blocks the signal, the service kills it a little later, without a stack.

Without it, a timeout has no file and line.

Source: https://docs.python.org/3/library/faulthandler.html#faulthandler.register
"""

import re
from collections.abc import Iterator

_THREAD = re.compile(r"(?:Current thread|Thread) 0x[^\n]*:\n")
_FRAME = re.compile(r'^  File "(?P<path>.*)", line (?P<line>\d+) in (?P<name>.*)$', re.MULTILINE)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
_RUNTIME_CLIENT = "/awslambdaric/"
_HIDDEN_PATHS = (_RUNTIME_CLIENT, "/environments/runtime_process/", "<frozen ")


def parse_stack(dump: bytes) -> tuple[str, ...]:
    """
    Return the stack of the thread that runs the function, the outermost frame first.

    A frame has the format of AWS's `stackTrace`. Those of the runtime client are omitted.
    """
    text = _ESCAPE.sub(_character, dump.decode("ascii", "replace"))
    threads = _THREAD.split(text)[1:] or [""]
    thread = next((each for each in threads if _RUNTIME_CLIENT in each), threads[-1])
    return tuple(reversed(list(_frames(thread))))


def _frames(thread: str) -> Iterator[str]:
    for frame in _FRAME.finditer(thread):
        if not any(part in frame["path"] for part in _HIDDEN_PATHS):
            yield f'  File "{frame["path"]}", line {frame["line"]}, in {frame["name"]}\n'


def _character(escape: re.Match[str]) -> str:
    """Return the character of an escape, which `faulthandler` writes for all but ASCII."""
    return chr(int(next(filter(None, escape.groups())), 16))
