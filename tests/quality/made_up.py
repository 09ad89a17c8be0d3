"""A table as trainings of a simple world would give it, in which what a genotype is worth is known."""

import numpy as np
from tests.evolution.searching import SPACE

from evopose2d.quality.sample import jobs
from evopose2d.quality.setting import TableSetting
from evopose2d.quality.table import Row, TruthTable

SETTINGS = {
    "model.architecture": "evopose2d",
    "model.input_shape": [64, 32],
    "model.compound_scaling": False,
    "model.head_blocks": 3,
    "model.head_channels": 32,
    "model.final_kernel": 1,
    "evolve.seed": 0,
    "evolve.ancestor": SPACE.ancestor.to_lists(),
    "evolve.ancestor_epochs": 2,
    "evolve.space.kernels": [3, 5],
    "evolve.space.repeats": [1, 4],
    "evolve.space.stride_blocks": 3,
    "evolve.space.strided": [3, 4],
}
LOSS_NOISE, AP_NOISE = 0.01, 0.004


def log_loss(genotype):
    """Wide and deep is good, a kernel of 5 is good late and bad early, too deep is bad again."""
    wide = sum(np.log(block.channels) for block in genotype.blocks)
    depth = sum(block.repeats for block in genotype.blocks)
    kernels = sum((index - 3) * (block.kernel == 5) for index, block in enumerate(genotype.blocks))
    return 5.5 - 0.04 * wide - 0.01 * kernels + 0.0006 * (depth - 15) ** 2 + 0.05 * (genotype.strided - 3)


def ap(genotype):
    return 0.5 - 0.4 * (log_loss(genotype) - 5.0)


def made_up_table(genotypes, seed=0, loss_noise=LOSS_NOISE, ap_noise=AP_NOISE):
    """Train a sample in that world."""
    table, setting = TruthTable(SETTINGS, {}), TableSetting(SETTINGS)
    rows = []
    for job in jobs(SPACE, seed, genotypes):
        rng = np.random.default_rng([seed, *job.key])
        genotype, size = job.sampled.genotype, setting.size(job.sampled.genotype)
        loss = float(np.exp(log_loss(genotype) + rng.normal(0.0, loss_noise)))
        value = float(ap(genotype) + rng.normal(0.0, ap_noise))
        rows.append(
            Row(
                *(*job.key, job.sampled.mutations, genotype, 0, (loss * 1.5, loss), (0.0, value)),
                *(size.parameters, size.multiply_adds, 1.0),
            )
        )
    return TruthTable(table.settings, {}, sorted(rows, key=lambda row: row.key))
