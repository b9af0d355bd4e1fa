// What can be passed in a message, and its canonical CBOR. Nothing of the host is needed here.
//
// | passable | in JavaScript |
// |---|---|
// | undefined, null, bool, string | `undefined`, `null`, `boolean`, `string` |
// | integer | a `number` that is a safe integer, else a `bigint`; both are written as integers |
// | float | any other `number`; one without a fraction is read as a `number` and so written as an integer again |
// | bytes, symbol | `Uint8Array`, `Symbol.for(text)` |
// | tagged value, error | `Tagged`, `VatError` (any `Error` is written as one) |
// | list, struct | `Array`, a plain object |
// | capability | what derives from `Reference` |

/** The most containers inside each other. */
export const DEPTH_MAX = 64;
/** The most bytes of an integer's magnitude. */
export const INTEGER_BYTES_MAX = 1024;

/** Why there is no answer: a name for programs (short, lower case, with hyphens) and a message for people. */
export class VatError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

/** A value with a label. */
export class Tagged {
  constructor(label, value) {
    this.label = label;
    this.value = value;
  }
}

/** What a capability derives from. */
export class Reference {}

/** Whether it is a `Uint8Array`, also one that the host made, which is of another realm than the vat's code. */
export const isBytes = (it) => Object.prototype.toString.call(it) === '[object Uint8Array]';

const OCAP = 0x4f434150; // the one private tag: "OCAP" in ASCII
const UNSIGNED = 0, NEGATIVE = 1, BYTES = 2, TEXT = 3, LIST = 4, STRUCT = 5, TAG = 6;
const BIG_POSITIVE = 2, BIG_NEGATIVE = 3;
const utf8 = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const notPassable = (message) => new VatError('not-passable', message);

/** The canonical bytes, and the capabilities that they mention by index. Throws a `VatError` with the name `not-passable`. */
export function encode(value) {
  const out = [], caps = [];
  write(value, out, caps, DEPTH_MAX);
  return { body: Uint8Array.from(out), caps };
}

/** The value of these bytes. Throws a `VatError` with the name `not-passable` if they are anything else than one value. */
export function decode(body, caps = []) {
  const reader = new Reader(body, caps);
  const value = reader.value(DEPTH_MAX);
  if (reader.at !== body.length) throw notPassable(`there are bytes after the item, from ${reader.at}`);
  return value;
}

function push(out, bytes) {
  for (const byte of bytes) out.push(byte);
}

/** The first byte of an item and its argument, a number or a bigint, as short as can be. */
function head(major, n, out) {
  if (n < 24) return void out.push((major << 5) | Number(n));
  const [minor, size] = n < 0x100 ? [24, 1] : n < 0x10000 ? [25, 2] : n < 0x100000000 ? [26, 4] : [27, 8];
  out.push((major << 5) | minor);
  if (size === 8) {
    for (let shift = 56n, rest = BigInt(n); shift >= 0n; shift -= 8n) out.push(Number((rest >> shift) & 255n));
  } else {
    for (let shift = 8 * (size - 1), rest = Number(n); shift >= 0; shift -= 8) out.push((rest >>> shift) & 255);
  }
}

function writeText(text, out) {
  // Most texts are ASCII, and need no encoder.
  const begin = out.length;
  head(TEXT, text.length, out);
  let at = 0;
  for (let code; at < text.length && (code = text.charCodeAt(at)) < 0x80; at++) out.push(code);
  if (at === text.length) return;
  out.length = begin;
  if (/[\uD800-\uDFFF]/u.test(text)) throw notPassable('a text with a half of a surrogate pair');
  const bytes = utf8.encode(text);
  head(TEXT, bytes.length, out);
  push(out, bytes);
}

function shape(name, elements, out) {
  head(TAG, OCAP, out);
  head(LIST, elements, out);
  writeText(name, out);
}

function write(it, out, caps, levels) {
  switch (typeof it) {
    case 'undefined': return void out.push(0xf7);
    case 'boolean': return void out.push(it ? 0xf5 : 0xf4);
    case 'number': return Number.isSafeInteger(it) && !Object.is(it, -0) ? writeInteger(it, out) : writeFloat(it, out);
    case 'bigint': return writeInteger(it, out);
    case 'string': return writeText(it, out);
    case 'symbol': return writeSymbol(it, out);
    case 'object': return it === null ? void out.push(0xf6) : writeObject(it, out, caps, levels);
    default: throw notPassable(`a ${typeof it} can not be passed`);
  }
}

function writeSymbol(it, out) {
  const text = Symbol.keyFor(it);
  if (text === undefined) throw notPassable('only a symbol made by `Symbol.for` can be passed');
  shape('symbol', 2, out);
  writeText(text, out);
}

