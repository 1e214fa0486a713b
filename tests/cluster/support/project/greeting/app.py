"""Return the message, or do what the event says."""

import os
import signal
import sys
import time
from typing import Any

ENDLESS = 3600
"""Seconds; longer than any timeout."""

_kept: list[bytearray] = []


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Respond; `do` is what to do before that, a misbehaviour."""
    match event.get("do"):
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leak":
            while True:
                _kept.append(bytearray(1024 * 1024))
                time.sleep(0.001)
        case "never return":
            time.sleep(ENDLESS)
        case "write":
            sys.stdout.writelines(f"line {number}\n" for number in range(event["lines"]))
        case "read variable":
            return {"statusCode": 200, "body": os.environ[event["variable"]]}
        case "respond":
            return {"statusCode": 200, "body": "x" * event["bytes"]}
    return {"statusCode": 200, "body": f"The received message is: '{event['message']}'"}
