// Capabilities, promises, the store, the log: the host's side of a vat.

import * as kernel from 'ocap:vat/kernel@0.1.0';
import * as hostStore from 'ocap:vat/store@0.1.0';
import { write as writeLog } from 'ocap:vat/log@0.1.0';
import { decode, encode, Reference, VatError } from './passable.js';

const dispose = Symbol.dispose ?? Symbol.for('dispose');

/** The kernel says so: `object-gone`, `vat-trapped`, `resolver-dropped`, ... No vat can forge it. */
export class Failed extends VatError {
  constructor(code) {
    super(code, code);
  }
}

/** A capability was used after it had been released. */
export class ReleasedError extends VatError {
  constructor() {
    super('capability-released', 'this capability was released before: `keep()` what is to outlast its delivery');
  }
}

/** Who owns handles, and gives them up when it is over. */
export class Scope {
  caps = new Set();
  /** What else ends with it. */
  ends = [];

  close() {
    for (const cap of [...this.caps]) cap.release();
    for (const end of this.ends.splice(0)) end();
  }
}

/** A delivery, from its message to its answer. */
export class Delivery extends Scope {
  over = false;

  close() {
    this.over = true;
    super.close();
  }
}

/** Owns what came up in a method after an await, when it is not certain in which: given up as soon as no method is under way any more. */
export const common = new Scope();
let current;

/** The scope of what comes up now. */
export const here = () => current ?? common;

/** Runs code whose handles belong to a scope, as far as it is synchronous. */
export function within(scope, code) {
  const outer = current;
  current = scope;
  try {
    return code();
  } finally {
    current = outer;
  }
}

/** The handle. The one place where a released capability is found out, before the host would trap the vat for it. */
let lend;
/** Takes the handle away from its wrapper. */
let take;
/** Gives a capability to another scope, unless it is kept. */
let move;

/**
 * A capability: the right to send messages to an object or to the promise of one, wherever it lives.
 *
 * It ends with the delivery it came up in, unless it is kept: by `keep()`, or by standing in the state of a durable object. Grants are
 * kept. `release()` ends it at once; using it afterwards throws `ReleasedError`.
 */
export class Cap extends Reference {
  #handle;
  #scope;
  #slot;

  constructor(handle, scope = here()) {
    super();
    this.#handle = handle;
    this.#scope = scope instanceof Delivery && scope.over ? common : scope;
    this.#scope.caps.add(this);
  }

