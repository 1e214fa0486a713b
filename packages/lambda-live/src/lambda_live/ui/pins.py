"""The invocations that a person wants to see again after each save."""

from dataclasses import dataclass

from lambda_live.ui.broadcaster import Broadcaster
from lambda_live.ui.comparison import Comparison
from lambda_live.ui.fingerprint import fingerprint
from lambda_live.ui.history import unique_ids
from lambda_live.ui.rows import InvocationRow


@dataclass(slots=True)
class Pin:
    """One of them, and what came of it last."""

    id: int
    row: InvocationRow
    last: Comparison | None = None

    def summary(self) -> dict[str, object]:
        """Return what the list of pins shows."""
        shown = self.last.after if self.last and self.last.after else self.row
        last = self.last.summary() if self.last else None
        return {"id": self.id, "row": shown.summary(), "last": last}

    def detail(self) -> dict[str, object]:
        """Return all that is known, both answers if it ran again."""
        last = self.last.detail() if self.last else None
        return self.summary() | {"kind": "pin", "original": self.row.detail(), "last": last}


class Pins:
    """Keeps them, and tells the page."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster
        self._numbers = unique_ids()
        self._pins: dict[int, Pin] = {}

    def pin(self, row: InvocationRow) -> Pin:
        """Let it run again after each save; one is pinned once. Raises ValueError."""
        row.event.parse()
        key = fingerprint(row)
        for pin in self._pins.values():
            if fingerprint(pin.row) == key:
                return pin
        pin = Pin(next(self._numbers), row)
        self._pins[pin.id] = pin
        self.publish()
        return pin

    def unpin(self, number: int) -> bool:
        """Forget a pin; return whether there was one."""
        there = self._pins.pop(number, None) is not None
        self.publish()
        return there

    def summaries(self) -> list[dict[str, object]]:
        """Return the pins as the page lists them."""
        return [pin.summary() for pin in self._pins.values()]

    def get(self, number: int) -> Pin | None:
        """Return the pin of that number, if there is one."""
        return self._pins.get(number)

    def for_function(self, function: str) -> list[Pin]:
        """Return those of a function, the oldest first."""
        return [pin for pin in self._pins.values() if pin.row.function == function]

    def publish(self) -> None:
        """Let the page show them as they are."""
        self._broadcaster.publish("pins", self.summaries())