function writeObject(it, out, caps, levels) {
  if (it instanceof Reference) {
    const known = caps.indexOf(it);
    head(TAG, OCAP, out);
    head(UNSIGNED, known < 0 ? caps.push(it) - 1 : known, out);
  } else if (isBytes(it)) {
    head(BYTES, it.length, out);
    push(out, it);
  } else if (it instanceof Error) {
    shape('error', 3, out);
    writeText(String(it.name), out);
    writeText(String(it.message), out);
  } else {
    if (levels === 0) throw notPassable(`nested more than ${DEPTH_MAX} deep`);
    writeContainer(it, out, caps, levels - 1);
  }
}

function writeContainer(it, out, caps, levels) {
  if (Array.isArray(it)) {
    head(LIST, it.length, out);
    for (const item of it) write(item, out, caps, levels);
    return;
  }
  if (it instanceof Tagged) {
    shape('tagged', 3, out);
    writeText(it.label, out);
    write(it.value, out, caps, levels);
    return;
  }
  const prototype = Object.getPrototypeOf(it);
  if (prototype !== null && prototype !== Object.prototype) {
    throw notPassable(`a ${prototype.constructor?.name ?? 'class instance'} can not be passed`);
  }
  const keys = Object.keys(it).map((key) => {
    const encoded = [];
    writeText(key, encoded);
    return { key, encoded };
  });
  head(STRUCT, keys.length, out);
  // A text's length stands before its bytes, so the encoded keys are in the order of their bytes.
  keys.sort(({ encoded: a }, { encoded: b }) => {
    const differ = a.findIndex((byte, at) => byte !== b[at]);
    return differ < 0 ? 0 : a[differ] - b[differ];
  });
  for (const { key, encoded } of keys) {
    push(out, encoded);
    write(it[key], out, caps, levels);
  }
}

function writeInteger(it, out) {
  const negative = it < 0;
  if (typeof it === 'number') return head(negative ? NEGATIVE : UNSIGNED, negative ? -1 - it : it, out);
  const n = negative ? -1n - it : it;
  if (n < 1n << 64n) return head(negative ? NEGATIVE : UNSIGNED, n, out);
  const digits = n.toString(16);
  const hex = digits.length % 2 ? `0${digits}` : digits;
  if (hex.length > 2 * INTEGER_BYTES_MAX) throw notPassable(`an integer of more than ${INTEGER_BYTES_MAX} bytes`);
  head(TAG, negative ? BIG_NEGATIVE : BIG_POSITIVE, out);
  head(BYTES, hex.length / 2, out);
  for (let at = 0; at < hex.length; at += 2) out.push(Number.parseInt(hex.slice(at, at + 2), 16));
}

const floats = new DataView(new ArrayBuffer(8));

function writeFloat(it, out) {
  if (Number.isNaN(it)) return push(out, [0xf9, 0x7e, 0x00]);
  if (Math.fround(it) !== it) {
    floats.setFloat64(0, it);
    return push(out, [0xfb, ...new Uint8Array(floats.buffer, 0, 8)]);
  }
  const half = toHalf(it);
  if (half !== undefined) return push(out, [0xf9, half >> 8, half & 255]);
  floats.setFloat32(0, it);
  push(out, [0xfa, ...new Uint8Array(floats.buffer, 0, 4)]);
}

/** The IEEE 754 binary16 that equals `it`, if there is one. `it` is not NaN. */
function toHalf(it) {
  const sign = it < 0 || Object.is(it, -0) ? 0x8000 : 0;
  const size = Math.abs(it);
  if (size === Infinity) return sign | 0x7c00;
  // In units of the smallest subnormal, a number of eleven bits is shifted to where its exponent says.
  let fraction = size * 2 ** 24, exponent = 0;
  for (; fraction >= 2048; exponent++) fraction /= 2;
  if (fraction !== Math.floor(fraction) || exponent > 29) return undefined;
  return sign | (fraction < 1024 ? fraction : ((exponent + 1) << 10) | (fraction - 1024));
}

function fromHalf(bits) {
  const fraction = bits & 0x3ff, exponent = (bits >> 10) & 0x1f;
  const size = exponent === 0 ? fraction * 2 ** -24
    : exponent < 31 ? (fraction + 1024) * 2 ** (exponent - 25)
    : fraction === 0 ? Infinity : NaN;
  return bits & 0x8000 ? -size : size;
}

/** Reads strictly: bounded in depth, and in memory by the length of the input. */
class Reader {
  constructor(body, caps) {
    this.body = body;
    this.caps = caps;
    this.at = 0;
  }

