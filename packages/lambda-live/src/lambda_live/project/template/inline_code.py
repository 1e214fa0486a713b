"""
Code that is written in a template, as the files that AWS makes of it.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
"""

from pathlib import Path

from lambda_live.dependencies.cache import function_dir
from lambda_live.project.template import cfnresponse

_MODULES = {"cfnresponse.py": Path(cfnresponse.__file__).read_text(encoding="utf-8")}


def written(code: str, folder: Path, template: Path, logical_id: str) -> Path:
    """Return the folder of that function's code, below the one of all such code."""
    root = function_dir(folder, template, logical_id)
    root.mkdir(parents=True, exist_ok=True)
    for name, text in {"index.py": code, **_MODULES}.items():
        _write(root / name, text)
    return root


def _write(file: Path, text: str) -> None:
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
