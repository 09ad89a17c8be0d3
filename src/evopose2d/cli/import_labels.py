"""``evopose2d import``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from evopose2d.cli.arguments import PARAMS_FILE, AsJson, Overrides, ParamsFile, load_settings
from evopose2d.cli.output import show


def import_labels(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Folder of labelled images.")],
    overrides: Overrides = None,
    params: ParamsFile = PARAMS_FILE,
    as_json: AsJson = False,
) -> None:
    """Take labelled images into dataset.root in COCO's layout, and say what was understood, repaired and left out.

    The same as `evopose2d download dataset.source=SOURCE`. Images are linked, not copied. After a label was corrected,
    a second call takes it over.
    """
    settings = load_settings(params, [*(overrides or ()), f"dataset.source={json.dumps(source)}"], "")
    from evopose2d.data.coco import keypoint_schema, read_coco
    from evopose2d.data.download.dataset import prepare_dataset
    from evopose2d.data.download.layout import SPLITS
    from evopose2d.keypoints.naming import unpaired

    root = Path(settings.dataset.root)
    splits = [asdict(split) for split in prepare_dataset(settings.dataset, settings.download).splits]
    labelled = next(root / split.annotations for split in SPLITS if (root / split.annotations).exists())
    schema = keypoint_schema(read_coco(labelled), settings.dataset)
    sided, alone = unpaired(schema.names, schema.flip_permutation)
    pairs = {tuple(sorted(pair)) for pair in enumerate(schema.flip_permutation) if pair[0] != pair[1]}
    understood = {
        "keypoints": ", ".join(schema.names),
        "mirror pairs": ", ".join(f"{schema.names[a]} / {schema.names[b]}" for a, b in sorted(pairs)) or "none",
        "same in a mirror": ", ".join([*sided, *alone]) or "none",
        "limbs": len(schema.skeleton),
    }
    if as_json:
        show({"splits": splits, **understood}, title="dataset", as_json=True)
        return
    show(splits, title=str(root), as_json=False)
    show(understood, title="keypoints", as_json=False)
