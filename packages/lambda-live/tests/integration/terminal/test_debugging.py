import itertools
from contextlib import closing

from support.checks import ALL_PASSED, print_result
from support.debugger import Debugger
from support.terminal import Start
from support.waiting import wait_until

ANSWERS = "def handler(event, context):\n    return {'statusCode': 200}\n"
CHECKED = ALL_PASSED


def test_checks_are_skipped_while_debugging_until_requested(
    start: Start,
) -> None:
    options = ("--debug", "--debug-port=0", f"--after-reload={print_result()}")
    service = start(ANSWERS, *options)
    service.wait_for(f"loaded in .* {CHECKED}")
    app = service.project / "function/app.py"
    with closing(
        Debugger(int(service.wait_for(r"Debugger listening on \S+:(\d+)")[1]))
    ) as debugger:
        debugger.attach(app, 2)
        service.save(f"{ANSWERS}# saved\n")
        service.wait_for(r"reloaded in .* · checks skipped while debugging \(c to run\)\n")
        service.press("c")
        service.wait_for(f"· checks · {CHECKED}")
        debugger.request("disconnect", restart=False)

    numbers = itertools.count()

    def is_checked() -> bool:
        rows = service.save(f"{ANSWERS}# {next(numbers)}\n")
        return service.wait_for(r"reloaded in .* · (3 of 3|checks)", after=rows)[1] == "3 of 3"

    wait_until(is_checked, "a save with checks")
