"""How much better a child is than training its parent on for as long would have been."""

from evopose2d.evolution.sampler.history import History
from evopose2d.evolution.sampler.record import Individual, Role, State


def control_of(history: History, child: Individual) -> Individual | None:
    """Return the complete control that a child is compared with.

    That is the control of its parent in its generation. A steady-state search has several of them: the last one of
    lower number than the child's counts, else the first one after it, so that the answer does not change once all
    controls before the child are complete.

    Returns:
        The control; None where there is no complete one, or where the individual is no child.
    """
    if child.role is not Role.CHILD or child.parent is None:
        return None
    controls = [
        each
        for each in history.controls_of(child.parent)
        if each.state is State.COMPLETE and each.generation == child.generation
    ]
    earlier = [each for each in controls if each.number < child.number]
    return earlier[-1] if earlier else next(iter(controls), None)


def gain(history: History, individual: Individual) -> float | None:
    """Return a child's gain: its control's fitness less its own; above 0, its mutation helped.

    Returns:
        The gain; None where the child is not complete, has no complete control, or where the individual is no child.
    """
    control = control_of(history, individual)
    if control is None or control.fitness is None or individual.fitness is None:
        return None
    return control.fitness - individual.fitness
