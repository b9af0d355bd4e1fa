// What the author of a vat in JavaScript sees.
//
//     import { Durable, vat } from './ocap-guest-sdk/index.js';
//
//     class Counter extends Durable {
//       count = 0;
//
//       increment(by) {
//         this.count += by;
//         return this.count;
//       }
//     }
//
//     export const lifecycle = vat(Counter);

import {
  abort, answerOf, answerOfError, begin, broken, Cap, common, Delivery, ended, exposed, here, local as localId, log, move, parcel, rawGet,
  rawLoad, rawPut, rawRemove, received, Scope, settle, within,
} from './cap.js';
import { isBytes, VatError } from './passable.js';

export { abort, Cap, context, Failed, log, ReleasedError, RemotePromise, Resolver, store, withResolver } from './cap.js';
export { Tagged, VatError } from './passable.js';

/** Numbers of objects that end with the incarnation begin here. */
const EPHEMERAL_IDS = 1n << 62n;

/** The method of the root that runs when an incarnation begins. What it throws quarantines the vat, and the operator sees its text. */
export const started = Symbol('started');

/** An object that ends with the incarnation: for sessions and closures. `expose` it to hand it out; it is disposed when nobody holds it. */
export class Ephemeral {}

/**
 * An object whose public fields are kept in the vat's store.
 *
 * Its constructor has to work without arguments: what it sets is what a field has that was added later. Fields are loaded when a message
 * comes and saved at the end of the delivery if they changed; while a method waits, other deliveries see and change the same fields.
 * Private fields are not kept. The class's name is kept beside the state, so a renamed class is another kind; `static kind` says it instead.
 * `static answers`, a list of names, says which methods hear answers, as `heard({ value, error })`: nobody can call those.
 * What `__describe` tells others is `static docs`, a text, and `static methodDocs`, an object of one text for each method.
 */
export class Durable {}

const kinds = new Map();
const ids = new WeakMap();
const heap = new Map();
let nextEphemeral = EPHEMERAL_IDS;
let Root;

const kindOf = (type) => (Object.hasOwn(type, 'kind') ? type.kind : type.name);

// Durable objects in memory.

const live = new Map();
let saving = false;
let scheduled = false;

/** A durable object in memory, as long as some delivery uses it. Capabilities in its state are its own. */
class Entry {
  scope = new Scope();
  uses = 0;
  /** What the store has: the bytes, and the slots of their capabilities. */
  before = { body: [], slots: [] };

  constructor(id, object) {
    this.id = id;
    this.object = object;
    this.watchFields();
    ids.set(object, id);
    live.set(id, this);
  }

  /** Has a look at a field lead to the state being saved when the code that looks has come to its next await. */
  watchFields() {
    for (const name of Object.keys(this.object)) {
      const { get, value } = Object.getOwnPropertyDescriptor(this.object, name);
      if (get) continue;
      let field = value;
      Object.defineProperty(this.object, name, {
        enumerable: true,
        configurable: true,
        get: () => {
          this.touched();
          return field;
        },
        set: (next) => {
          this.touched();
          field = next;
        },
      });
    }
  }

  touched() {
    if (live.get(this.id) !== this) {
      throw new VatError('object-released', 'the delivery that used this object is over: nothing of it would be kept');
    }
    if (saving || scheduled) return;
    scheduled = true;
    queueMicrotask(saveAll);
  }

  /** Stays in memory until a scope is closed. Whoever closes it has saved before. */
  usedBy(scope) {
    this.uses++;
    scope.ends.push(() => {
      if (--this.uses > 0 || live.get(this.id) !== this) return;
      live.delete(this.id);
      this.scope.close();
    });
  }

