// A peer: what two vats can do with each other, whatever they are written in. The same one stands in `../rust` and `../python`.

import {
  context, Durable, Ephemeral, expose, Failed, local, ReleasedError, Resolver, started, then, vat, VatError, withResolver,
} from '../../../guest-sdk/js/index.js';

/** What a peer remembers. */
class Peer extends Durable {
  count = 0;
  kept = null;
  ear = null;

  [started]() {
    const { language } = context.parameters;
    if (language !== 'JavaScript') throw new VatError('wrong-language', `this is JavaScript, not ${language}`);
  }

  /** Another peer, by its name in `uses`. */
  peer(name) {
    return context.grant(name);
  }

  /** Passes a word along a path of peers; the names of all that had it. */
  async relay([next, ...rest], word) {
    return [context.vat, ...(next ? await next.call('relay', rest, word) : [word])];
  }

  /** A new note. */
  note(text) {
    return expose(Object.assign(new Note(), { text }));
  }

  /** Has one peer make a note and another keep it. The keeper's answer, which reads it. */
  async introduce(maker, keeper, text) {
    const note = await maker.call('note', text);
    return await keeper.call('keep', note);
  }

  keep(note) {
    this.kept = note;
    return note.call('read');
  }

  read_kept() {
    if (this.kept === null) throw new VatError('no-note', 'no note is kept');
    return this.kept.call('read');
  }

  /** Gives the right to settle a promise to one peer and the promise to another. The other's answer. */
  pair(settler, waiter, value) {
    const { promise, resolver } = withResolver();
    settler.send('settle', resolver, value);
    return waiter.call('wait', promise);
  }

  settle(resolver, value) {
    Resolver.of(resolver).fulfill(value);
  }

  async wait(promised) {
    return [context.vat, await promised.ended()];
  }

  refuse(name) {
    throw new VatError(name, `${context.vat} refuses`);
  }

  /** Catches what a peer refuses with. */
  async attempt(peer, name) {
    try {
      await peer.call('refuse', name);
    } catch (error) {
      return [error.name, error.message];
    }
  }

  /** Waits for a promise that nobody can settle any more; what the kernel says. */
  async abandoned() {
    const { promise, resolver } = withResolver();
    resolver.release();
    try {
      await promise;
    } catch (error) {
      if (error instanceof Failed) return error.name;
    }
  }

  counted() {
    this.count += 1;
    return this.count;
  }

  /** Has a peer's answer sent to a durable object, whatever becomes of this incarnation. */
  ask_later(peer) {
    const ear = new Ear();
    this.ear = expose(ear);
    then(peer.call('counted'), ear, 'hear', 'counted');
  }

  /** That object, for whoever would like to pretend to be the answer. */
  listening() {
    return this.ear;
  }

  /** What that object heard so far. */
  heard() {
    return this.ear && local(this.ear).heard;
  }

  echo(it) {
    return it;
  }

  /** An object that ends with the incarnation. */
  session() {
    return expose(new Session());
  }

  /** Uses a capability that was released, which is an exception and no more. */
  reuse(peer) {
    peer.release();
    try {
      peer.send('counted');
    } catch (error) {
      if (error instanceof ReleasedError) return 'caught';
    }
  }

  async settle_twice() {
    const { promise, resolver } = withResolver();
    resolver.fulfill('once');
    try {
      resolver.fulfill('twice');
    } catch (error) {
      if (error instanceof ReleasedError) return await promise;
    }
  }

  /** A capability that outlives its delivery, once because it is kept and once although it is not. */
  hoard(peer) {
    Object.assign(hoarded, { kept: peer.keep(), lost: expose(this) });
  }

  async use_hoarded(which) {
    return await hoarded[which].call('counted');
  }

  /** Too deep for JavaScript. */
  deep() {
    return this.deep() + 1;
  }

  /** A mistake in the vat's own code. */
  mistake() {
    return undefined.nothing;
  }

  keep_what_can_not_be_kept() {
    this.count += 1;
    this.kept = () => {};
  }

  /** Changes its state after an await, and then waits for nothing of the kernel's. */
  async change_and_hang() {
    await expose(this).call('counted');
    this.count += 100;
    await new Promise(() => {});
  }
}

const hoarded = {};

/** A text that can be read by whoever holds the note. */
class Note extends Durable {
  text = '';

  read() {
    return this.text;
  }
}

/** Hears one answer. */
class Ear extends Durable {
  heard = null;

  static answers = ['hear'];

  hear({ value }, asked) {
    this.heard = [asked, value ?? null];
  }
}

/** Counts how often it was used. */
class Session extends Ephemeral {
  #uses = 0;

  use() {
    return ++this.#uses;
  }
}

export const lifecycle = vat(Peer, Note, Ear);
