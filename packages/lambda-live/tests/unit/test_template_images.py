"""Functions whose images are described by Dockerfiles."""

import json
from pathlib import Path

import pytest

from lambda_live.cli.image_context import ImageContextError, write_function
from lambda_live.dependencies.pip_input import copy_requirements
from lambda_live.dependencies.requirements import collect_requirements
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.template import FunctionSpec, Image, Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.discovery import default_template
from lambda_live.project.template.reader import read_template
from support.cdk import stage, synthesize
from support.project import write_project

AWS = "FROM public.ecr.aws/lambda/python:3.12\n"
CMD = 'CMD ["app.handler"]\n'
FILES = {
    "context/app.py": "",
    "context/entry.sh": "",
    "context/requirements.txt": "idna\n",
    "context/needs/all.txt": "-r base.txt\nsix\n",
    "context/needs/base.txt": "idna\n",
    "context/shop/app.py": "",
    "context/shop/__init__.py": "",
    "context/shop/data.json": "",
    "context/common/app.py": "",
    "context/common/text.py": "",
    "context/src/shop_api/main.py": "",
    "context/pyproject.toml": "",
}
FUNCTION = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {{PackageType: Image, {properties}}}
    Metadata: {{DockerContext: context, {metadata}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_project(tmp_path, FILES)
    return tmp_path


def template(folder: Path, dockerfile: str, properties: str = "", metadata: str = "") -> Template:
    files = {
        "template.yaml": FUNCTION.format(properties=properties, metadata=metadata),
        "context/Dockerfile": dockerfile,
    }
    write_project(folder, files)
    return read_template(folder / "template.yaml", {}, build_dir=folder / "build")


def only(folder: Path, dockerfile: str, properties: str = "", metadata: str = "") -> FunctionSpec:
    (function,) = template(folder, dockerfile, properties, metadata).functions
    return function


def image(folder: Path, dockerfile: str) -> Image:
    found = only(folder, dockerfile).image
    assert found is not None
    return found


def refusal(folder: Path, dockerfile: str, properties: str = "", metadata: str = "") -> str:
    with pytest.raises(TemplateError) as refused:
        template(folder, dockerfile, properties, metadata)
    message = str(refused.value)
    return (message.partition("Work: ")[2] or message).replace(f"{folder}/", "")


def test_dockerfile_of_sam_init_runs_from_its_context(folder: Path) -> None:
    dockerfile = f"""{AWS}
COPY app.py requirements.txt ./

RUN python3.12 -m pip install -r requirements.txt -t .

# Command can be overwritten by providing a different command in the template directly.
{CMD}"""

    function = only(folder, dockerfile, "Timeout: 7", "DockerTag: v1, Dockerfile: Dockerfile")

    assert (function.handler, function.code_uri) == ("app.handler", folder / "context")
    assert (function.runtime, function.timeout) == ("python3.12", 7)
    assert [each.source for each in collect_requirements(function, folder)] == [
        folder / "context/requirements.txt"
    ]
    assert function.image is not None
    assert function.image.notices == ()


@pytest.mark.parametrize(
    ("copies", "handler", "root"),
    [
        ("COPY . ${LAMBDA_TASK_ROOT}", "app.handler", "context"),
        ("COPY . .", "shop.app.handler", "context"),
        ("ADD shop/ /var/task/", "app.handler", "context/shop"),
        ("COPY shop ${LAMBDA_TASK_ROOT}/shop", "shop.app.handler", "context"),
        ("COPY shop shop\nCOPY common ./common", "shop.app.handler", "context"),
        ("COPY shop/app.py $LAMBDA_TASK_ROOT", "app.handler", "context/shop"),
        ("COPY shop/*.py ./", "app.handler", "context/shop"),
        ('COPY ["shop/app.py", "./"]', "app.handler", "context/shop"),
        ("COPY --chown=1:1 shop/app.py /var/task/app.py", "app.handler", "context/shop"),
        ("COPY src ./src\nRUN pip install .", "shop_api.main.handler", "context/src"),
        ("COPY pyproject.toml requirements.txt ./\nCOPY shop .", "app.handler", "context/shop"),
        (f"WORKDIR /b\nCOPY shop/app.py .\n{AWS}COPY --from=0 /b .", "app.handler", "context/shop"),
        ("WORKDIR lib/../../code\nCOPY ../shop .", "app.handler", "context/shop"),
        ("WORKDIR /code\nCOPY shop .", "app.handler", "context/shop"),
        ("ENV PYTHONPATH=/code\nCOPY shop /code", "app.handler", "context/shop"),
        ("ARG AT=shop\nCOPY ${AT} .", "app.handler", "context/shop"),
        ("COPY shop \\\n  # one\n  .", "app.handler", "context/shop"),
    ],
)
def test_code_folder_matches_the_layout_of_the_image(
    copies: str, handler: str, root: str, folder: Path
) -> None:
    found = image(folder, f'{AWS}{copies}\nCMD [ "{handler}" ]\n')

    assert (found.handler, found.root) == (handler, folder / root)


def test_code_of_several_folders_is_linked_like_in_the_image(folder: Path) -> None:
    dockerfile = f"""{AWS}
COPY shop/ ${{LAMBDA_TASK_ROOT}}/
COPY common/text.py ${{LAMBDA_TASK_ROOT}}/lib/words.py
COPY common ${{LAMBDA_TASK_ROOT}}/common
{CMD}"""

    found = image(folder, dockerfile)

    assert found.root.is_relative_to(folder / "build")
    context = folder / "context"
    assert (found.root / "app.py").resolve() == context / "shop/app.py"
    assert (found.root / "lib/words.py").resolve() == context / "common/text.py"
    assert (found.root / "common").resolve() == context / "common"
    assert context / "shop" in found.files  # new files in it are linked, too

    (context / "shop/more.py").touch()
    (context / "shop/data.json").unlink()
    assert image(folder, dockerfile.replace("common\n", "comm\n")).root == found.root
    names = {each.name for each in found.root.iterdir()}
    assert names == {"__init__.py", "app.py", "comm", "lib", "more.py"}


def test_folders_copied_over_each_other_are_merged(folder: Path) -> None:
    found = image(folder, f"{AWS}COPY shop .\nCOPY common .\n{CMD}")

    assert (found.root / "app.py").resolve() == folder / "context/common/app.py"
    assert (found.root / "data.json").resolve() == folder / "context/shop/data.json"

    found = image(folder, f"{AWS}COPY shop ./lib\nCOPY common ./lib\nCOPY app.py .\n{CMD}")
    assert (found.root / "lib/app.py").resolve() == folder / "context/common/app.py"
    assert (found.root / "lib/data.json").resolve() == folder / "context/shop/data.json"


@pytest.mark.parametrize(
    ("start", "handler"),
    [
        ('ENTRYPOINT ["/usr/local/bin/python", "-m", "awslambdaric"]\nCMD ["app.h"]', "app.h"),
        ('ENTRYPOINT ["python", "-m", "awslambdaric", "app.h"]', "app.h"),
        ('CMD ["python3", "-m", "awslambdaric", "app.h"]', "app.h"),
        ('ENTRYPOINT ["/lambda-entrypoint.sh"]\nCMD ["app.h"]', "app.h"),
        ('ENTRYPOINT ["/lambda-entrypoint.sh", "app.h"]', "app.h"),
        ('ENTRYPOINT ["python", "/entry.py"]\nCMD ["app.h"]', "app.h"),
        ('CMD ["first.h"]\nCMD ["app.h"]', "app.h"),
    ],
)
def test_handler_is_the_argument_of_the_runtime_client(
    start: str, handler: str, folder: Path
) -> None:
    assert image(folder, f"{AWS}COPY . .\n{start}\n").handler == handler


def test_image_config_overrides_the_dockerfile(folder: Path) -> None:
    dockerfile = f"{AWS}COPY . .\n{CMD}"
    config = "ImageConfig: {Command: [app.main], WorkingDirectory: /var/task/shop, EntryPoint: [a]}"

    function = only(folder, dockerfile, config)

    assert (function.handler, function.code_uri) == ("app.main", folder / "context/shop")


STAGES = f"""
ARG VERSION=3.13
FROM python:${{VERSION}}-slim AS build
WORKDIR /function
COPY shop/ .
RUN pip install --target . --no-cache-dir "idna>=3" awslambdaric

FROM python:${{VERSION}}-slim AS production
COPY --from=build /function /function
WORKDIR /function
ENTRYPOINT ["python", "-m", "awslambdaric"]
{CMD}
FROM production AS other
CMD ["app.other"]
"""


def test_target_stage_is_served_or_the_last(folder: Path) -> None:
    last = only(folder, STAGES)
    chosen = only(
        folder,
        STAGES,
        metadata="DockerBuildTarget: production, DockerBuildArgs: {VERSION: '3.12'}",
    )

    assert (last.handler, last.runtime) == ("app.other", "python3.13")
    assert (chosen.handler, chosen.runtime) == ("app.handler", "python3.12")
    assert last.code_uri == chosen.code_uri == folder / "context/shop"
    assert [each.text for each in collect_requirements(last, folder)] == ["idna>=3\n"]


@pytest.mark.parametrize(
    ("runs", "texts"),
    [
        ("RUN pip install -r requirements.txt && pip install --upgrade pip", ["idna\n"]),
        ("RUN pip3 install -r /var/task/requirements.txt --target /var/task", ["idna\n"]),
        ("RUN python -m pip --quiet install -r requirements.txt 2>&1", ["idna\n"]),
        ("RUN if [ -f a ]; then pip install -r requirements.txt; fi", ["idna\n"]),
        (
            "RUN --mount=type=cache,target=/c uv pip install --system -r requirements.txt",
            ["idna\n"],
        ),
        ("RUN <<END\n# packages\npip install -r requirements.txt\nEND", ["idna\n"]),
        ("RUN pip install -r requirements.txt\nRUN pip install -r requirements.txt", ["idna\n"]),
        ("RUN pip install six 'idna[x]>=3' -t .", ["six\nidna[x]>=3\n"]),
        ("RUN pip install -r needs/all.txt", ["-r needs/all.txt\n"]),
        (
            "RUN pip install -r requirements.txt\nRUN pip install --extra-index-url https://a/ six",
            ["-r requirements.txt\n--extra-index-url https://a/\nsix\n"],
        ),
        ("COPY needs /tmp/needs\nRUN pip install -r /tmp/needs/all.txt", ["-r needs/all.txt\n"]),
        (
            f"RUN pip install --target /f awslambdaric\n{AWS}COPY . .\nCOPY --from=0 /f .",
            ["idna\n"],
        ),
        ("RUN mkdir -p /x && poetry install --only main", ["idna\n"]),
        (
            "RUN pip install -e . && pip uninstall -y six && pip install -f ./w --pre six",
            ["--pre\nsix\n", "idna\n"],
        ),
        ("RUN pip install git+https://a/b@v1#egg=b", ["git+https://a/b@v1#egg=b\n"]),
        # The project declares the packages.
        ("", ["idna\n"]),
        ("RUN pip install poetry && poetry install", ["idna\n"]),
        ("RUN pip install -r exported.txt", ["idna\n"]),
        ("RUN pip install six && uv sync", ["six\n", "idna\n"]),
    ],
)
def test_packages_of_run_are_required(runs: str, texts: list[str], folder: Path) -> None:
    function = only(folder, f"{AWS}COPY . .\n{runs}\n{CMD}")

    assert [each.text for each in collect_requirements(function, folder)] == texts
    assert function.image is not None
    assert function.image.notices == ()


def test_included_requirement_files_are_part_of_them(folder: Path) -> None:
    dockerfile = f"{AWS}COPY . .\nRUN pip install -r needs/all.txt\n{CMD}"
    function = only(folder, dockerfile)
    (needed,) = collect_requirements(function, folder)
    copy_requirements(needed, folder / "written")

    assert (folder / "written/needs/base.txt").read_text(encoding="utf-8") == "idna\n"
    assert (folder / "written/requirements.txt").read_text(encoding="utf-8") == needed.text
    assert folder / "context/needs/all.txt" in template(folder, dockerfile).files


def test_variables_of_the_image_have_local_paths(folder: Path) -> None:
    dockerfile = f"""{AWS}
ARG MODE=fast
ENV MODE=$MODE DATA=${{LAMBDA_TASK_ROOT}}/data.json PATH=/opt/bin:$PATH MODEL=/opt/model
ENV OLD old form
ENV PYTHONPATH="${{LAMBDA_TASK_ROOT}}:/var/task/lib" \\
    EMPTY=${{NOTHING:-}} ELSE=${{NOTHING:-other}} IF=${{MODE:+set}}
COPY shop .
COPY common /opt/model
{CMD}"""
    root = folder / "context/shop"

    assert image(folder, dockerfile).variables == {
        "MODE": "fast",
        "DATA": f"{root}/data.json",
        "MODEL": f"{folder}/context/common",
        "OLD": "old form",
        "PYTHONPATH": f"{root}:{root}/lib",
        "EMPTY": "",
        "ELSE": "other",
        "IF": "set",
    }


@pytest.mark.parametrize(
    ("base", "runtime"),
    [
        ("public.ecr.aws/lambda/python:3.13-arm64", "python3.13"),
        ("public.ecr.aws/lambda/python:3.11.2024.11.22.15", "python3.11"),
        ("public.ecr.aws/lambda/python:3.13@sha256:d9242e", "python3.13"),
        ("--platform=linux/amd64 amazon/aws-lambda-python:3.9", "python3.9"),
        ("public.ecr.aws/sam/build-python3.12", "python3.12"),
        ("registry.corp:5000/mirror/lambda/python:3.12-7", "python3.12"),
    ],
)
def test_runtime_is_read_from_the_base_image(base: str, runtime: str, folder: Path) -> None:
    function = only(folder, f"FROM {base}\nCOPY . /var/task\nWORKDIR /var/task\n{CMD}")

    assert function.runtime == runtime
    assert function.image is not None
    assert function.image.notices == ()


def test_packages_of_a_base_image_are_named_as_missing(folder: Path) -> None:
    base = "registry.corp:5000/base/python-lambda:3.12-7"
    function = only(folder, f"FROM {base}\nCOPY . .\n{CMD}")

    assert function.runtime == "python3.12"
    assert function.image is not None
    (notice,) = function.image.notices
    assert f"context/Dockerfile:1: the packages of {base} are missing locally" in notice


@pytest.mark.parametrize("base", ["corp/base:7", "public.ecr.aws/lambda/python:latest"])
def test_unknown_python_of_a_base_image_is_reported(base: str, folder: Path) -> None:
    function = only(folder, f"FROM {base}\nCOPY . .\n{CMD}")

    assert function.runtime == SERVICE_INTERPRETER.runtime
    assert function.image is not None
    notice = function.image.notices[0]
    assert f"context/Dockerfile:1: the Python version of {base} is unknown" in notice


def test_instructions_without_effect_are_reported(folder: Path) -> None:
    dockerfile = f"""FROM scratch AS one
{AWS}RUN dnf install -y gcc-c++ && dnf clean all
RUN mkdir -p /x && \\
    python -m nltk.downloader punkt
COPY --from=ghcr.io/astral-sh/uv:0.8 /uv /bin/uv
COPY dist ./dist
COPY shop/data.json /opt/data.json
COPY app.py .
COPY <<END /etc/a
a
END
COPY --from=one /b .
{CMD}"""

    first, used, second = image(folder, dockerfile).notices

    assert first == (
        f"{folder}/context/Dockerfile:3: not run locally: dnf install -y gcc-c++ (line 3),"
        " dnf clean all (line 3), python -m nltk.downloader punkt (line 4),"
        " COPY --from=ghcr.io/astral-sh/uv:0.8 /uv (line 6), COPY dist (line 7) and 2 more;"
        " install what the code needs of it yourself, and put the files that it makes beside the"
        " Dockerfile"
    )
    assert used == (
        f"{folder}/context/Dockerfile:4: its command is not run locally; needs beside the"
        " Dockerfile is used in place of what it makes"
    )
    data = folder / "context/shop/data.json"
    assert second.startswith(
        f"{folder}/context/Dockerfile:8: /opt/data.json exists only in the image;"
    )
    assert second.endswith(f"ln -s {data} /opt/data.json")


@pytest.mark.parametrize(
    ("dockerfile", "problem"),
    [
        ("", "context/Dockerfile:1: no FROM found; begin with FROM IMAGE"),
        ("COPY . .", "context/Dockerfile:1: COPY before any FROM; begin with FROM IMAGE"),
        ("ARG BASE\nFROM $BASE\n", "context/Dockerfile:2: FROM names no image; give its ARG a"),
        (f"{AWS}COPI . .\n", "context/Dockerfile:2: unknown instruction COPI; fix the name"),
        (f"{AWS}COPY 'a .\n", "context/Dockerfile:2: invalid COPY: No closing quotation"),
        (f"{AWS}RUN echo 'a\n", "context/Dockerfile:2: invalid RUN: No closing quotation"),
        (f"{AWS}COPY . .\n", "context/Dockerfile:1: no CMD found; write CMD"),
        (
            f"{AWS}COPY . .\nCMD ['app.handler']\n",
            'context/Dockerfile:3: the start command "/bin/sh -c',
        ),
        (
            f"{AWS}COPY . .\nCMD app.handler\n",
            "context/Dockerfile:3: the start command '/bin/sh -c",
        ),
        (
            f'{AWS}COPY . .\nCMD ["python", "app.py"]\n',
            "context/Dockerfile:3: the start command 'python",
        ),
        (f'{AWS}COPY . .\nCMD ["no.handler"]\n', "context/Dockerfile:3: the handler 'no.handler'"),
        (f"{AWS}{CMD}", "context/Dockerfile:2: the handler 'app.handler' is in no file"),
        (f"{AWS}COPY **a/ .\n{CMD}", "context/Dockerfile is invalid: Invalid pattern"),
        (f"{AWS}COPY {'a' * 300} .\n{CMD}", "context/Dockerfile is invalid: "),
        (
            f'{AWS}COPY --from=a/lambda-adapter:1 /a /opt/\nCMD ["uvicorn", "a:b"]',
            "its image is a web server; run 'uvicorn a:b' without Lambda",
        ),
        ("FROM public.ecr.aws/lambda/nodejs:22\n", "its base image is for nodejs; only Python 3"),
    ],
)
def test_invalid_dockerfile_is_refused_with_its_line(
    dockerfile: str, problem: str, folder: Path
) -> None:
    assert refusal(folder, dockerfile).startswith(problem)


def test_missing_target_or_dockerfile_is_refused(folder: Path) -> None:
    dockerfile = f"{AWS}COPY . .\n{CMD}"

    target = refusal(folder, dockerfile, metadata="DockerBuildTarget: other")
    assert target.startswith("context/Dockerfile: no stage is named 'other'")
    absent = refusal(folder, dockerfile, metadata="Dockerfile: Dockerfile.other")
    assert absent.startswith(
        "context/Dockerfile.other: No such file or directory; name another file"
    )


def test_handler_may_come_from_an_installed_package(folder: Path) -> None:
    dockerfile = f"""{AWS}COPY app.py .
RUN pip install datadog-lambda
CMD ["datadog_lambda.handler.handler"]
"""
    assert image(folder, dockerfile).handler == "datadog_lambda.handler.handler"


def test_unwritable_folder_of_links_is_refused(folder: Path) -> None:
    (folder / "build").touch()

    message = refusal(folder, f"{AWS}COPY shop .\nCOPY common ./common\n{CMD}")

    assert "the folder of links to its files cannot be written: " in message


def test_cdk_metadata_describes_the_image(folder: Path) -> None:
    resource = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"ImageUri": {"Fn::Sub": "${AWS::AccountId}.dkr.ecr.${AWS::Region}/a:b"}},
            "PackageType": "Image",
            "ImageConfig": {"Command": ["app.main"]},
        },
        "Metadata": {
            "aws:asset:path": "context",
            "aws:asset:dockerfile-path": "docker/Dockerfile",
            "aws:asset:docker-build-args": {"AT": "shop"},
            "aws:asset:docker-build-target": "one",
            "aws:asset:property": "Code.ImageUri",
        },
    }
    files = {
        "stack.template.json": json.dumps({"Resources": {"Work0A1B": resource}}),
        "context/docker/Dockerfile": f"{AWS.strip()} AS one\nARG AT\nCOPY $AT .\nFROM scratch\n",
    }
    write_project(folder, files)

    found = read_template(folder / "stack.template.json", {})

    assert found.files == (folder / "context/docker/Dockerfile",)
    (function,) = found.functions
    assert (function.handler, function.code_uri) == ("app.main", folder / "context/shop")


