"""What the author of a vat in Python sees.

    from ocap_guest_sdk import Durable, method, vat

    class Counter(Durable):
        count: int = 0

        @method
        def increment(self, by: int) -> int:
            self.count += by
            return self.count

    Lifecycle = vat(Counter)
"""

from .cap import Cap, Context, Failed, ReleasedError, Resolver, Store, context, log, promise, store
from .passable import UNDEFINED, Error, Symbol, Tagged
from .objects import Abort, Answer, Durable, Ephemeral, abort, answer, expose, local, method, spawn, started, then, vat

__all__ = [
    "Abort", "Answer", "Cap", "Context", "Durable", "Ephemeral", "Error", "Failed", "ReleasedError", "Resolver", "Store", "Symbol",
    "Tagged", "UNDEFINED", "abort", "answer", "context", "expose", "local", "log", "method", "promise", "spawn", "started", "store", "then",
    "vat",
]
