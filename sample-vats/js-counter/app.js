// Counts, and remembers. The sample `counter` in JavaScript: same class, same field, so either can be upgraded to the other.

import { Durable, vat, VatError } from '../../guest-sdk/js/index.js';

class Counter extends Durable {
  static docs = 'A number that only grows.';
  static methodDocs = { increment: 'Adds to it, and answers what it is then.' };

  count = 0;

  increment(by) {
    if (!Number.isSafeInteger(by) || by < 0) throw new VatError('bad-arguments', '`increment(by)`: `by` is no number from 0');
    this.count += by;
    return this.count;
  }

  get() {
    return this.count;
  }
}

export const lifecycle = vat(Counter);
