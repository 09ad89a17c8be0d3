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
from evopose2d.evolution.sampler.proposal import NotReadyError, Proposal, generation_of, propose, ready
from evopose2d.evolution.sampler.record import Individual, Role, State
from evopose2d.evolution.sampler.selection import select, tournament
from evopose2d.evolution.sampler.settings import EvolutionSettings
from evopose2d.evolution.sampler.trials import attach, read_history, tell

__all__ = [
    "EvolutionSampler",
    "EvolutionSettings",
    "History",
    "Individual",
    "NotReadyError",
    "Proposal",
    "Role",
    "State",
    "attach",
    "control_of",
    "gain",
    "gene_distributions",
    "generation_of",
    "genotype_from_params",
    "genotype_to_params",
    "propose",
    "read_history",
    "ready",
    "select",
    "suggest_genotype",
    "tell",
    "tournament",
]
