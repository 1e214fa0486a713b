"""Where an init failed, in words."""

import traceback

from lambda_live.environments.runtime_process.function_code import FunctionCode, is_import_machinery


def locate_error(error: BaseException, own: FunctionCode) -> str:
    """
    Return file, line and text of an error.

    The deepest line of the function's own code comes first, then the one that raised it.
    """
    what = "".join(traceback.format_exception_only(error)[-1:]).strip()
    lines = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if not is_import_machinery(frame.filename) and "awslambdaric" not in frame.filename
    ]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    if not lines:
        return what
    raised = lines[-1]
    mine = next((line for line in reversed(lines) if own.contains(line[0])), raised)
    elsewhere = "" if mine == raised else f" (raised at {raised[0]}:{raised[1]})"
    return f"{mine[0]}:{mine[1]}: {what}{elsewhere}"
