"""The ``validate`` stage: COCO's ten figures of the trained network, with curves and pictures."""

import logging
import shutil
from pathlib import Path
from typing import Any

from evopose2d.accelerator import prepare
from evopose2d.config.schema import Params
from evopose2d.evaluation.pictures import CropCollector
from evopose2d.evaluation.results import write_results
from evopose2d.files import write_json
from evopose2d.stages import layout
from evopose2d.stages.judging import Judge, Judgement
from evopose2d.stages.pictures import draw_people
from evopose2d.stages.pose_model import load_pose_model
from evopose2d.stages.provenance import dvc_digests, log_provenance
from evopose2d.stages.tables import write_csv
from evopose2d.tracking import tracked_run
from evopose2d.visualization.curves import oks_threshold_curve, precision_recall_curves
from evopose2d.visualization.style import save_figure

logger = logging.getLogger(__name__)

_PICTURED_KEYPOINTS = 8  # a person of fewer labelled keypoints shows little of a pose


def run(params: Params) -> dict[str, Any]:
    """Judge ``models/pose`` and write results, metrics, curves and pictures.

    Returns:
        COCO's figures and the val loss; for test-dev, which has no ground truth, the number of people alone.
    """
    accelerator = prepare(params.accelerator)
    logger.info("computing on %s, %s", accelerator, params.accelerator.precision)
    accelerator.check_batch(params.validate.batch_size, "validate.batch_size")
    with accelerator.scope():
        model = load_pose_model(layout.MODEL, synchronized=accelerator.strategy is not None)
        records_root = Path(params.write_tfrecords.root)
        judge = Judge(model, params.dataset, records_root, params.validate, jit_compile=accelerator.jit_compile)
    judge.records.check_keypoints(params.dataset)
    labelled = min(_PICTURED_KEYPOINTS, model.keypoints.count) if judge.matched else 0
    collector = CropCollector(count=params.validate.pictures, people=judge.records.people, labelled=labelled)
    judgement = judge(collector=collector, progress=True)
    results = layout.RESULTS / f"keypoints_{params.validate.split}2017.json"
    write_results(results, judgement.results)
    metrics = _metrics(judgement)
    _write_report(judge, judgement, collector, metrics)
    with tracked_run(params.tracking, "validate", tags={"stage": "validate"}) as tracked:
        # The network that was judged is what its folder describes, whatever the settings say by now.
        settings = {"model": model.config, "validate": params.validate, "accelerator": params.accelerator}
        read = dvc_digests((params.dataset.root, params.write_tfrecords.root, str(layout.MODEL)))
        log_provenance(tracked, params, settings, read)
        tracked.log_metrics({name: value for name, value in metrics.items() if value is not None})
        tracked.log_files([*sorted(layout.VALIDATE_REPORT.iterdir()), results])
    return metrics


def _metrics(judgement: Judgement) -> dict[str, float | None]:
    figures = {} if judgement.ap is None else judgement.ap.figures
    absent = [name for name, value in figures.items() if value is None]
    if absent:
        logger.warning(
            "%s: none, because nobody of that size is labelled (medium: 32 to 96 pixels squared; large: more)",
            ", ".join(absent),
        )
    loss = judgement.predictions.val_loss
    metrics: dict[str, float | None] = {**figures, "people": len(judgement.predictions.image_id)}
    return metrics if loss is None else metrics | {"val_loss": loss}


def _write_report(
    judge: Judge, judgement: Judgement, collector: CropCollector, metrics: dict[str, float | None]
) -> None:
    folder = layout.VALIDATE_REPORT
    shutil.rmtree(folder, ignore_errors=True)
    write_json(folder / "metrics.json", metrics)
    save_figure(draw_people(judge, judgement, collector.sample()), folder / "people.png")
    ap = judgement.ap
    # DVC expects its tables of every run: without ground truth they hold no rows.
    by_threshold = [] if ap is None else zip(ap.thresholds.round(2), ap.ap_by_threshold, strict=True)
    write_csv(folder / "ap_by_oks.csv", ("oks", "ap"), by_threshold)
    precision = [] if ap is None else [ap.precision_at(0.5), ap.precision_at(0.75), ap.precision_at()]
    by_recall = [] if ap is None else zip(ap.recall.round(2), *precision, strict=True)
    write_csv(folder / "precision_recall.csv", ("recall", "oks_50", "oks_75", "mean"), by_recall)
    if ap is None:
        return
    save_figure(oks_threshold_curve(ap.thresholds, ap.ap_by_threshold), folder / "ap_by_oks.png")
    labelled = dict(zip(("OKS 0.50", "OKS 0.75", "mean"), precision, strict=True))
    save_figure(precision_recall_curves(ap.recall, labelled), folder / "precision_recall.png")