def test_image_of_a_cdk_app_runs_from_its_source(folder: Path) -> None:
    write_project(folder, {"shop/Dockerfile": f"{AWS}COPY . .\n{CMD}", "shop/app.py": "one = 1\n"})
    resource = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Code": {"ImageUri": "a:b"}, "PackageType": "Image"},
        "Metadata": {"aws:asset:path": "asset.1", "aws:asset:dockerfile-path": "Dockerfile"},
    }
    synthesize(folder, Stack={"Shop1A2B3C4D": resource})
    stage(folder, "shop", "1")

    (function,) = read_template(folder / "cdk.out/Stack.template.json", {}).functions

    assert function.code_uri == folder / "shop"
    assert function.image is not None
    assert folder / "shop/Dockerfile" in function.image.files


def test_invalid_image_is_skipped_and_watched(folder: Path) -> None:
    other = "  Other: {Type: AWS::Serverless::Function, Properties: {PackageType: Image}}\n"
    text = FUNCTION.format(properties="", metadata="") + other
    good = "    Metadata: {DockerContext: shop}\n"
    third = other.replace("Other: {", "Third:\n    ").replace(", Prop", "\n    Prop")
    third = third.replace("}}\n", "}\n") + good
    files = {
        "template.yaml": text + third.replace("shop", "context/shop"),
        "context/Dockerfile": f"{AWS}CMD none\n",
        "context/shop/Dockerfile": f"{AWS}COPY . .\n{CMD}",
    }
    write_project(folder, files)

    found = read_template(folder / "template.yaml", {})

    assert [each.name for each in found.functions] == ["Third"]
    assert [each.logical_id for each in found.skipped] == ["Work", "Other"]
    assert "Metadata: {DockerContext: FOLDER}" in found.skipped[1].reason
    assert folder / "context/Dockerfile" in found.files


