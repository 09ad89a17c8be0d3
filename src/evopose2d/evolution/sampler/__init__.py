"""The evolutionary algorithm: functions of a search's history, and the Optuna sampler that asks them."""

from evopose2d.evolution.sampler.evolution_sampler import EvolutionSampler
from evopose2d.evolution.sampler.gain import control_of, gain
from evopose2d.evolution.sampler.genes import (
    gene_distributions,
    genotype_from_params,
    genotype_to_params,
    suggest_genotype,
)
from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.objectives import FITNESS_ALONE, OBJECTIVES, Objective, find_objective, find_objectives
from evopose2d.evolution.sampler.proposal import NotReadyError, Proposal, propose, ready
from evopose2d.evolution.sampler.record import Individual, Role, State
from evopose2d.evolution.sampler.selections import SELECTIONS, Selection, find_selection, ranks_by_ap, select
from evopose2d.evolution.sampler.settings import EvolutionSettings
from evopose2d.evolution.sampler.trials import attach, read_history, tell

__all__ = [
    "FITNESS_ALONE",
    "OBJECTIVES",
    "SELECTIONS",
    "EvolutionSampler",
    "EvolutionSettings",
    "History",
    "Individual",
    "NotReadyError",
    "Objective",
    "Proposal",
    "Role",
    "Selection",
    "State",
    "attach",
    "control_of",
    "find_objective",
    "find_objectives",
    "find_selection",
    "gain",
    "gene_distributions",
    "genotype_from_params",
    "genotype_to_params",
    "propose",
    "ranks_by_ap",
    "read_history",
    "ready",
    "select",
    "suggest_genotype",
    "tell",
]
