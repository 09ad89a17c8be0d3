"""Draw 200 labelled images with five keypoints each as a labelling tool exports them: a COCO file, images beside it.

python docs/examples/draw_labels.py my_labels
"""

import json
import sys
import tempfile
from pathlib import Path

from evopose2d.config.loading import load_params
from evopose2d.data.download.dataset import prepare_dataset

KEYPOINTS = {"Head": "nose", "Left Hand": "left_wrist", "Right Hand": "right_wrist", "Left Foot": "left_ankle",
             "Right Foot": "right_ankle"}  # fmt: skip
IMAGES = 200


def main(folder: Path) -> None:
    """Draw the images and write ``result.json`` and ``images`` below a new folder."""
    (folder / "images").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as drawn:
        settings = [f"dataset.root={drawn}/coco", f"dataset.synthetic.train_images={IMAGES}"]
        params = load_params(
            Path("params.yaml"), [*settings, "dataset.source=synthetic", "dataset.synthetic.val_images=1"]
        )
        prepare_dataset(params.dataset, params.download)
        coco = json.loads(Path(drawn, "coco/annotations/person_keypoints_train2017.json").read_text())
        names = coco["categories"][0]["keypoints"]
        places = [names.index(name) for name in KEYPOINTS.values()]
        for image in coco["images"]:
            Path(drawn, "coco/train2017", image["file_name"]).rename(folder / "images" / image["file_name"])
    people = [
        {
            "id": person["id"],
            "image_id": person["image_id"],
            "category_id": 0,
            "bbox": person["bbox"],
            "keypoints": [number for place in places for number in person["keypoints"][3 * place : 3 * place + 3]],
        }
        for person in coco["annotations"]
    ]
    images = [{key: image[key] for key in ("id", "file_name", "width", "height")} for image in coco["images"]]
    category = {"id": 0, "name": "person", "keypoints": list(KEYPOINTS)}
    content = {"images": images, "annotations": people, "categories": [category]}
    (folder / "result.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
