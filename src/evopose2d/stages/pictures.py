"""The picture grid of val people with predicted and true poses."""

import numpy as np
from matplotlib.figure import Figure

from evopose2d.evaluation.person_oks import oks_by_person
from evopose2d.evaluation.pictures import CropSample
from evopose2d.stages.judging import Judge, Judgement
from evopose2d.visualization.grid import PersonPicture, oks_label, pose_grid


def draw_people(judge: Judge, judgement: Judgement, sample: CropSample | None) -> Figure:
    """Draw the sampled people, each with its OKS where its annotation is known, else with its score."""
    if sample is None:
        figure = Figure()
        figure.text(0.5, 0.5, "nobody to show", ha="center")
        return figure
    predictions, schema = judgement.predictions, judge.records.schema
    rows = sample.rows
    oks = np.full(len(rows), np.nan)
    if judge.matched:
        oks = oks_by_person(
            judge.annotations, predictions.annotation_id[rows], predictions.keypoints[rows], schema.sigmas
        )
    people = [
        PersonPicture(
            crop=crop,
            predicted=predictions.crop_keypoints[row],
            truth=truth if judge.matched else None,
            label=oks_label(float(value), float(predictions.keypoints[row, :, 2].mean())),
        )
        for row, crop, truth, value in zip(rows, sample.crops, sample.keypoints, oks, strict=True)
    ]
    return pose_grid(people, schema)
