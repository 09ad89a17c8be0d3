"""The ``train`` stage: a network from records, tracked, resumable."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evopose2d.accelerator import Accelerator, prepare
from evopose2d.config.schema import Params, ValidateConfig
from evopose2d.data.cache import CropCache
from evopose2d.data.pipeline import TrainingBatches, steps_per_epoch
from evopose2d.data.shards import RecordsInfo, read_info
from evopose2d.errors import DataError
from evopose2d.files import digest, write_json
from evopose2d.networks.build import build_supervised
from evopose2d.networks.traced import TracedSegments
from evopose2d.stages import layout
from evopose2d.stages.initial_weights import initial_file, set_initial_weights
from evopose2d.stages.judging import Judge, annotation_file
from evopose2d.stages.pose_model import PoseModel, save_pose_model
from evopose2d.stages.provenance import dvc_digests, log_provenance
from evopose2d.stages.tables import write_csv
from evopose2d.tracking import TrackedRun, tracked_run
from evopose2d.training.fitting import fitted
from evopose2d.training.loop import TrainingTask, train
from evopose2d.training.result import EpochResult, TrainingResult
from evopose2d.visualization.curves import training_curves
from evopose2d.visualization.style import save_figure
from evopose2d.weights import load_weights

logger = logging.getLogger(__name__)


def run(params: Params) -> dict[str, Any]:
    """Train, keep the weights of the best epoch, and write metrics and curves.

    An interrupted run with the same settings and data goes on after its last finished epoch, in the same MLflow
    run.

    Returns:
        The best epoch and its figures.

    Raises:
        ConfigError: the settings do not fit the records.
        DataError: the records are missing or damaged.
    """
    records = read_info(Path(params.write_tfrecords.root) / "train")
    records.check_keypoints(params.dataset)
    records.check_covered((params.model.input_shape[0], params.model.input_shape[1]), params.train.augmentation)
    accelerator = prepare(params.accelerator)
    settings, lines = fitted(params.train, records.people, accelerator.replicas)
    params = replace(params, train=settings)
    for line in lines:
        logger.warning("%s", line)
    logger.info("computing on %s, %s", accelerator, params.accelerator.precision)
    accelerator.check_batch(params.train.batch_size, "train.batch_size", params.train.accumulation)
    read = dvc_digests((params.dataset.root, params.write_tfrecords.root))
    folder = layout.CHECKPOINTS / _identity(params, records, read)[:16]
    model = build_model(params, records, accelerator)
    task = training_task(params, records, model, accelerator)
    with tracked_run(params.tracking, "train", tags={"stage": "train"}, resume_file=folder / "mlflow_run") as tracked:
        sections = {"model": params.model, "train": params.train, "accelerator": params.accelerator}
        log_provenance(tracked, params, sections, read)
        result = train(task, accelerator, folder, on_epoch=lambda epoch: _report(tracked, epoch, params.train.epochs))
        load_weights(model.network, result.best_weights)
        save_pose_model(layout.MODEL, model)
        _write_report(result, layout.TRAIN_REPORT)
        _track_result(tracked, params, model, result)
    shutil.rmtree(folder)
    return {"best_epoch": result.best.epoch, **_metrics(result)}


def build_model(params: Params, records: RecordsInfo, accelerator: Accelerator) -> PoseModel:
    """Build the network, with initial weights from a file or from ImageNet where one is named.

    Raises:
        ConfigError: ImageNet weights are asked for a network that has none.
        DownloadError: they cannot be fetched.
        WeightsError: ``train.initial_weights`` cannot be read or does not fit the network.
    """
    with accelerator.scope():
        built = build_supervised(
            params.model, records.schema.count, seed=params.train.seed, synchronized=accelerator.strategy is not None
        )
    set_initial_weights(built.network, params.model, params.train.initial_weights)
    return PoseModel(built.network, params.model, records.schema, params.train.sigma, built.outputs)


def training_task(
    params: Params,
    records: RecordsInfo,
    model: PoseModel,
    accelerator: Accelerator,
    cache: CropCache | None = None,
    traced: TracedSegments | None = None,
) -> TrainingTask:
    """Say what to train and how each epoch is judged: annotated val boxes, no flip test.

    Args:
        params: all settings.
        records: the training people.
        model: the network.
        accelerator: the devices.
        cache: keeps crops from one epoch to the next, and from this training to others; None: each time they are cut
            anew. The batches are the same.
        traced: functions of networks before in this process, for validation to start sooner.
    """
    config = params.train
    height, width = params.model.input_shape
    with accelerator.scope():
        judge = Judge(
            model,
            params.dataset,
            Path(params.write_tfrecords.root),
            _epoch_validation(config.batch_size),
            jit_compile=accelerator.jit_compile,
            cache=cache,
            traced=traced,
        )
    pose_errors = model.pose_errors
    crops = None
    if cache is not None and pose_errors is None:
        crops = cache.training(records, (height, width), config.augmentation)
    return TrainingTask(
        network=model.network,
        batches=lambda first_epoch: TrainingBatches(
            records,
            (height, width),
            config.augmentation,
            batch_size=config.batch_size,
            seed=config.seed,
            epochs=range(first_epoch, config.epochs),
            crops=crops,
            pose_errors=pose_errors,
        ),
        steps_per_epoch=steps_per_epoch(records, config.batch_size),
        validate=lambda: _loss_and_ap(judge),
        config=config,
        outputs=model.outputs,
    )


def _loss_and_ap(judge: Judge) -> tuple[float, float]:
    judgement = judge(progress=True)
    loss = judgement.predictions.val_loss
    ap = None if judgement.ap is None else judgement.ap.figures["AP"]
    if loss is None or ap is None:
        raise DataError(f"{judge.records.folder}: nobody has a labelled keypoint, training cannot be validated")
    return loss, ap


def _epoch_validation(batch_size: int) -> ValidateConfig:
    # Fixed, so that a change of the validate section leaves trained networks as they are.
    return ValidateConfig(
        split="val",
        boxes="annotations",
        flip_test=False,
        decoding="quarter-pixel",
        coordinates="original",
        batch_size=batch_size,
        keypoint_score_threshold=0.2,
        box_score_threshold=0.0,
        nms="none",
        nms_threshold=0.9,
        pictures=0,
    )


def _identity(params: Params, records: RecordsInfo, digests: Mapping[str, str]) -> str:
    judged = read_info(records.folder.parent / "val").files
    initial = initial_file(params.train.initial_weights)
    inputs = (*records.files, *judged, annotation_file(params.dataset, "val"), *([initial] if initial else []))
    files = {str(file): [file.stat().st_size, file.stat().st_mtime_ns] for file in inputs if file.exists()}
    sections = {name: asdict(getattr(params, name)) for name in ("model", "train", "accelerator")}
    return digest({**sections, "files": files, "dvc": dict(digests)})


def _report(tracked: TrackedRun, epoch: EpochResult, epochs: int) -> None:
    logger.info(
        "epoch %d/%d: loss %.2f, val loss %.2f, val AP %.3f, %.0f images/s",
        epoch.epoch,
        epochs,
        epoch.loss,
        epoch.val_loss,
        epoch.val_ap,
        epoch.images_per_second,
    )
    tracked.log_metrics({name: value for name, value in asdict(epoch).items() if name != "epoch"}, step=epoch.epoch)


def _metrics(result: TrainingResult) -> dict[str, float]:
    best = result.best
    return {"loss": best.loss, "val_loss": best.val_loss, "val_ap": best.val_ap}


def _write_report(result: TrainingResult, folder: Path) -> None:
    write_json(folder / "metrics.json", {"best_epoch": result.best.epoch, **_metrics(result)})
    rows = [asdict(epoch) for epoch in result.epochs]
    write_csv(folder / "history.csv", list(rows[0]), [list(row.values()) for row in rows])
    columns = ("loss", "val_loss", "learning_rate")
    history = {name: [getattr(epoch, name) for epoch in result.epochs] for name in columns}
    save_figure(training_curves(history), folder / "curves.png")


def _track_result(tracked: TrackedRun, params: Params, model: PoseModel, result: TrainingResult) -> None:
    best = {f"best_{name}": value for name, value in _metrics(result).items()}
    tracked.log_metrics({"best_epoch": result.best.epoch, **best})
    tracked.log_files([layout.TRAIN_REPORT / "curves.png", layout.TRAIN_REPORT / "history.csv"])
    tracked.log_files(sorted(layout.MODEL.iterdir()), "weights")
    if params.tracking.log_model:
        tracked.log_model(model.network)
