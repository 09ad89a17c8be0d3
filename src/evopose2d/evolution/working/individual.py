"""Train one individual, in a worker.

The module imports without TensorFlow, so that the driver can name the function; training imports it.
"""

import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evopose2d.config.schema import Params
from evopose2d.data.shards import read_info
from evopose2d.errors import WeightsError
from evopose2d.evolution.individuals.configuration import individual_params, network_size, network_spec
from evopose2d.evolution.individuals.early_stopping import exceeds
from evopose2d.evolution.individuals.initial_weights import is_imagenet
from evopose2d.evolution.individuals.spaces import search_space
from evopose2d.evolution.individuals.spec import IndividualResult, IndividualSpec
from evopose2d.evolution.working.worker import crops_of_process, functions_of_process
from evopose2d.importing import import_large
from evopose2d.networks.families.evopose2d import EvoPose2DConfig
from evopose2d.training.result import TrainingResult

if TYPE_CHECKING:
    import keras

    from evopose2d.data.cache import CropCache

BUILT, INITIALISED, STEP = "built", "initialised", "step"


def train_individual(
    spec: IndividualSpec,
    params: Params,
    parent_weights: bytes | None,
    observe: Callable[[str], None] = lambda event: None,
) -> tuple[IndividualResult, bytes]:
    """Build, initialise, train and judge an individual: a function of its arguments and the data alone.

    Args:
        spec: the individual.
        params: the search's settings.
        parent_weights: the parent's weight file, or without a parent's genotype what ``evolve.initial_weights`` names;
            None where the individual starts from random weights.
        observe: told when the network is ``BUILT`` and when it is ``INITIALISED``, and of each ``STEP``.

    Returns:
        The result, and the file of its best epoch's weights.

    Raises:
        TrainingError: the loss became something else than a number.
        DataError: the records or annotations are missing or cannot be used.
        ConfigError: the device is not there, or the batch does not fit it.
        WeightsError: the parent's weights cannot be read.
    """
    import_large("keras")
    from evopose2d.evolution.working.memory import release_networks

    started = time.perf_counter()
    try:
        # Where the worker runs, and gone with the individual: a training that broke off starts anew.
        with tempfile.TemporaryDirectory(prefix="evopose2d-") as folder:
            settings, cache = individual_params(params, spec), crops_of_process(params.evolve.cache_megabytes)
            result, weights, keypoints = _train(spec, settings, parent_weights, Path(folder), cache, observe)
    except BaseException:
        functions_of_process().forget()
        raise
    finally:
        release_networks()
    return _result(spec, params, keypoints, result, time.perf_counter() - started), weights


def _train(
    spec: IndividualSpec,
    params: Params,
    parent_weights: bytes | None,
    folder: Path,
    cache: "CropCache",
    observe: Callable[[str], None],
) -> tuple[TrainingResult, bytes, int]:
    from evopose2d.accelerator import prepare
    from evopose2d.evolution.working.memory import spare_what_is_imported
    from evopose2d.stages.train import build_model, training_task
    from evopose2d.training.fitting import fitted
    from evopose2d.training.loop import train

    spare_what_is_imported()
    records = read_info(Path(params.write_tfrecords.root) / "train")
    accelerator = prepare(params.accelerator, gpu_share=params.evolve.gpus or 1.0)
    train_settings, _ = fitted(params.train, records.people, accelerator.replicas, section="evolve")
    params = replace(params, train=train_settings)
    accelerator.check_batch(params.train.batch_size, "evolve.batch_size", params.train.accumulation)
    model = build_model(params, records, accelerator)
    observe(BUILT)
    if parent_weights is not None:
        _initialise(model.network, spec, params, parent_weights, records.schema.count, folder)
    observe(INITIALISED)
    parameters = network_size(params.model, spec.genotype, records.schema.count).parameters
    result = train(
        training_task(params, records, model, accelerator, cache, functions_of_process()),
        accelerator,
        folder,
        hopeless=lambda epochs: exceeds(epochs, parameters, spec.limits, params.evolve),
        on_step=lambda loss: observe(STEP),
        resumable=False,
        traced=functions_of_process(),
    )
    return result, result.best_weights.read_bytes(), records.schema.count


def _initialise(
    network: "keras.Model", spec: IndividualSpec, params: Params, weights: bytes, keypoints: int, folder: Path
) -> None:
    """Set the weights that a newly built network starts from: its parent's, or what the ancestor starts from."""
    from evopose2d.stages.initial_weights import take
    from evopose2d.weights.imagenet import imagenet_arrays, imagenet_weights

    initial = params.evolve.initial_weights
    if spec.parent_genotype is None and is_imagenet(initial):
        file = folder / "imagenet.h5"
        file.write_bytes(weights)
        take(network, imagenet_arrays(file, imagenet_weights(params.model)))
        return
    try:
        _inherit(network, spec, params, weights, keypoints, folder)
    except WeightsError as error:
        if spec.parent_genotype is None:
            raise WeightsError(f"evolve.initial_weights: got {initial}: {error}") from None
        raise WeightsError(
            f"weights of individual {spec.parent}, which {spec.number} inherits: {error}; "
            "with its weights.h5 removed, the same command trains it again"
        ) from None


def _inherit(
    network: "keras.Model", spec: IndividualSpec, params: Params, weights: bytes, keypoints: int, folder: Path
) -> None:
    """Give a newly built network the weights of its parent, or those of a file of the ancestor's network."""
    from evopose2d.inheritance import inherit_into
    from evopose2d.stages.initial_weights import take
    from evopose2d.weights import load_weights, read_arrays

    rule = params.evolve.inheritance
    if spec.parent_genotype is None and rule == "none":
        rule = "original"  # of children alone
    if isinstance(params.model, EvoPose2DConfig):
        origin = spec.parent_genotype or search_space(params).ancestor
        own, other = (network_spec(params.model, genotype, keypoints) for genotype in (spec.genotype, origin))
        inherit_into(network, own, other, weights, rule)
    elif spec.parent_genotype is None:
        file = folder / "initial.h5"
        file.write_bytes(weights)
        load_weights(network, file)
    else:
        take(network, read_arrays(weights))


def _result(
    spec: IndividualSpec, params: Params, keypoints: int, result: TrainingResult, seconds: float
) -> IndividualResult:
    size = network_size(params.model, spec.genotype, keypoints)
    return IndividualResult.of(spec, result.epochs, size, params.evolve, seconds=seconds, host=socket.gethostname())