  save() {
    try {
      this.watchFields();
      const state = { ...this.object };
      const { body, caps } = parcel([kindOf(this.object.constructor), state]);
      this.own(state, caps.length);
      const slots = caps.map((cap) => cap.slot());
      if (same(body, this.before.body) && same(slots, this.before.slots)) return;
      rawPut(key(this.id), { body, caps });
      this.before = { body, slots };
    } catch (error) {
      abort(`the state of object ${this.id}, a \`${kindOf(this.object.constructor)}\`, can not be kept: ${error.message}`);
    }
  }

  /** Takes over the capabilities of the state, and gives back those that are no longer in it. */
  own(state, count) {
    if (count === 0 && this.scope.caps.size === 0) return;
    const inState = new Set(capsIn(state));
    for (const cap of [...this.scope.caps]) if (!inState.has(cap)) move(cap, here());
    for (const cap of inState) move(cap, this.scope);
  }
}

function same(one, other) {
  return one.length === other.length && one.every((it, at) => it === other[at]);
}

function* capsIn(value) {
  if (value instanceof Cap) yield value;
  else if (value !== null && typeof value === 'object' && !isBytes(value)) {
    for (const part of Object.values(value)) yield* capsIn(part);
  }
}

/** Writes what changed. What can not be kept undoes the delivery, since its messages are sent already. */
function saveAll() {
  scheduled = false;
  saving = true;
  for (const entry of live.values()) entry.save();
  saving = false;
}

function key(id) {
  const bytes = new Uint8Array(15);
  bytes.set(new TextEncoder().encode('object/'));
  new DataView(bytes.buffer).setBigUint64(7, id);
  return bytes;
}

function load(id) {
  const scope = new Scope();
  const found = rawLoad(key(id), scope);
  if (found === undefined && id !== 0n) return undefined;
  const [kind, state, version] = found?.value ?? [];
  if (kind === THEN) return new Then(scope, ...state);
  const Kind = id === 0n ? Root : kinds.get(kind);
  if (Kind === undefined) return undefined;
  if (version !== undefined) {
    abort(`the state of object ${id}, a \`${kind}\`, is of version ${version}, which only the SDK for Rust knows`);
  }
  const entry = new Entry(id, Object.assign(new Kind(), state));
  entry.scope = scope;
  if (found !== undefined) entry.before = found;
  return entry;
}

function entryOf(id) {
  const entry = live.get(id) ?? load(id);
  if (entry === undefined) throw new VatError('object-gone', `this vat has no object ${id} of a kind that it knows`);
  entry.usedBy(here());
  return entry;
}

function find(id) {
  if (id < EPHEMERAL_IDS) return entryOf(id).object;
  const object = heap.get(id);
  if (object === undefined) throw new VatError('object-gone', `this vat has no object ${id} of a kind that it knows`);
  return object;
}

/** A capability to an object of this vat. The first one makes it an object: a durable one lives until nobody holds a capability to it. */
export function expose(object) {
  if (object instanceof Ephemeral) {
    if (!ids.has(object)) ids.set(object, nextEphemeral++);
    heap.set(ids.get(object), object);
    return exposed(ids.get(object), 'incarnation');
  }
  if (!ids.has(object)) {
    const kind = kindOf(object.constructor);
    if (!kinds.has(kind)) throw new TypeError(`vat(..) does not name the kind \`${kind}\``);
    const entry = new Entry(nextId(), object);
    entry.usedBy(here());
    entry.touched();
  }
  return exposed(ids.get(object), 'durable');
}

function nextId() {
  const counter = new TextEncoder().encode('sdk/next-object');
  const id = rawGet(counter) ?? 1;
  rawPut(counter, parcel(id + 1));
  return BigInt(id);
}

/** The kind of what listens. No class is called so. */
const THEN = '$then';

/** What listens for one answer. */
class Then {
  constructor(scope, object, method, context) {
    Object.assign(this, { scope, object: this, to: object, method, context });
  }

  usedBy(scope) {
    scope.ends.push(() => this.scope.close());
  }