  take(length) {
    if (length > this.body.length - this.at) throw notPassable(`the bytes end at ${this.body.length}, inside an item`);
    this.at += Number(length);
    return this.body.subarray(this.at - Number(length), this.at);
  }

  /** Major, minor, and the argument: a number, or a bigint if it has eight bytes. */
  head() {
    const first = this.take(1)[0], minor = first & 31;
    if (minor < 24) return [first >> 5, minor, minor];
    if (minor > 27) throw notPassable(`byte ${this.at - 1} begins no item that can be passed`);
    const bytes = this.take(1 << (minor - 24));
    if (minor === 27) return [first >> 5, minor, bytes.reduce((n, byte) => (n << 8n) | BigInt(byte), 0n)];
    return [first >> 5, minor, bytes.reduce((n, byte) => n * 256 + byte, 0)];
  }

  value(levels) {
    const at = this.at;
    const [major, minor, n] = this.head();
    switch (major) {
      case UNSIGNED: return integer(n);
      case NEGATIVE: return typeof n === 'number' ? -1 - n : integer(-1n - n);
      case BYTES: return Uint8Array.from(this.take(n));
      case TEXT: return this.text(n, at);
      case LIST: return this.list(n, deeper(levels));
      case STRUCT: return this.fields(n, at, deeper(levels));
      case TAG: return this.tagged(Number(n), at, levels);
      default: return other(minor, n, at);
    }
  }

  text(length, at) {
    const bytes = this.take(length);
    try {
      return strict.decode(bytes);
    } catch {
      throw notPassable(`the text at byte ${at} is no UTF-8`);
    }
  }

  list(length, levels) {
    const items = [];
    for (let n = 0; n < length; n++) items.push(this.value(levels));
    return items;
  }

  fields(count, at, levels) {
    const entries = new Map();
    for (let n = 0; n < count; n++) {
      const keyAt = this.at;
      const [major, , length] = this.head();
      const key = major === TEXT ? this.text(length, keyAt) : undefined;
      if (key === undefined || entries.has(key)) {
        throw notPassable(`the struct at byte ${at} has a key that is no text, or a key twice`);
      }
      entries.set(key, this.value(levels));
    }
    // Own properties, whatever they are called: also `__proto__`.
    return Object.fromEntries(entries);
  }

  tagged(tag, at, levels) {
    const bad = () => notPassable(`the tag at byte ${at} is unknown or holds the wrong thing`);
    const text = () => {
      const textAt = this.at;
      const [major, , length] = this.head();
      if (major !== TEXT) throw bad();
      return this.text(length, textAt);
    };
    const [major, , n] = this.head();
    if ((tag === BIG_POSITIVE || tag === BIG_NEGATIVE) && major === BYTES) return big(tag === BIG_NEGATIVE, this.take(n));
    if (tag !== OCAP) throw bad();
    if (major === UNSIGNED) {
      if (n >= this.caps.length) throw notPassable(`there is no capability ${n}`);
      return this.caps[Number(n)];
    }
    if (major === LIST) {
      switch (`${text()} ${n}`) {
        case 'symbol 2': return Symbol.for(text());
        case 'error 3': return new VatError(text(), text());
        case 'tagged 3': {
          const inner = deeper(levels);
          return new Tagged(text(), this.value(inner));
        }
      }
    }
    throw bad();
  }
}

function deeper(levels) {
  if (levels === 0) throw notPassable(`nested more than ${DEPTH_MAX} deep`);
  return levels - 1;
}

function integer(n) {
  return n >= Number.MIN_SAFE_INTEGER && n <= Number.MAX_SAFE_INTEGER ? Number(n) : n;
}

function big(negative, bytes) {
  const begin = bytes.findIndex((byte) => byte !== 0);
  const magnitude = begin < 0 ? [] : bytes.subarray(begin);
  if (magnitude.length > INTEGER_BYTES_MAX) throw notPassable(`an integer of more than ${INTEGER_BYTES_MAX} bytes`);
  const n = magnitude.reduce((n, byte) => (n << 8n) | BigInt(byte), 0n);
  return integer(negative ? -1n - n : n);
}

/** Simple values and floats. */
function other(minor, n, at) {
  switch (minor) {
    case 20: return false;
    case 21: return true;
    case 22: return null;
    case 23: return undefined;
    case 25: return fromHalf(Number(n));
    case 26: floats.setUint32(0, Number(n)); return floats.getFloat32(0);
    case 27: floats.setBigUint64(0, n); return floats.getFloat64(0);
    default: throw notPassable(`byte ${at} begins no item that can be passed`);
  }
}
