"""Nested stacks, followed like `sam build` and CDK do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lambda_live.model.template import FunctionSpec, Template
from lambda_live.project.template.reader import read_template
from support.documents import template_error

type Write = Callable[..., Path]

WORK = """
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.12
"""
CHILD = f"""
Parameters:
  Stage: {{Type: String, Default: prod}}
  Names: {{Type: CommaDelimitedList, Default: "a, z"}}
Resources: {WORK}
      Environment:
        Variables: {{STAGE: !Ref Stage, LAST: !Select [1, !Ref Names], IN: !Ref AWS::StackName}}
      Events: {{Get: {{Type: Api, Properties: {{Path: /, Method: get}}}}}}
  Table: {{Type: AWS::DynamoDB::Table}}
Outputs:
  Name: {{Value: !Ref Work}}
  Arn: {{Value: !GetAtt Work.Arn}}
  Stream: {{Value: !GetAtt Table.TableId}}
"""
NESTED = "  Child: {Type: AWS::Serverless::Application, Properties: {Location: child/child.yaml}}\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, file: str = "template.yaml") -> Path:
        path = tmp_path / file
        (path.parent / "code").mkdir(parents=True, exist_ok=True)
        (path.parent / "code/app.py").touch()
        path.write_text(text, encoding="utf-8")
        return path

    return write


def functions(path: Path, **overrides: str) -> dict[str, FunctionSpec]:
    template = read_template(
        path, {name.replace("__", "/"): text for name, text in overrides.items()}
    )
    return {each.name: each for each in template.functions}


def refusal(path: Path) -> str:
    return str(template_error(path)).removeprefix(f"{path.parent}/")


def skipped(template: Template) -> dict[str, str]:
    return {each.logical_id: each.reason for each in template.skipped}


def test_nested_functions_get_the_parameters_of_the_parent(write: Write, tmp_path: Path) -> None:
    write(CHILD, "child/child.yaml")
    parent = f"""
Resources:
  Own: {{Type: AWS::S3::Bucket}}
  Child:
    Type: AWS::Serverless::Application
    Properties:
      Location: child/child.yaml
      Parameters: {{Stage: !Sub "${{AWS::Region}}-${{Own}}", Names: "a, b"}}
{WORK.replace("Work", "Other")}
      Environment:
        Variables: {{CHILD: !GetAtt Child.Outputs.Name, ARN: !Sub "${{Child.Outputs.Arn}}"}}
