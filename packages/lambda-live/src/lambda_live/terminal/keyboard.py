"""
Read single keys from the terminal that the service runs in.

A terminal normally delivers whole lines and echoes them. The keyboard turns both off (termios
ICANON and ECHO), and restores the terminal's modes when the service stops, crashes, is suspended
by Ctrl-Z, or is in the background. Without that, the user's shell would show no input afterwards.
Ctrl-C and Ctrl-Z remain signals.
"""

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
_MAX_TYPED_KEYS = 8
"""More keys at once are pasted text. It is ignored."""


class Keyboard:
    """Calls `on_key` for each key while the service is in the terminal's foreground."""

    def __init__(self, descriptor: int, on_key: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._on_key = on_key
        self._saved_modes: list[Any] | None = None

    @property
    def is_available(self) -> bool:
        """Whether the standard input is a terminal."""
        return os.isatty(self._descriptor)

    def start(self) -> None:
        """Read keys until the service stops."""
        if self.is_available:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTSTP, self._suspend)
            loop.add_signal_handler(signal.SIGCONT, self._enable)
            atexit.register(self._restore_modes)
            self._enable()

    def stop(self) -> None:
        """Stop reading and restore the terminal."""
        if self._saved_modes is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._restore_modes()

    def _is_in_foreground(self) -> bool:
        with contextlib.suppress(OSError):  # the terminal of another session
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        return False

    def _enable(self) -> None:
        if self._saved_modes is not None or not self._is_in_foreground():
            return
        with contextlib.suppress(termios.error):
            modes = termios.tcgetattr(self._descriptor)
            self._saved_modes = termios.tcgetattr(self._descriptor)
            modes[_LFLAG] &= ~(termios.ICANON | termios.ECHO)
            modes[_CC][termios.VMIN], modes[_CC][termios.VTIME] = 1, 0
            # TCSAFLUSH discards earlier input, which was for the program before this one
            termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, modes)
            asyncio.get_running_loop().add_reader(self._descriptor, self._read)

    def _restore_modes(self) -> None:
        if self._saved_modes is not None and self._is_in_foreground():
            with contextlib.suppress(termios.error):  # the terminal was closed
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._saved_modes)
        self._saved_modes = None

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
        elif keys[0] == _ESCAPE:  # Esc itself, or an arrow or function key (several characters)
            self._on_key(_ESCAPE)
        elif len(keys) <= _MAX_TYPED_KEYS:
            for key in keys:
                self._on_key(key)
