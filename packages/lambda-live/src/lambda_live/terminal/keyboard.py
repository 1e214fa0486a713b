"""The keys of the terminal that the service runs in, which gets back what it lent."""

import asyncio
import atexit
import contextlib
import os
import signal
import termios
from collections.abc import Callable
from typing import Any

_LFLAG = 3
_CC = 6
_ESCAPE = "\x1b"
_TYPED = 8
"""Keys at most that somebody types at once; more are pasted, and were meant for another window."""


class Keyboard:
    """Gives each key as it is pressed, while the service is in the terminal's foreground."""

    def __init__(self, descriptor: int, pressed: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._pressed = pressed
        self._lent: list[Any] | None = None

    @property
    def there(self) -> bool:
        """Whether there are keys at all."""
        return os.isatty(self._descriptor)

    def start(self) -> None:
        """Take keys, and give the terminal back whenever the service stops or is stopped."""
        if self.there:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTSTP, self._suspend)
            loop.add_signal_handler(signal.SIGCONT, self._take)
            atexit.register(self._give_back)
            self._take()

    def stop(self) -> None:
        """Take no more."""
        if self._lent is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._give_back()

    def _in_front(self) -> bool:
        with contextlib.suppress(OSError):  # it is not this session's
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        return False

    def _take(self) -> None:
        if self._lent is not None or not self._in_front():
            return
        with contextlib.suppress(termios.error):
            modes = termios.tcgetattr(self._descriptor)
            self._lent = termios.tcgetattr(self._descriptor)
            # each key at once, and unseen; Ctrl-C and Ctrl-Z are still signals
            modes[_LFLAG] &= ~(termios.ICANON | termios.ECHO)
            modes[_CC][termios.VMIN], modes[_CC][termios.VTIME] = 1, 0
            termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def _give_back(self) -> None:
        if self._lent is not None and self._in_front():
            with contextlib.suppress(termios.error):  # it is gone
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._lent)
        self._lent = None

    def _suspend(self) -> None:
        self.stop()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _read(self) -> None:
        try:
            keys = os.read(self._descriptor, 1024).decode("utf-8", "replace")
        except OSError:
            keys = ""
        if not keys:
            asyncio.get_running_loop().remove_reader(self._descriptor)
        elif keys[0] == _ESCAPE:  # an arrow's, and others that are several characters
            self._pressed(_ESCAPE)
        elif len(keys) <= _TYPED:
            for key in keys:
                self._pressed(key)
