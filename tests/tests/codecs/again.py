"""Reads bodies in hex, a line each, and writes each again, or `refused`."""

import sys

sys.path.insert(0, sys.argv[1])
import passable

CAPS = [passable.Reference() for _ in range(4)]

for line in sys.stdin:
    try:
        print(passable.encode(passable.decode(bytes.fromhex(line), CAPS))[0].hex())
    except passable.Error as error:
        assert error.name == "not-passable"
        print("refused")
