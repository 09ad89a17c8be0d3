"""What a mirror does to a dataset's keypoints, told where it can still be changed."""

import logging

from evopose2d.config.schema import DatasetConfig
from evopose2d.keypoints import KeypointSchema
from evopose2d.keypoints.naming import unpaired

_log = logging.getLogger(__name__)


def tell_mirror_pairs(schema: KeypointSchema, dataset: DatasetConfig) -> None:
    """Log which keypoints a mirrored person exchanges: a warning where only names told it, and not of all.

    Args:
        schema: the dataset's keypoints.
        dataset: ``dataset`` of ``params.yaml``.
    """
    if dataset.flip_pairs is not None or schema.count == 1:
        return
    paired = sorted({tuple(sorted(pair)) for pair in enumerate(schema.flip_permutation) if pair[0] != pair[1]})
    pairs = ", ".join(f"{schema.names[a]} / {schema.names[b]}" for a, b in paired) or "none"
    sided, alone = unpaired(schema.names, schema.flip_permutation)
    rest = ", ".join([*sided, *alone]) or "none"
    if schema.own_pairs is None and (sided or not paired):
        _log.warning(
            "%d mirror pairs are known from the keypoints' names: %s; without one, and the same in a mirror: %s; "
            "dataset.flip_pairs names pairs, [] says that there are none",
            len(paired),
            pairs,
            rest,
        )
    else:
        _log.info("%d mirror pairs: %s; the same in a mirror: %s", len(paired), pairs, rest)