def test_docker_context_can_be_overridden(folder: Path) -> None:
    image = "Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: a:b}"
    files = {
        "template.yaml": f"Resources: {{Work: {{{image}}}}}",
        "context/Dockerfile": f"{AWS}COPY . .\n{CMD}",
    }
    write_project(folder, files)

    (function,) = read_template(
        folder / "template.yaml", {"Work.DockerContext": "context"}
    ).functions

    assert function.code_uri == folder / "context"


def test_missing_docker_context_is_refused(folder: Path) -> None:
    text = FUNCTION.format(properties="", metadata="").replace("context,", "nowhere,")
    write_project(folder, {"template.yaml": text})

    with pytest.raises(TemplateError, match=r"template.yaml:6: DockerContext is 'nowhere'"):
        read_template(folder / "template.yaml", {})


def test_code_of_several_folders_needs_a_build_folder(
    folder: Path,
) -> None:
    template(folder, f"{AWS}COPY shop .\nCOPY common ./common\n{CMD}")

    with pytest.raises(TemplateError, match="its code comes from several folders"):
        read_template(folder / "template.yaml", {})


def test_dockerfile_without_a_function_is_explained(folder: Path) -> None:
    write_project(folder, {"Dockerfile": 'FROM python:3.12\nCMD ["gunicorn", "app"]\n'})

    with pytest.raises(TemplateError) as refused:
        default_template(folder)

    message = str(refused.value)
    assert "no template.yaml found, and the Dockerfile does not define a function: " in message
    assert f"{folder}/Dockerfile:2: the start command 'gunicorn app' names no handler" in message
    (folder / "serverless.yml").touch()
    with pytest.raises(TemplateError, match="Serverless Framework is not supported"):
        default_template(folder)
    (folder / "lambda_function.py").touch()
    assert default_template(folder).functions[0].handler == "lambda_function.lambda_handler"


def test_function_with_its_own_dockerfile_is_not_repackaged(folder: Path) -> None:
    template(folder, f"{AWS}COPY . .\n{CMD}")

    with pytest.raises(ImageContextError, match=r"Work has its own Dockerfile: build "):
        write_function(folder, folder / "image")