"""
    found = functions(write(parent))

    assert list(found) == ["Other", "Work"]
    assert found["Work"].code_uri == tmp_path / "child/code"
    assert found["Work"].environment == {
        "STAGE": "us-east-1-own",
        "LAST": "b",
        "IN": "local-Child",
    }
    assert found["Other"].environment == {
        "CHILD": "Work",
        "ARN": "arn:aws:lambda:us-east-1:123456789012:function:Work",
    }


def test_ambiguous_name_is_replaced_by_the_stack_path(write: Write) -> None:
    write(CHILD.replace("/child", "/"), "child/child.yaml")
    deep = NESTED.replace("Child", "Deep").replace("child/", "")
    write(f"Resources:\n{deep}", "child/middle.yaml")
    outer = NESTED.replace("Child", "Outer").replace("child.yaml", "middle.yaml")
    variables = "      Environment: {Variables: {OTHER: !GetAtt Child.Outputs.Name}}\n"
    path = write(f"Resources: {WORK}{variables}{NESTED}{outer}")
    template = read_template(path, {})
    names = {each.name: each for each in template.functions}

    assert list(names) == ["Work", "Child-Work", "Outer-Deep-Work"]
    assert names["Work"].environment == {"OTHER": "Child-Work"}
    assert [each.api for each in names["Outer-Deep-Work"].routes] == [
        "Outer-Deep-ServerlessRestApi"
    ]
    assert [notice.removeprefix(str(path.parent)) for notice in template.notices[:2]] == [
        f"/child/child.yaml:6: {full} is served as {name}, because Work is not unique;"
        " set FunctionName to choose another name"
        for full, name in (("Child/Work", "Child-Work"), ("Outer/Deep/Work", "Outer-Deep-Work"))
    ]
    assert [file.name for file in template.files] == ["child.yaml", "middle.yaml"]


def test_duplicate_function_name_of_two_stacks_is_refused(write: Write) -> None:
    named = WORK + "      FunctionName: same\n"
    write(f"Resources: {named}", "child/child.yaml")

    assert refusal(write(f"Resources: {named}{NESTED}")) == (
        "child/child.yaml:2: Work and Child/Work have the same name, same;"
        " give each a unique FunctionName"
    )


def test_outputs_of_a_later_stack_are_resolved(write: Write) -> None:
    write(CHILD, "child/child.yaml")
    first = NESTED.replace(
        "child.yaml", "child.yaml, Parameters: {Stage: !GetAtt Last.Outputs.Arn}"
    )
    path = write(f"Resources:\n{first}{NESTED.replace('Child', 'Last')}")

    arn = "arn:aws:lambda:us-east-1:123456789012:function:Last-Work"
    assert (functions(path)["Child-Work"].environment or {})["STAGE"] == arn


def test_override_of_a_nested_stack_begins_with_its_name(write: Write) -> None:
    write(CHILD, "child/child.yaml")
    variables = "      Environment: {Variables: {STREAM: !GetAtt Child.Outputs.Stream}}\n"
    path = write(f"Resources: {WORK.replace('Work', 'Own')}{variables}{NESTED}")
    configured = read_template(path, {"Child/Table.TableId": "arn:stream", "Child/Stage": "here"})

    (notice,) = read_template(path, {}).notices
    assert notice.endswith(
        "is only known after deployment; set it with --parameter Child/Table.TableId=VALUE"
    )
    assert configured.functions[0].environment == {"STREAM": "arn:stream"}
    assert (configured.functions[1].environment or {})["STAGE"] == "here"


@pytest.mark.parametrize("key", ["LayerName: shared, ContentUri", "ContentUri"])
def test_function_uses_the_layer_of_another_stack(key: str, write: Write, tmp_path: Path) -> None:
    layer = f"  Shared: {{Type: AWS::Serverless::LayerVersion, Properties: {{{key}: code}}}}\n"
    layers = "      Layers: [!Ref Layer]\n"
    write(f"Parameters: {{Layer: {{Type: String}}}}\nResources: {WORK}{layers}", "child/child.yaml")
    write(f"Resources:\n{layer}Outputs: {{Arn: {{Value: !Ref Shared}}}}\n", "deep/layer.yaml")
    deep = NESTED.replace("Child", "Deep").replace("child/child", "deep/layer")
    down = NESTED.replace("child.yaml", "child.yaml, Parameters: {Layer: !Ref Shared}")
    across = NESTED.replace("Child", "Far").replace(
        "child.yaml", "child.yaml, Parameters: {Layer: !GetAtt Deep.Outputs.Arn}"
    )
    found = functions(write(f"Resources:\n{layer}{deep}{down}{across}"))

    assert [[each.content for each in function.layers] for function in found.values()] == [
        [tmp_path / "code"],
        [tmp_path / "deep/code"],
    ]


def test_nested_stack_of_cdk_is_found_by_its_asset(write: Write) -> None:
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Handler": "app.handler", "Runtime": "python3.12", "Code": {"S3Bucket": 1}},
        "Metadata": {"aws:asset:path": "code"},
    }
    url = {"Fn::Join": ["", ["https://s3.", {"Ref": "AWS::Region"}, ".amazonaws.com/a"]]}
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": url},
        "Metadata": {"aws:asset:path": "nested.template.json"},
    }
    write(json.dumps({"Resources": {"Work": function}}), "nested.template.json")

    assert list(functions(write(json.dumps({"Resources": {"Child": nested}})))) == ["Work"]


def test_packaged_nested_template_is_replaced_by_its_source(write: Write, tmp_path: Path) -> None:
    write(f"Resources: {WORK}", "child/template.yml")
    packaged = NESTED.replace("child/child.yaml", "./child/.aws-sam/packaged.yaml")
    path = write(f"Resources:\n{packaged}")

    assert functions(path)["Work"].code_uri == tmp_path / "child/code"
    write(f"Resources: {WORK.replace('code', 's3://code/zip')}", "child/.aws-sam/packaged.yaml")
    assert functions(path)["Work"].code_uri == tmp_path / "child/code"


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        (
            "AWS::Serverless::Application, Properties: {Location: {ApplicationId: arn:app}}",
            "its template is in the Serverless Application Repository (arn:app); name a local",
        ),
        (
            "AWS::Serverless::Application, Properties: {Location: s3://a/b.yaml}",
            "its template is in S3 (s3://a/b.yaml); use the template before packaging",
        ),
        (
            "AWS::CloudFormation::Stack, Properties: {TemplateURL: !Sub 'https://${B}/b'}",
            "its template is in S3 (https://B/b); use the template before packaging",
        ),
        (
            "AWS::CloudFormation::Stack, Properties: {TemplateURL: !Ref Url}",
            "its TemplateURL is unknown: Url is not defined in the template; set",
        ),
    ],
)
def test_remote_nested_stack_is_skipped(child: str, reason: str, write: Write) -> None:
    template = read_template(write(f"Resources: {WORK}  Child: {{Type: {child}}}\n"), {})

    assert skipped(template)["Child"].startswith(reason)
    assert [each.name for each in template.functions] == ["Work"]


def test_skipped_function_is_named_with_its_stack(write: Write) -> None:
    java = WORK.replace("python3.12", "java21").replace("Work", "Brew")
    write(f"Resources: {java}", "child/child.yaml")

    assert skipped(read_template(write(f"Resources: {WORK}{NESTED}"), {})) == {
        "Child/Brew": "its Runtime is java21; only Python 3 functions are supported"
    }
    assert refusal(write(f"Resources:\n{NESTED}")).startswith(
        "child/child.yaml:2: no function can run locally; Child/Brew: its Runtime"
    )


@pytest.mark.parametrize(
    ("child", "error"),
    [
        ("Resources: [", "child/child.yaml:2: invalid YAML"),
        ("a: b", "child/child.yaml:1: the template has no Resources"),
        (f"Resources: {WORK}      Timeout: much", "child/child.yaml:8: invalid Timeout 'much'"),
        (f"Resources:\n{NESTED.replace('child/', '')}", "child/child.yaml:2: Child is nested in"),
        (
            f"Resources:\n{NESTED.replace('child/child', '../template')}",
            "child/child.yaml:2: Child is nested in itself through template.yaml; name another",
        ),
        (
            f"Resources:\n{NESTED.replace('child/child', 'gone')}",
            "child/child.yaml:2: Location is 'gone.yaml', but ",
        ),
        (
            "Resources: {A: {Type: AWS::CloudFormation::Stack, Properties: {}}}",
            "child/child.yaml:1: A has no TemplateURL; name its template",
        ),
    ],
)
def test_invalid_nested_template_is_skipped_with_its_own_line(
    child: str, error: str, write: Write
) -> None:
    write(child, "child/child.yaml")
    path = write(f"Resources: {WORK}{NESTED}")

    template = read_template(path, {})

    assert [each.logical_id for each in template.functions] == ["Work"]
    (found,) = (str(each.error) for each in template.skipped)
    assert found.removeprefix(f"{path.parent}/").startswith(error)


def test_depth_and_number_of_nested_stacks_are_limited(write: Write) -> None:
    for depth in range(11):
        write(f"Resources:\n{NESTED.replace('child/child', f'{depth + 1}')}", f"{depth}.yaml")
    path = write(f"Resources: {WORK}", "11.yaml").with_name("0.yaml")

    assert refusal(path).startswith("10.yaml:2: Child is nested more than 10 levels deep")
    assert list(functions(path.with_name("1.yaml"))) == ["Work"]

    write(f"Resources: {WORK}", "child/child.yaml")
    many = "".join(NESTED.replace("Child", f"Child{each}") for each in range(501))
    assert refusal(write(f"Resources:\n{many}")).startswith("child/child.yaml:1: there are more")


def test_output_cycle_and_unknown_parameter_are_reported(write: Write) -> None:
    write(CHILD, "child/child.yaml")
    extra = NESTED.replace("child.yaml", "child.yaml, Parameters: {Sage: a}")
    assert read_template(path := write(f"Resources:\n{extra}"), {}).notices == (
        f"{path}:2: child.yaml has no parameter Sage; remove it, because AWS rejects the template",
    )

    write(CHILD.replace("Value: !Ref Work", "Value: !Ref Stage"), "child/child.yaml")
    one, two = (
        NESTED.replace("Child", name).replace(
            "child.yaml", f"child.yaml, Parameters: {{Stage: !GetAtt {other}.Outputs.Name}}"
        )
        for name, other in (("One", "Two"), ("Two", "One"))
    )
    assert "refers to itself; remove the cycle" in refusal(write(f"Resources:\n{one}{two}"))


def test_inline_code_of_a_template_nested_twice_is_separate(write: Write, tmp_path: Path) -> None:
    inline = "Handler: index.a, Runtime: python3.12, InlineCode: !Sub 'a = \"${Stage}\"'"
    child = f"Resources: {{Work: {{Type: AWS::Serverless::Function, Properties: {{{inline}}}}}}}"
    write(f"Parameters: {{Stage: {{Type: String}}}}\n{child}", "child/child.yaml")
    two = (
        NESTED.replace("Child", name).replace(
            "child.yaml", f"child.yaml, Parameters: {{Stage: {name}}}"
        )
        for name in ("One", "Two")
    )
    template = read_template(
        write(f"Resources:\n{''.join(two)}"), {}, build_dir=tmp_path / "inline"
    )

    texts = [(each.code_uri / "index.py").read_text() for each in template.functions]
    assert texts == ['a = "One"', 'a = "Two"']


def test_import_resolves_the_export_of_another_stack(write: Write) -> None:
    export = "Export: {Name: !Sub '${AWS::Region}-arn'}"
    write(CHILD.replace("Work.Arn", f"Work.Arn, {export}"), "child/child.yaml")
    variables = "      Environment: {Variables: {ARN: !ImportValue us-east-1-arn}}\n"
    found = read_template(write(f"Resources: {WORK.replace('Work', 'Own')}{variables}{NESTED}"), {})

    arn = "arn:aws:lambda:us-east-1:123456789012:function:Work"
    assert found.functions[0].environment == {"ARN": arn}
    assert found.notices == ()


def test_equal_routes_of_two_stacks_are_reported(write: Write) -> None:
    write(CHILD, "child/child.yaml")
    path = write(f"Resources:\n{NESTED.replace('Child', 'One')}{NESTED.replace('Child', 'Two')}")

    assert read_template(path, {}).notices[-1] == (
        f"{path.parent}/child/child.yaml:6: One-ServerlessRestApi and Two-ServerlessRestApi have"
        " the same routes, and the first one serves them (GET /); invoke the functions of"
        " Two-ServerlessRestApi by name"
    )
