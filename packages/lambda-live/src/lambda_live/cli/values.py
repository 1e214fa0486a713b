"""What the text of an option means; ArgumentTypeError is raised where it means nothing."""

import argparse
from collections.abc import Callable


def number[N: (int, float)](kind: type[N], least: N, most: N, unit: str) -> Callable[[str], N]:
    """Return what reads a number from least to most, which a complaint calls by its unit."""

    def parse(text: str) -> N:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            what = f"{unit}, from {least} to {most}"
            message = f"{text!r} is not {what}"
            raise argparse.ArgumentTypeError(message)
        return value

    return parse


def names(text: str) -> tuple[str, ...]:
    """Return those that have commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def one_of(*values: str) -> Callable[[str], str]:
    """Return what reads one of these values, in letters of either case."""

    def parse(text: str) -> str:
        if text.upper() not in values:
            message = f"{text!r} is not one of {', '.join(values)}"
            raise argparse.ArgumentTypeError(message)
        return text.upper()

    return parse


def pods(text: str) -> tuple[str, str] | None:
    """Return a Kubernetes namespace and the context in which kubectl finds it, or None."""
    if not text:
        return None
    namespace, _, context = text.partition("@")
    if not namespace or not context:
        message = f"{text!r} is not NAMESPACE@CONTEXT"
        raise argparse.ArgumentTypeError(message)
    return namespace, context


def command(text: str) -> str | None:
    """Return a shell command, or None for an empty one."""
    return text or None


port = number(int, 0, 65535, "a port")