  /** The object that hears the answer, and what its method comes to. */
  deliver(how, payload) {
    const object = local(this.to);
    if (!hearsAnswers(object, this.method)) {
      throw new TypeError(`an answer is lost: ${object.constructor.name} has no method \`${this.method}\` among its \`static answers\``);
    }
    return [object, object[this.method](heard(how, payload), this.context)];
  }
}

/**
 * Has the answer of a promise sent to a method of a durable object, one of its `static answers`, also if this vat has been restarted
 * meanwhile: `then(bank.call('pay'), order, 'paid')`. A context, if there is one, is kept, and given to the method after the answer.
 *
 * What listens is a small object of its own that nobody is given a capability to, so nobody but the kernel can answer.
 */
export function then(promise, object, method, context = null) {
  if (!(object instanceof Durable) || !hearsAnswers(object, method)) {
    throw new TypeError(`\`then\` wants a durable object and one of its \`static answers\`, and \`${method}\` is none`);
  }
  const id = nextId();
  rawPut(key(id), parcel([THEN, [expose(object), method, context]]));
  promise.listen(exposed(id, 'durable'));
}

/** The object behind a capability, if it is one of this vat; else `undefined`. */
export function local(cap) {
  const id = localId(cap);
  return id === undefined ? undefined : find(id);
}

// Messages.

/** The prototypes of an object's class and of those between it and `Durable` or `Ephemeral`. */
function* prototypes(object) {
  const ends = [Durable.prototype, Ephemeral.prototype, null];
  for (let type = Object.getPrototypeOf(object); !ends.includes(type); type = Object.getPrototypeOf(type)) yield type;
}

const isMethod = (type, name) => Object.hasOwn(type, name) && name !== 'constructor' && typeof type[name] === 'function';
const hearsAnswers = (object, name) => (object.constructor.answers ?? []).includes(name) && typeof object[name] === 'function';

/** The method that a message names: a public one that is not for answers. */
function methodOf(object, name) {
  for (const type of prototypes(object)) if (isMethod(type, name) && !hearsAnswers(object, name)) return type[name];
  throw new VatError('no-such-method', `${object.constructor.name} has no method \`${name}\``);
}

/** What `__describe` answers, in the shape in which every ocap-guest-sdk does. */
function describe(object) {
  const { docs = '', methodDocs = {} } = object.constructor;
  const methods = new Map();
  for (const type of prototypes(object)) {
    for (const name of Object.getOwnPropertyNames(type)) {
      if (!isMethod(type, name) || methods.has(name) || hearsAnswers(object, name)) continue;
      const args = parameters(type[name]).map((name) => ({ name, type: 'any' }));
      methods.set(name, { name, docs: methodDocs[name] ?? '', args, answer: 'any' });
    }
  }
  return { name: kindOf(object.constructor), docs, interfaces: [], methods: [...methods.values()] };
}

