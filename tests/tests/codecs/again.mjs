// Reads bodies in hex, a line each, and writes each again, or `refused`.

import { readFileSync } from 'node:fs';

const { decode, encode, Reference, VatError } = await import(`${process.argv[2]}/passable.js`);
const caps = Array.from({ length: 4 }, () => new Reference());

for (const line of readFileSync(0, 'utf8').trimEnd().split('\n')) {
  try {
    console.log(Buffer.from(encode(decode(Uint8Array.from(Buffer.from(line, 'hex')), caps)).body).toString('hex'));
  } catch (error) {
    if (!(error instanceof VatError) || error.name !== 'not-passable') throw error;
    console.log('refused');
  }
}
