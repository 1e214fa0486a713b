"""Which handler an image starts, and where in it that is."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from lambda_live.model.requirements import Requirements
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.image.build_spec import Recipe
from lambda_live.project.image.dockerfile import TASK_ROOT
from lambda_live.project.image.stage import Stage

_HANDLER = re.compile(r"\w[\w./-]*\.[A-Za-z_]\w*")
_PROGRAMS = (".py", ".sh")
_CLIENT = "awslambdaric"


def starts_client(stage: Stage) -> bool:
    """Whether it starts the runtime client itself, and AWS's bootstrap does not."""
    return _CLIENT in (*stage.entrypoint, *stage.command)


def handler_of(recipe: Recipe, stage: Stage) -> str:
    """
    Return the handler that the runtime client would be given.

    Raises:
        UnsupportedFunctionError: It is none of Lambda's.
        TemplateError: Nothing says which.
    """
    words = [*stage.entrypoint, *stage.command]
    instead = 'write CMD ["MODULE.FUNCTION"], or Command in ImageConfig'
    if not words:
        raise TemplateError(recipe.dockerfile, stage.line, "it has no CMD", instead)
    if starts_client(stage):
        given = words[words.index(_CLIENT) + 1 :]
    else:  # a script of its own may start the client with what it is given
        given = stage.command or stage.entrypoint[1:]
    one = given[0] if len(given) == 1 else ""
    if not _HANDLER.fullmatch(one) or one.endswith(_PROGRAMS):
        if any("lambda-adapter" in what for _, what in stage.undone):
            message = f"its image is a web server, {' '.join(words)!r}: run that, without Lambda"
            raise UnsupportedFunctionError(message)
        wrong = f"it starts {' '.join(words)!r}, which names no handler"
        raise TemplateError(recipe.dockerfile, stage.line, wrong, instead)
    return one


def place_of_module(
    recipe: Recipe, stage: Stage, handler: str, requirements: Sequence[Requirements]
) -> PurePosixPath:
    """Return the folder of the image that has the handler's module. Raises TemplateError."""
    task_root = PurePosixPath(stage.variables.get("LAMBDA_TASK_ROOT") or TASK_ROOT)
    above = handler.rpartition(".")[0].replace("/", ".").split(".")
    path = [each for each in stage.variables.get("PYTHONPATH", "").split(":") if each]
    places = [stage.workdir, task_root, *map(PurePosixPath, path)]
    if stage.own:  # a project that is installed has its modules there, most often
        places += [place / "src" for place in places]
    for place in places:
        module = place.joinpath(*above)
        if any(
            map(stage.tree.find, (module.with_name(f"{module.name}.py"), module / "__init__.py"))
        ):
            return place
    package = re.compile(rf"(?im)^{above[0].replace('_', '[-_]')}\b")
    if any(package.search(each.text) for each in requirements):
        return task_root
    wrong = f"the handler {handler!r} is in no file that it copies from {recipe.context}"
    instead = "COPY its module to ${LAMBDA_TASK_ROOT}, or mend CMD"
    raise TemplateError(recipe.dockerfile, stage.line, wrong, instead)