/** The names of a function's parameters, as far as they are plain names, with or without a default; else they have numbers. */
function parameters(code) {
  const [, list] = /^[^(]*\(([^(){}[\]]*)\)/.exec(Function.prototype.toString.call(code)) ?? [];
  const names = list?.split(',').map((it) => it.split('=')[0].trim()).filter((name) => name !== '');
  const known = names !== undefined && names.length >= code.length && names.every((name) => /^(\.\.\.)?[A-Za-z_$][\w$]*$/.test(name));
  return known ? names : Array.from({ length: code.length }, (_, at) => `arg${at + 1}`);
}

function invoke(object, name, payload) {
  if (name === '__describe') return describe(object);
  const method = methodOf(object, name);
  const bad = (message) => new VatError('bad-arguments', `\`${name}\`: ${message}`);
  let args;
  try {
    args = received(payload);
  } catch (error) {
    throw bad(error.message);
  }
  if (!Array.isArray(args)) throw bad('the arguments are no list');
  if (args.length < method.length) throw bad(`got ${args.length} instead of ${method.length}`);
  return method.apply(object, args);
}

function heard(name, payload) {
  if (name === 'break') return { error: broken(payload) };
  try {
    return { value: received(payload) };
  } catch (error) {
    return { error: new VatError('unexpected-answer', error.message) };
  }
}

/** The error as others see it. What nobody meant to throw is a mistake in the vat, so the log gets all of it. */
function described(error) {
  if (error instanceof VatError) return error;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  log.error(text, { at: String(error?.stack ?? '').trim().split('\n').slice(0, 8).join(', from ') });
  return new VatError('error', text);
}

let running = 0;

/** Runs code whose handles belong to a delivery, until its promise, if it gives one, has ended. */
function conduct(delivery, name, resolver, code) {
  running++;
  const end = (outcome) => conclude(delivery, name, resolver, outcome);
  const fail = (error) => end(() => {
    throw error;
  });
  let value;
  try {
    value = within(delivery, code);
  } catch (error) {
    return fail(error);
  }
  // A promise of the vat's own goes on; one of the kernel's is the answer as it is.
  if (value instanceof Promise) value.then((value) => end(() => value), fail);
  else end(() => value);
}

function conclude(delivery, name, resolver, outcome) {
  let settled;
  try {
    const value = outcome();
    settled = resolver && answerOf(value);
  } catch (error) {
    const it = described(error);
    if (resolver === undefined) log.debug(`\`${name}\` failed, and nobody asked: ${it.message}`, { name: it.name });
    settled = answerOfError(it);
  }
  if (resolver !== undefined) settle(resolver, settled);
  saveAll();
  delivery.close();
  running--;
  rest();
}

/** When no method is under way any more, nothing needs the handles of which nobody knows whose they are. */
function rest() {
  if (running === 0) common.close();
}

/** Runs an async function beside everything else, with handles of its own: what it takes over from a delivery has to be kept. */
export function spawn(code) {
  conduct(new Delivery(), code.name || 'spawn', undefined, code);
}

function deliver(id, name, payload, handle) {
  const delivery = new Delivery();
  conduct(delivery, name, handle && new Cap(handle, delivery), () => {
    const found = find(id);
    const [object, value] = found instanceof Then ? found.deliver(name, payload) : [found, invoke(found, name, payload)];
    // Nobody else may hold the object by the time it goes on.
    if (value instanceof Promise && ids.get(object) !== 0n && object instanceof Durable) exposed(ids.get(object), 'durable');
    return value;
  });
}

function start(boot) {
  const delivery = new Delivery();
  try {
    begin(boot);
    within(delivery, () => {
      if (!Root.prototype[started]) return;
      if (find(0n)[started]() instanceof Promise) throw new VatError('error', 'a method `[started]` can not be async');
    });
    saveAll();
  } catch (error) {
    throw described(error).message;
  } finally {
    delivery.close();
  }
}

/** Makes a component whose root, object 0, is of this class, and which knows further kinds of durable objects. */
export function vat(root, ...others) {
  Root = root;
  for (const type of [root, ...others]) kinds.set(kindOf(type), type);
  globalThis.console = { ...log, log: log.info };
  // None of these returns a promise: the host would trap the vat for one that is still pending.
  return {
    start,
    deliver(id, name, payload, resolver) {
      deliver(id, name, payload, resolver);
    },
    settled(resolutions) {
      for (const [token, resolution] of resolutions) ended(token, resolution);
      rest();
    },
    dropped(objects) {
      for (const id of objects) {
        if (id >= EPHEMERAL_IDS) {
          const object = heap.get(id);
          heap.delete(id);
          ids.delete(object);
          object?.[Symbol.dispose ?? Symbol.for('dispose')]?.();
        } else if (id > 0n) {
          const entry = live.get(id);
          live.delete(id);
          if (entry !== undefined) ids.delete(entry.object);
          rawRemove(key(id));
        }
      }
    },
  };
}
