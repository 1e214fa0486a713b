"""What is kept of a body: all of it, or its beginning."""

from typing import Any, NamedTuple

from lambda_live.model.strict_json import loads

MAX_BODY_BYTES = 64 * 2**10
"""Bytes that are kept of an event, of an answer, and of what one invocation logs."""


class Truncated(NamedTuple):
    """The first `LIMIT` bytes of what had `size` of them."""

    content: bytes
    size: int

    @property
    def is_truncated(self) -> bool:
        """Whether there was more."""
        return self.size > len(self.content)

    @property
    def text(self) -> str:
        """The content as text, whatever it is."""
        return self.content.decode("utf-8", "replace")

    def to_json(self) -> dict[str, object]:
        """Return it as the page reads it."""
        return {"text": self.text, "size": self.size, "cut": self.is_truncated}

    def parse(self) -> Any:
        """Return the JSON value that it holds. Raises ValueError, if it was cut as well."""
        if self.is_truncated:
            message = f"of {self.size} bytes {MAX_BODY_BYTES} are kept"
            raise ValueError(message)
        return loads(self.content)


EMPTY = Truncated(b"", 0)


def truncate(content: bytes) -> Truncated:
    """Keep what may be kept; bytes that are not cut are not copied."""
    return Truncated(
        content if len(content) <= MAX_BODY_BYTES else content[:MAX_BODY_BYTES], len(content)
    )
