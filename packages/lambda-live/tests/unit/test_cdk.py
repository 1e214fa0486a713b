"""A CDK app, served by what `cdk synth` has written."""

import json
import shutil
from pathlib import Path

import pytest

from lambda_live.cli.describe import main as describe
from lambda_live.dependencies.requirements import find_requirements
from lambda_live.model.template import FunctionSpec, Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.discovery import candidate_files, find_template
from lambda_live.project.template.reader import read_template
from support.cdk import function, stage, synthesize
from support.project import write_project

CODE = "import words\n\ndef handler(event, context):\n    return words.GREETING\n"
EDITED = CODE.replace("return", "return 2 *")
OTHER = "import json\n\ndef other(event, _):\n    print(event)\n    return json.dumps(event)\n"


def served(app: Path) -> Template:
    template = find_template(app)
    assert template
    return read_template(template, {})


def only(app: Path) -> FunctionSpec:
    (found,) = served(app).functions
    return found


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app of two functions with modules of the same name."""
    write_project(tmp_path, {"greeter/index.py": CODE, "greeter/words.py": "GREETING = 'hello'\n"})
    write_project(tmp_path, {"other/index.py": OTHER})
    synthesize(tmp_path, Stack={"Greeter1A2B3C4D": function("1")})
    stage(tmp_path, "greeter", "1")
    return tmp_path


def test_a_function_of_an_app_runs_from_where_it_is_edited(app: Path) -> None:
    assert only(app).code_uri == app / "greeter"


def test_that_is_the_most_alike_folder_after_edits(app: Path) -> None:
    write_project(
        app, {"greeter/index.py": EDITED, "greeter/words.py": "GREETING = 'good morning'\n"}
    )
    assert only(app).code_uri == app / "greeter"
    assert served(app).notices == ()


def test_it_is_called_as_in_the_app(app: Path) -> None:
    assert only(app).name == "Greeter"


def test_functions_that_are_called_alike_in_the_app_keep_their_logical_ids(app: Path) -> None:
    both = {
        "HandlerA": function("1", "Stack/A/Handler"),
        "HandlerB": function("1", "Stack/B/Handler"),
    }
    synthesize(app, Stack=both)
    assert [each.name for each in served(app).functions] == ["HandlerA", "HandlerB"]


def test_the_code_may_be_elsewhere_in_the_repository_than_the_app(app: Path) -> None:
    (app / ".git").mkdir()
    infrastructure = app / "infrastructure"
    infrastructure.mkdir()
    shutil.move(app / "cdk.json", infrastructure)
    shutil.move(app / "cdk.out", infrastructure)
    assert only(infrastructure).code_uri == app / "greeter"


def test_what_is_nowhere_else_is_run_as_it_was_copied_and_that_is_told(app: Path) -> None:
    shutil.rmtree(app / "greeter")
    assert only(app).code_uri == app / "cdk.out/asset.1"
    (notice,) = served(app).notices
    assert "no folder here is like it: a save counts after the next `cdk synth`" in notice


def test_folders_that_are_alike_are_named(app: Path) -> None:
    shutil.copytree(app / "greeter", app / "twin")
    assert only(app).code_uri == app / "cdk.out/asset.1"
    (notice,) = served(app).notices
    assert f"{app / 'greeter'} and {app / 'twin'} are alike" in notice


@pytest.mark.parametrize("folder", [".cache/copy", "node_modules/copy", "venv/copy"])
def test_a_copy_where_nobody_edits_does_not_count(app: Path, folder: str) -> None:
    write_project(app, {"venv/pyvenv.cfg": ""})
    shutil.copytree(app / "greeter", app / folder)
    assert only(app).code_uri == app / "greeter"


def test_what_is_bundled_brings_its_packages_and_is_edited_elsewhere(app: Path) -> None:
    write_project(app, {"cdk.out/asset.1/requests/__init__.py": ""})
    metadata: dict[str, object] = {"aws:asset:is-bundled": True}
    synthesize(app, Stack={"Greeter": function("1", "Stack/Greeter", **metadata)})
    assert only(app).code_uri == app / "greeter"
    assert only(app).cdk_bundle == app / "cdk.out/asset.1"


def test_without_staging_it_is_where_the_template_says(app: Path) -> None:
    metadata: dict[str, object] = {"aws:asset:path": str(app / "other")}
    synthesize(app, Stack={"Greeter": function("1", "Stack/Greeter", **metadata)})
    assert only(app).code_uri == app / "other"
    assert served(app).notices == ()


def test_the_modules_of_a_layer_are_edited_where_they_are(app: Path) -> None:
    write_project(app, {"shared/python/common.py": "X = 1\n"})
    layer = {
        "Type": "AWS::Lambda::LayerVersion",
        "Properties": {"Content": {"S3Bucket": "assets", "S3Key": "2.zip"}},
        "Metadata": {"aws:asset:path": "asset.2", "aws:asset:is-bundled": False},
    }
    user = function("1")
    user["Properties"] |= {"Layers": [{"Ref": "Shared"}]}  # type: ignore[operator]  # it is a dict
    synthesize(app, Stack={"Greeter": user, "Shared": layer})
    stage(app, "shared", "2")
    assert [each.content for each in only(app).layers] == [app / "shared"]


def test_the_output_may_be_called_otherwise_and_a_stage_has_a_folder_of_its_own(app: Path) -> None:
    write_project(app, {"cdk.json": json.dumps({"output": "build/cdk"})})
    stage_of = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
    shutil.move(app / "cdk.out", app / "build/cdk/assembly-Prod")
    manifest = {"artifacts": {"assembly-Prod": stage_of}}
    write_project(app / "build/cdk", {"cdk.out": "{}", "manifest.json": json.dumps(manifest)})
    assert only(app).code_uri == app / "greeter"


def test_a_template_that_is_written_by_hand_comes_first(app: Path) -> None:
    write_project(app, {"template.yaml": "Resources: {}"})
    assert find_template(app) == app / "template.yaml"


def test_functions_that_cdk_adds_come_last(app: Path) -> None:
    singleton = f"BucketNotificationsHandler{'050a0587' * 4}"
    added = function("1", f"Stack/{singleton}")
    synthesize(app, Stack={"Added": added, "Greeter": function("1")})
    assert [each.name for each in served(app).functions] == ["Greeter", singleton]


def test_what_the_app_requires_is_not_for_its_functions(app: Path) -> None:
    requires = '[project]\nname = "app"\ndependencies = ["aws-cdk-lib"]\n'
    write_project(app, {"pyproject.toml": requires})
    assert find_requirements(app / "greeter", app) is None
    write_project(app, {"greeter/pyproject.toml": requires.replace("aws-cdk-lib", "attrs")})
    own = find_requirements(app / "greeter", app)
    assert own
    assert own.text == "attrs\n"


def test_stacks_without_functions_in_python_do_not_count(app: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket"}
    javascript = {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs22.x"}}
    synthesize(app, Storage={"B": bucket}, Web={"W": javascript}, Stack={"G": function("1")})
    assert find_template(app) == app / "cdk.out/Stack.template.json"


def test_the_functions_of_several_stacks_are_served_together(app: Path) -> None:
    synthesize(app, One={"G": function("1", "One/Greeter")}, Two={"O": function("1", "Two/Other")})
    assert [each.name for each in served(app).functions] == ["Greeter", "Other"]


def test_functions_of_the_same_name_are_called_by_their_stacks(app: Path) -> None:
    synthesize(
        app, One={"G": function("1", "One/Greeter")}, Two={"G": function("1", "Two/Greeter")}
    )
    assert [each.name for each in served(app).functions] == ["One-Greeter", "Two-Greeter"]
    manifest = json.loads((app / "cdk.out/manifest.json").read_text())
    manifest["artifacts"]["Two"]["properties"]["stackName"] = "Second"
    write_project(app, {"cdk.out/manifest.json": json.dumps(manifest)})
    assert [each.name for each in served(app).functions] == ["One-Greeter", "Second-Greeter"]


def test_what_one_stack_exports_another_imports(app: Path) -> None:
    table = {"T": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "orders"}}}
    user = function("1")
    imported = {"Variables": {"TABLE": {"Fn::ImportValue": "Data:ExportsOutputRefT"}}}
    user["Properties"] |= {"Environment": imported}  # type: ignore[operator]  # it is a dict
    synthesize(app, Code={"G": user}, More={"O": function("1", "More/Other")}, Data=table)
    exported = {"Value": {"Ref": "T"}, "Export": {"Name": "Data:ExportsOutputRefT"}}
    data = {"Resources": table, "Outputs": {"ExportsOutputRefT": exported}}
    write_project(app / "cdk.out", {"Data.template.json": json.dumps(data)})
    assert served(app).functions[0].environment == {"TABLE": "orders"}
    assert served(app).notices == ()


def test_of_stages_the_first_is_served(app: Path) -> None:
    metadata: dict[str, object] = {"aws:asset:path": "../asset.1"}
    for name in ("Dev", "Prod"):
        greeter = function("1", f"{name}/Stack/{name}", **metadata)
        synthesize(app, f"cdk.out/assembly-{name}", Stack={"G": greeter})
    stages = {
        name: {
            "type": "cdk:cloud-assembly",
            "properties": {"directoryName": f"assembly-{name}"},
        }
        for name in ("Dev", "Prod")
    }
    write_project(
        app, {"cdk.json": "{}", "cdk.out/manifest.json": json.dumps({"artifacts": stages})}
    )
    assert [each.name for each in served(app).functions] == ["Dev"]


def test_who_builds_images_takes_the_whole_assembly(
    app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(app)
    describe([])
    described = json.loads(capsys.readouterr().out)
    assert described["functions"][0]["folders"] == ["greeter"]
    assert {"cdk.json", "cdk.out"} <= set(described["files"])


def test_a_link_to_nowhere_beside_the_code_is_no_code(app: Path) -> None:
    (app / "greeter/words.py").unlink()
    (app / "greeter/words.py").symlink_to("nowhere.py")
    assert only(app).code_uri == app / "greeter"


def test_an_assembly_that_is_said_to_be_in_itself_is_not_followed(app: Path) -> None:
    itself = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}}
    manifest = json.loads((app / "cdk.out/manifest.json").read_text())
    manifest["artifacts"] = {"Itself": itself, **manifest["artifacts"]}
    write_project(app, {"cdk.out/manifest.json": json.dumps(manifest)})
    assert find_template(app) == app / "cdk.out/Stack.template.json"


def refused(app: Path) -> str:
    with pytest.raises(TemplateError) as error:
        find_template(app)
    return str(error.value)


def test_an_app_that_was_not_synthesized_says_what_to_do(app: Path) -> None:
    shutil.rmtree(app / "cdk.out")
    assert "run `cdk synth` first" in refused(app)


def test_an_app_without_functions_in_python_says_so(app: Path) -> None:
    synthesize(app, Stack={"B": {"Type": "AWS::S3::Bucket"}})
    assert "none of its stacks has a function in Python" in refused(app)


@pytest.mark.parametrize(
    "name", ["cdk.json", "cdk.out/manifest.json", "cdk.out/Stack.template.json"]
)
def test_a_file_that_is_no_json_is_named(app: Path, name: str) -> None:
    write_project(app, {name: "{"})
    assert f"{app / name}: it is no JSON" in refused(app)


def test_a_template_that_the_manifest_names_and_is_gone_is_named(app: Path) -> None:
    (app / "cdk.out/Stack.template.json").unlink()
    assert "Stack.template.json: No such file" in refused(app)


def test_all_that_says_what_is_served_is_watched(app: Path) -> None:
    names = [each.relative_to(app).as_posix() for each in candidate_files(app)]
    assert names[-3:] == ["cdk.json", "cdk.out/manifest.json", "cdk.out/Stack.template.json"]


def test_functions_in_nested_stacks_alone_are_found_and_called_as_in_the_app(app: Path) -> None:
    def nested(name: str) -> dict[str, object]:
        metadata = {
            "aws:cdk:path": f"Stack/{name}.NestedStack/{name}.NestedStackResource",
            "aws:asset:path": "Nested.nested.template.json",
            "aws:asset:property": "TemplateURL",
        }
        return {"Type": "AWS::CloudFormation::Stack", "Properties": {}, "Metadata": metadata}

    resources = {"Resources": {"Greeter1A2B3C4D": function("1", "Stack/A/Greeter")}}
    synthesize(app, Stack={"ANestedStackA1": nested("A"), "BNestedStackB2": nested("B")})
    write_project(app, {"cdk.out/Nested.nested.template.json": json.dumps(resources)})

    assert [each.name for each in served(app).functions] == ["A-Greeter", "B-Greeter"]
    assert served(app).functions[0].code_uri == app / "greeter"
    assert [file.name for file in served(app).files] == ["Nested.nested.template.json"]
