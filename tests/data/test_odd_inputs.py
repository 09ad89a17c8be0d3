"""Data as exports, cameras and scripts leave them: each set runs, nobody left out unsaid, or is refused in a line."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from evopose2d.config.loading import load_params
from evopose2d.config.schema import Params
from evopose2d.data.coco import read_coco
from evopose2d.data.download.dataset import prepare_dataset
from evopose2d.data.records import parse
from evopose2d.data.shards import RecordsInfo
from evopose2d.data.writing import write_all_records
from evopose2d.errors import EvoPoseError
from evopose2d.evaluation.coco_ap import evaluate_results

REFUSED = {
    "c_ann_key_missing": "no people with a labelled keypoint",
    "c_ann_no_img": "annotation 4: image_id 4 is no image of the file",
    "c_ann_other_category": "all annotations are left out (4: category_id 9 is none of",
    "c_box_normalised_all": "all boxes lie within 0.91 pixels",
    "c_cat_dup_names": "keypoints must be distinct names",
    "c_cat_names_string": "keypoints must be a list of names, got 'abcdefghijklmnopq'",
    "c_cat_no_names": "a category must list the names of its 'keypoints'",
    "c_cat_val_order": "must be those of",
    "c_empty_file": "train_0.jpg: image is corrupt, cut short or in no known format (annotation 1); write_tfrecords.",
    "c_html_as_jpg": "image is corrupt, cut short or in no known format (annotation 1); write_tfrecords.bad_images=",
    "c_img_missing_skip": "image cannot be read: No such file or directory (annotation 1); write_tfrecords.bad_images",
    "c_jpeg_cut_half": "image is corrupt, cut short",
    "c_jpeg_cut_last2": "image is corrupt, cut short",
    "c_jpeg_damaged_inside": "image is corrupt, cut short",
    "c_json_truncated": "is no JSON file",
    "c_kp_nan": "annotation 1: keypoint left_eye: x and y of a labelled keypoint must be pixels, got nan, 47.78",
    "c_kp_normalised_all": "all keypoints lie within",
    "c_kp_null": "annotation 1: keypoint left_eye: x and y of a labelled keypoint must be pixels, got nan, 47.78",
    "c_kp_outside": "all 68 labelled keypoints lie outside their images",
    "c_png_cut": "image is corrupt, cut short",
    "c_size_wrong": "image is 160 x 120 pixels, its annotation file says 1200 x 900",
    "c_train_missing": "person_keypoints_train2017.json: no such file",
    "c_val_empty": "no people with a labelled keypoint",
    "c_val_unlabelled": "no people with a labelled keypoint",
    "c_vis_3": "visibility must be 0, 1 or 2, got 3",
    "c_vis_float_conf": "visibility must be 0, 1 or 2, got 0.87",
}


@pytest.fixture(scope="module")
def odd_inputs(project_root: Path) -> Path:
    """A folder of odd data sets, which the repository does not hold."""
    folder = Path(os.environ.get("EVOPOSE2D_ODD_INPUTS", project_root.parent / "shared" / "odd_inputs"))
    if not folder.is_dir():
        pytest.skip(f"no odd inputs at {folder}; name them with EVOPOSE2D_ODD_INPUTS")
    return folder


def params_of(project_root: Path, source: Path, target: Path) -> Params:
    return load_params(
        project_root / "params.yaml",
        [
            f"dataset.source={source}",
            f"dataset.root={target / 'coco'}",
            f"write_tfrecords.root={target / 'records'}",
            "write_tfrecords.workers=1",
        ],
    )


def recorded_people(info: RecordsInfo, category_id: int) -> Iterator[dict]:
    for record in tf.data.TFRecordDataset([str(file) for file in info.files]).as_numpy_iterator():
        parsed = parse(record, info.schema.count)
        for keypoints in parsed.keypoints:
            if keypoints[:, 2].any():
                flat = keypoints.astype(float).ravel().tolist()
                yield {"image_id": parsed.image_id, "category_id": category_id, "keypoints": flat, "score": 0.9}


@pytest.mark.slow
def test_every_odd_set_runs_and_a_perfect_prediction_is_perfect_or_is_refused_in_a_line_that_helps(
    odd_inputs, project_root, tmp_path
):
    wrong = {}
    for source in sorted(path for path in odd_inputs.iterdir() if path.is_dir()):
        params = params_of(project_root, source, tmp_path / source.name)
        try:
            prepare_dataset(params.dataset, params.download)
            written = write_all_records(params.dataset, params.write_tfrecords)
        except EvoPoseError as error:
            if "\n" in str(error) or REFUSED.get(source.name, "must not be refused") not in str(error):
                wrong[source.name] = f"refused: {error}"
            continue
        if source.name in REFUSED:
            wrong[source.name] = "runs, though it cannot be right"
            continue
        annotations = read_coco(Path(params.dataset.root) / "annotations/person_keypoints_val2017.json")
        results = list(recorded_people(written["val"], annotations.category["id"]))
        ap = evaluate_results(annotations, results, written["val"].schema.sigmas).figures["AP"]
        if ap != pytest.approx(1.0) or written["val"].skipped:
            wrong[source.name] = f"perfect prediction scores {ap}"
    assert not wrong
