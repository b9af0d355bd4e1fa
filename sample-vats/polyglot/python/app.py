"""A peer: what two vats can do with each other, whatever they are written in. The same one stands in `../rust` and `../js`."""

from typing import Any

from ocap_guest_sdk import (
    Answer, Cap, Durable, Ephemeral, Error, Failed, ReleasedError, Resolver, answer, context, expose, local, method, promise, started, then, vat,
)


class Peer(Durable):
    """What a peer remembers."""

    count: int = 0
    kept: Cap | None = None
    ear: Cap | None = None

    @started
    def begin(self):
        if context.parameters["language"] != "Python":
            raise Error("wrong-language", f"this is Python, not {context.parameters['language']}")

    @method
    def peer(self, name: str) -> Cap:
        """Another peer, by its name in `uses`."""
        return context.grant(name)

    @method
    async def relay(self, path: list, word: str) -> list:
        """Passes a word along a path of peers; the names of all that had it."""
        return [context.vat] + (await path[0].call("relay", path[1:], word) if path else [word])

    @method
    def note(self, text: str) -> Cap:
        """A new note."""
        return expose(Note(text))

    @method
    async def introduce(self, maker: Cap, keeper: Cap, text: str) -> str:
        """Has one peer make a note and another keep it. The keeper's answer, which reads it."""
        note = await maker.call("note", text)
        return await keeper.call("keep", note)

    @method
    def keep(self, note: Cap):
        self.kept = note
        return note.call("read")

    @method
    def read_kept(self):
        if self.kept is None:
            raise Error("no-note", "no note is kept")
        return self.kept.call("read")

    @method
    def pair(self, settler: Cap, waiter: Cap, value: Any):
        """Gives the right to settle a promise to one peer and the promise to another. The other's answer."""
        promised, resolver = promise()
        settler.send("settle", resolver, value)
        return waiter.call("wait", promised)

    @method
    def settle(self, resolver: Cap, value: Any):
        Resolver.of(resolver).fulfill(value)

    @method
    async def wait(self, promised: Cap) -> list:
        return [context.vat, await promised]

    @method
    def refuse(self, name: str):
        raise Error(name, f"{context.vat} refuses")

    @method
    async def attempt(self, peer: Cap, name: str) -> list:
        """Catches what a peer refuses with."""
        try:
            await peer.call("refuse", name)
        except Error as error:
            return [error.name, str(error)]

    @method
    async def abandoned(self) -> str:
        """Waits for a promise that nobody can settle any more; what the kernel says."""
        promised, resolver = promise()
        del resolver
        try:
            await promised
        except Failed as failed:
            return failed.name

    @method
    def counted(self) -> int:
        self.count += 1
        return self.count

    @method
    def ask_later(self, peer: Cap):
        """Has a peer's answer sent to a durable object, whatever becomes of this incarnation."""
        ear = Ear()
        self.ear = expose(ear)
        then(peer.call("counted"), ear.hear, "counted")

    @method
    def listening(self) -> Cap:
        """That object, for whoever would like to pretend to be the answer."""
        return self.ear

    @method
    def heard(self):
        """What that object heard so far."""
        return self.ear and local(self.ear).heard

    @method
    def echo(self, it: Any):
        return it

    @method
    def session(self) -> Cap:
        """An object that ends with the incarnation."""
        return expose(Session())

    @method
    def reuse(self, peer: Cap):
        """Uses a capability that was released, which is an exception and no more."""
        peer.release()
        try:
            peer.send("counted")
        except ReleasedError:
            return "caught"

    @method
    async def settle_twice(self):
        promised, resolver = promise()
        resolver.fulfill("once")
        try:
            resolver.fulfill("twice")
        except ReleasedError:
            return await promised

    @method
    def deep(self):
        """Too deep for Python."""
        return self.deep()

    @method
    def mistake(self):
        """A mistake in the vat's own code."""
        return {}["no such key"]

    @method
    def keep_what_can_not_be_kept(self):
        self.count += 1
        self.kept = object()


class Note(Durable):
    """A text that can be read by whoever holds the note."""

    text: str

    @method
    def read(self) -> str:
        return self.text


class Ear(Durable):
    """Hears one answer."""

    heard: Any = None

    @answer
    def hear(self, answer: Answer, asked: str):
        self.heard = [asked, answer.value]


class Session(Ephemeral):
    """Counts how often it was used."""

    uses = 0

    @method
    def use(self) -> int:
        self.uses += 1
        return self.uses


Lifecycle = vat(Peer)
