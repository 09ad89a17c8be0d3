"""How modules come into a process that hold a great many objects."""

import gc
import importlib
import sys


def import_large(name: str) -> None:
    """Import a module, such as TensorFlow, without the garbage collector, and let it pass over what is there then.

    An import makes hundreds of thousands of objects that stay. The collector would look through all of them each time
    that their number has grown by a quarter: with TensorFlow, a fifth to a third of the time before a training.
    """
    if name in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        importlib.import_module(name)
        gc.freeze()
    finally:
        if collects:
            gc.enable()