  static {
    lend = (cap) => {
      if (cap.#handle === undefined) throw new ReleasedError();
      return cap.#handle;
    };
    take = (cap) => {
      const handle = lend(cap);
      cap.#handle = undefined;
      cap.#scope?.caps.delete(cap);
      return handle;
    };
    move = (cap, scope) => {
      if (cap.#scope === undefined) return;
      cap.#scope.caps.delete(cap);
      cap.#scope = scope;
      scope.caps.add(cap);
    };
  }

  /** Calls a method. Gives the promise of its answer: to be awaited, sent to at once, or passed on. */
  call(method, ...args) {
    const handle = kernel.call(lend(this), method, parcel(args));
    return new RemotePromise(handle, this.#scope instanceof Delivery ? this.#scope : here());
  }

  /** Sends a message without asking for an answer. Nobody learns how it went. */
  send(method, ...args) {
    kernel.send(lend(this), method, parcel(args), undefined);
  }

  /**
   * Calls a method whose answer goes to `listener`, a resolver, also if this vat has been restarted meanwhile. To a method of a durable
   * object it goes by `then`.
   */
  callTo(listener, method, ...args) {
    kernel.send(lend(this), method, parcel(args), lend(listener));
  }

  /** Has what this promise ends with sent to `listener`, as `callTo` does. */
  listen(listener) {
    kernel.listen(lend(this), lend(listener));
  }

  /** A promise of JavaScript for what this one ends with: a value, or an object as a `Cap`. What is no promise is its own answer. */
  ended() {
    const scope = this.#scope instanceof Delivery ? this.#scope : here();
    return new Promise((resolve, reject) => {
      const token = ++lastToken;
      kernel.watch(lend(this), token);
      waits.set(token, { resolve, reject, scope });
    });
  }

  /** A caretaker of this capability, and the right to take it back by its method `revoke`: `[guarded, revoker]`. */
  guard() {
    return kernel.guard(lend(this)).map((handle) => new Cap(handle));
  }

  /** One number for one reference, as long as the vat holds it. */
  get slot() {
    return (this.#slot ??= lend(this).slot());
  }

  /** Whether it is the same reference. A promise never becomes equal to what it ended with. */
  equals(other) {
    return this === other || (other instanceof Cap && this.slot === other.slot);
  }

  /** Keeps it after the delivery, until it is released. */
  keep() {
    lend(this);
    this.#scope?.caps.delete(this);
    this.#scope = undefined;
    return this;
  }

  /** Gives this handle up. Releasing twice is once. */
  release() {
    if (this.#handle !== undefined) take(this)[dispose]();
  }

  [dispose]() {
    this.release();
  }
}

/** The promise of an answer: `await` it, or send to it at once. */
export class RemotePromise extends Cap {
  then(onFulfilled, onRejected) {
    return this.ended().then(onFulfilled, onRejected);
  }
}

/** The right to settle a promise, once. Settling anything else traps the vat. */
export class Resolver extends Cap {
  /** The resolver that a capability is. Takes it over: `cap` is released. */
  static of(cap) {
    return new Resolver(take(cap));
  }

  /** Settles the promise with a value; with a lone capability, it is forwarded to that. */
  fulfill(value) {
    settle(this, answerOf(value));
  }

  /** Breaks the promise. */
  fail(error) {
    settle(this, answerOfError(error));
  }
}

/** A promise and the right to settle it. */
export function withResolver() {
  const [promise, resolver] = kernel.newPromise();
  return { promise: new RemotePromise(promise), resolver: new Resolver(resolver) };
}

// What goes over the border, out and in.

export function parcel(value) {
  const { body, caps } = encode(value);
  return { body, caps: caps.map(lend) };
}

export function received({ body, caps }, scope = here()) {
  return decode(body, caps.map((handle) => new Cap(handle, scope)));
}

/** A lone capability is forwarded, so that messages sent to the answer reach it. */
export function answerOf(value) {
  return value instanceof Cap ? { tag: 'forward', val: lend(value) } : { tag: 'fulfill', val: parcel(value) };
}

export function answerOfError({ name, message }) {
  return { tag: 'break', val: parcel(new VatError(name, message)) };
}

export function settle(resolver, answer) {
  kernel.settle(take(resolver), answer);
}

export const local = (cap) => lend(cap).local();
export const exposed = (id, lifetime, scope) => new Cap(kernel.expose(id, lifetime), scope);
export { move };

/** The error of a body that should be one. A peer can break a promise with anything. */
export function broken(payload, scope) {
  let it;
  try {
    it = received(payload, scope);
  } catch {
    return new VatError('error', 'the error can not be read');
  }
  if (it instanceof VatError) return it;
  return new VatError('error', typeof it === 'string' ? it : `the error is a ${typeof it}`);
}

const waits = new Map();
let lastToken = 0n;

/** A watched promise has ended. */
export function ended(token, { tag, val }) {
  const wait = waits.get(token);
  waits.delete(token);
  const scope = wait?.scope ?? common;
  try {
    switch (tag) {
      case 'fulfilled': return wait?.resolve(received(val, scope));
      case 'forwarded': return wait?.resolve(new Cap(val, scope));
      case 'broken': return wait?.reject(broken(val, scope));
      default: return wait?.reject(new Failed(val));
    }
  } catch (error) {
    wait?.reject(new VatError('unexpected-answer', error.message));
  }
}

// The store. Its layout is that of every ocap-guest-sdk: `user/` for the vat's own keys, `object/` and `sdk/` for objects.

const utf8 = new TextEncoder();
const text = new TextDecoder();
const userKey = (key) => utf8.encode(`user/${key}`);

export function rawGet(key) {
  const payload = hostStore.get(key);
  return payload && received(payload);
}

/** The same with what it is made of, to see later whether it has changed. */
export function rawLoad(key, scope) {
  const payload = hostStore.get(key);
  return payload && { body: payload.body, slots: payload.caps.map((cap) => cap.slot()), value: received(payload, scope) };
}

export const rawPut = (key, value) => hostStore.put(key, value);
export const rawRemove = (key) => hostStore.remove(key);

/** The vat's own key-value store, for state that is no object. A delivery is the transaction, and reads its own writes. */
export const store = {
  /** The value of a key; `undefined` if there is none. */
  get: (key) => rawGet(userKey(key)),
  /** Sets a key. Capabilities in the value are held until it is overwritten or removed. */
  put: (key, value) => rawPut(userKey(key), parcel(value)),
  /** Removes a key. Whether there was one. */
  remove: (key) => rawRemove(userKey(key)),
  /** The first `limit` keys that begin with `prefix`, in order, after the key `after`. */
  keys: (prefix = '', { after, limit = 1000 } = {}) =>
    hostStore.keys(userKey(prefix), after === undefined ? undefined : userKey(after), limit)
      .map((key) => text.decode(key).slice('user/'.length)),
};

/** What this incarnation was started with. */
export const context = {
  /** The vat's name in its subcluster. */
  vat: undefined,
  /** 1 at the first start, then one more each time the heap is new. */
  incarnation: undefined,
  /** SHA-256 of the previous incarnation's component, if that was other code. */
  upgradedFrom: undefined,
  /** The parameters of the declaration. */
  parameters: {},
  /** Its grants, by their names in `uses`. They are kept. */
  grants: new Map(),

  /** A grant by its name, such as `vat.index` or `io.llm`. */
  grant(name) {
    const cap = this.grants.get(name);
    if (cap) return cap;
    const names = [...this.grants.keys()].sort().join(', ') || 'none';
    throw new VatError('no-such-grant', `\`uses\` grants no \`${name}\` (it grants ${names})`);
  },
};

export function begin({ vat, incarnation, upgradedFrom, parameters, grants }) {
  Object.assign(context, { vat, incarnation: Number(incarnation), upgradedFrom });
  context.parameters = parameters.length ? decode(parameters) : {};
  context.grants = new Map(grants.map(([name, handle]) => [name, new Cap(handle).keep()]));
}

const writes = (level) => (message, fields = {}) =>
  writeLog(level, String(message), Object.entries(fields).map(([name, value]) => [name, String(value)]));

/** The vat's log: `log.info('registered', { name })`. */
export const log = Object.fromEntries(['trace', 'debug', 'info', 'warn', 'error'].map((level) => [level, writes(level)]));

/** Undoes the whole delivery, what was sent and kept included, and ends the incarnation. The caller hears `vat-trapped`. */
export function abort(message) {
  log.error(message);
  // Of all that traps, the use of a handle that is gone is the one that also does so after an await.
  const [promise, resolver] = kernel.newPromise();
  resolver[dispose]();
  promise[dispose]();
  promise.slot();
  throw new Error(message);
}
