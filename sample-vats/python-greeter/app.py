"""Greets by name, and remembers how often."""

from ocap_guest_sdk import Durable, method, vat


class Greeter(Durable):
    """How often it greeted."""

    count: int = 0

    @method
    def greet(self, name: str) -> str:
        """Says hello."""
        self.count += 1
        return f"hello, {name}"

    @method
    def greeted(self) -> int:
        return self.count


Lifecycle = vat(Greeter)
