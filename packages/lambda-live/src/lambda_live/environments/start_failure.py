"""What no process can be started without."""

from pathlib import Path

from lambda_live.environments.variables import exec_wrapper
from lambda_live.model.function import FunctionConfiguration


def explain_start_failure(configuration: FunctionConfiguration) -> str | None:
    """Return, in a sentence, what is not there and what to do; None if all is."""
    if not configuration.task_root.is_dir():
        return f"there is no {configuration.task_root}, the folder of the code; put it back"
    for script in exec_wrapper(configuration):
        if not Path(script).is_file():
            return (
                f"AWS_LAMBDA_EXEC_WRAPPER names {script}, which no layer brings here;"
                " to do without, write AWS_LAMBDA_EXEC_WRAPPER= into .env"
            )
    return None
