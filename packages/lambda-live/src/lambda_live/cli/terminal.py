"""
Prints what a service that runs elsewhere would print at its terminal.

`python -m lambda_live.cli.terminal [URL]`; URL is the service's admin port.
It waits for a service that is not there, and for the next one when one ends.
"""

import os
import sys
import time

from lambda_live.cli import follow
from lambda_live.terminal.stream import PATH
from lambda_live.terminal.text import dim, strip_styles, terminal_width, wrap_line


def _print(line: str) -> None:
    columns = terminal_width(sys.stdout.fileno())
    text = strip_styles(line) if os.environ.get("NO_COLOR") else line
    for row in [text] if columns is None else wrap_line(text, columns):
        sys.stdout.write(f"{row}\n")
    sys.stdout.flush()


def main() -> None:
    """Run until it is ended; exit with 2 where the URL is none."""
    url, address = follow.parse_url(sys.argv[1:], "lambda_live.terminal")
    there = True
    while True:
        was_there, there = there, False
        for line in follow.stream_lines(address, PATH):
            there = True
            _print(line.decode("utf-8", "replace").removesuffix("\n"))
        if was_there and not there:
            _print(dim(f"waiting for the function at {url}"))
        time.sleep(follow.RETRY_SECONDS)


if __name__ == "__main__":
    follow.run(main)
