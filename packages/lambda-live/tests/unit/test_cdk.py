"""CDK apps, read from the output of `cdk synth`."""

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
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an app with two functions whose modules have the same name."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    write_project(tmp_path, {"greeter/index.py": CODE, "greeter/words.py": "GREETING = 'hello'\n"})
    write_project(tmp_path, {"other/index.py": OTHER})
    synthesize(tmp_path, Stack={"Greeter1A2B3C4D": function("1")})
    stage(tmp_path, "greeter", "1")
    return tmp_path


def test_function_runs_from_its_source(app: Path) -> None:
    assert only(app).code_uri == app / "greeter"


def test_function_without_metadata_is_found_by_its_s3_key(app: Path) -> None:
    template = app / "cdk.out/Stack.template.json"
    document = json.loads(template.read_text())
    for each in document["Resources"].values():
        each.pop("Metadata", None)
        each["Properties"]["Code"] = {"S3Bucket": "assets", "S3Key": "0123abcd.zip"}
    template.write_text(json.dumps(document))
    files = {"0123abcd": {"source": {"path": "asset.1", "packaging": "zip"}}}
    (app / "cdk.out/Stack.assets.json").write_text(json.dumps({"files": files}))

    assert only(app).code_uri == app / "greeter"


def test_source_is_still_known_after_edits(app: Path) -> None:
    only(app)
    write_project(
        app, {"greeter/index.py": EDITED, "greeter/words.py": "GREETING = 'good morning'\n"}
    )
    assert only(app).code_uri == app / "greeter"
    assert served(app).notices == ()


def test_similar_folder_is_not_the_source(app: Path) -> None:
    write_project(app, {"greeter/index.py": EDITED})
    assert only(app).code_uri == app / "cdk.out/asset.1"
    (notice,) = served(app).notices
    assert notice == (
        f"{app}/cdk.out/Stack.template.json:1: Greeter runs the copy in {app}/cdk.out/asset.1,"
        " because no folder matches it; run `cdk synth` after each save, or name its source with"
        " --parameter Greeter.Code=FOLDER"
    )


def test_folder_with_more_files_is_the_source_if_no_other_matches(app: Path) -> None:
    write_project(app, {"greeter/test_index.py": ""})  # as an asset that excludes tests
    assert only(app).code_uri == app / "greeter"
    shutil.copytree(app / "cdk.out/asset.1", app / "copy")
    shutil.rmtree(app / ".cache")
    assert only(app).code_uri == app / "copy"


def test_source_can_be_named(app: Path) -> None:
    write_project(app, {"greeter/index.py": EDITED})
    template = app / "cdk.out/Stack.template.json"
    for name in ("Greeter", "Greeter1A2B3C4D"):
        found = read_template(template, {f"{name}.Code": "greeter"})
        assert [each.code_uri for each in found.functions] == [app / "greeter"]
        assert found.notices == ()
    with pytest.raises(TemplateError, match=r"Greeter\.Code is 'gone', but .* is not a folder"):
        read_template(template, {"Greeter.Code": "gone"})


def test_function_has_its_construct_id(app: Path) -> None:
    assert only(app).name == "Greeter"


def test_functions_with_equal_construct_ids_keep_logical_ids(app: Path) -> None:
    both = {
        "HandlerA": function("1", "Stack/A/Handler"),
        "HandlerB": function("1", "Stack/B/Handler"),
    }
    synthesize(app, Stack=both)
    assert [each.name for each in served(app).functions] == ["HandlerA", "HandlerB"]


def test_source_is_found_in_the_repository_of_the_app(app: Path) -> None:
    (app / ".git").mkdir()
    infrastructure = app / "infrastructure"
    infrastructure.mkdir()
    shutil.move(app / "cdk.json", infrastructure)
    shutil.move(app / "cdk.out", infrastructure)
    assert only(infrastructure).code_uri == app / "greeter"


def test_asset_without_a_source_runs_the_copy(app: Path) -> None:
    shutil.rmtree(app / "greeter")
    assert only(app).code_uri == app / "cdk.out/asset.1"
    (notice,) = served(app).notices
    assert "because no folder matches it; run `cdk synth` after each save" in notice


def test_asset_with_two_equal_sources_runs_the_copy(app: Path) -> None:
    shutil.copytree(app / "greeter", app / "twin")
    assert only(app).code_uri == app / "cdk.out/asset.1"
    (notice,) = served(app).notices
    assert f"because {app / 'greeter'} and {app / 'twin'} match it" in notice


@pytest.mark.parametrize("folder", [".cache/copy", "node_modules/copy", "venv/copy"])
def test_copy_in_a_tool_folder_is_ignored(app: Path, folder: str) -> None:
    write_project(app, {"venv/pyvenv.cfg": ""})
    shutil.copytree(app / "greeter", app / folder)
    assert only(app).code_uri == app / "greeter"


def test_bundled_asset_has_a_source_and_packages(app: Path) -> None:
    record = "requests/__init__.py,sha256=,0\n"
    asset = {"requests/__init__.py": "", "requests-2.32.dist-info/RECORD": record}
    write_project(app / "cdk.out/asset.1", asset)
    metadata: dict[str, object] = {"aws:asset:is-bundled": True}
    synthesize(app, Stack={"Greeter": function("1", "Stack/Greeter", **metadata)})
    assert only(app).code_uri == app / "greeter"
    assert only(app).cdk_bundle == app / "cdk.out/asset.1"


