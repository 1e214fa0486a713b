"""Where code is edited that a template names as CDK's copy of it."""

from pathlib import Path

from lambda_live.project.template.resources import Resource, Resources


def edited_at(
    resources: Resources, resource: Resource, root: Path, module: Path | None
) -> Path | None:
    """
    Return the folder of which CDK's asset is a copy; None if it is none, or is not known.

    Like the asset it has the module, or another file, whose path is relative.
    """
    if module is None:
        return None
    found = resources.application.origins.of(root, module, resources.document.path)
    if found is None:
        return None
    if len(found) == 1:
        return found[0]
    why = f"{' and '.join(map(str, found))} are alike" if found else "no folder here is like it"
    sentence = (
        f"{resource.logical_id} is run as `cdk synth` has copied it, {root}, as {why}: a save"
        " counts after the next `cdk synth`, or use --no-staging with it"
    )
    resources.note(f"{resource.logical_id} Code", sentence)
    return None