def test_asset_without_staging_is_its_own_source(app: Path) -> None:
    metadata: dict[str, object] = {"aws:asset:path": str(app / "other")}
    synthesize(app, Stack={"Greeter": function("1", "Stack/Greeter", **metadata)})
    assert only(app).code_uri == app / "other"
    assert served(app).notices == ()


def test_layer_runs_from_its_source(app: Path) -> None:
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


def test_output_folder_and_stage_folder_are_followed(app: Path) -> None:
    write_project(app, {"cdk.json": json.dumps({"output": "build/cdk"})})
    stage_of = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
    shutil.move(app / "cdk.out", app / "build/cdk/assembly-Prod")
    manifest = {"artifacts": {"assembly-Prod": stage_of}}
    write_project(app / "build/cdk", {"cdk.out": "{}", "manifest.json": json.dumps(manifest)})
    assert only(app).code_uri == app / "greeter"


def test_template_beside_the_app_comes_first(app: Path) -> None:
    write_project(app, {"template.yaml": "Resources: {}"})
    assert find_template(app) == app / "template.yaml"


def test_singleton_functions_of_cdk_come_last(app: Path) -> None:
    singleton = f"BucketNotificationsHandler{'050a0587' * 4}"
    added = function("1", f"Stack/{singleton}")
    synthesize(app, Stack={"Added": added, "Greeter": function("1")})
    assert [each.name for each in served(app).functions] == ["Greeter", singleton]


def test_requirements_of_the_app_are_not_the_functions(app: Path) -> None:
    requires = '[project]\nname = "app"\ndependencies = ["aws-cdk-lib"]\n'
    write_project(app, {"pyproject.toml": requires})
    assert find_requirements(app / "greeter", app) is None
    write_project(app, {"greeter/pyproject.toml": requires.replace("aws-cdk-lib", "attrs")})
    own = find_requirements(app / "greeter", app)
    assert own
    assert own.text == "attrs\n"


def test_stacks_without_python_functions_are_ignored(app: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket"}
    javascript = {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs22.x"}}
    synthesize(app, Storage={"B": bucket}, Web={"W": javascript}, Stack={"G": function("1")})
    assert find_template(app) == app / "cdk.out/Stack.template.json"


def test_functions_of_all_stacks_are_served(app: Path) -> None:
    synthesize(app, One={"G": function("1", "One/Greeter")}, Two={"O": function("1", "Two/Other")})
    assert [each.name for each in served(app).functions] == ["Greeter", "Other"]


def test_equal_names_are_prefixed_with_the_stack(app: Path) -> None:
    synthesize(
        app, One={"G": function("1", "One/Greeter")}, Two={"G": function("1", "Two/Greeter")}
    )
    assert [each.name for each in served(app).functions] == ["One-Greeter", "Two-Greeter"]
    manifest = json.loads((app / "cdk.out/manifest.json").read_text())
    manifest["artifacts"]["Two"]["properties"]["stackName"] = "Second"
    write_project(app, {"cdk.out/manifest.json": json.dumps(manifest)})
    assert [each.name for each in served(app).functions] == ["One-Greeter", "Second-Greeter"]


def test_import_resolves_the_export_of_another_stack(app: Path) -> None:
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


def test_first_stage_is_served(app: Path) -> None:
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


def test_describe_lists_the_assembly(
    app: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(app)
    describe([])
    described = json.loads(capsys.readouterr().out)
    assert described["functions"][0]["folders"] == ["greeter"]
    assert {"cdk.json", "cdk.out"} <= set(described["files"])


def test_broken_link_beside_the_code_is_ignored(app: Path) -> None:
    (app / "greeter/.#lock.py").symlink_to("nowhere.py")
    (app / "greeter/lock.py").symlink_to("nowhere.py")
    assert only(app).code_uri == app / "greeter"


def test_assembly_nested_in_itself_is_ignored(app: Path) -> None:
    itself = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "."}}
    manifest = json.loads((app / "cdk.out/manifest.json").read_text())
    manifest["artifacts"] = {"Itself": itself, **manifest["artifacts"]}
    write_project(app, {"cdk.out/manifest.json": json.dumps(manifest)})
    assert find_template(app) == app / "cdk.out/Stack.template.json"


def refusal(app: Path) -> str:
    with pytest.raises(TemplateError) as error:
        find_template(app)
    return str(error.value)


def test_app_without_an_assembly_is_refused(app: Path) -> None:
    shutil.rmtree(app / "cdk.out")
    assert "does not exist; run `cdk synth`" in refusal(app)


def test_app_without_python_functions_is_refused(app: Path) -> None:
    synthesize(app, Stack={"B": {"Type": "AWS::S3::Bucket"}})
    assert "no stack has a Python function" in refusal(app)


@pytest.mark.parametrize(
    "name", ["cdk.json", "cdk.out/manifest.json", "cdk.out/Stack.template.json"]
)
def test_invalid_json_is_refused_with_its_file(app: Path, name: str) -> None:
    write_project(app, {name: "{"})
    assert f"{app / name}:1: invalid JSON" in refusal(app)


def test_missing_stack_template_is_refused(app: Path) -> None:
    (app / "cdk.out/Stack.template.json").unlink()
    assert "Stack.template.json: No such file" in refusal(app)


def test_files_that_select_the_template_are_watched(app: Path) -> None:
    names = [each.relative_to(app).as_posix() for each in candidate_files(app)]
    assert names[-3:] == ["cdk.json", "cdk.out/manifest.json", "cdk.out/Stack.template.json"]


def test_functions_of_nested_stacks_are_found(app: Path) -> None:
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
