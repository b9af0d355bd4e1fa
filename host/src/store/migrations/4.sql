-- Version 4: what the witness beside the file can bear witness to (host/src/store/witness.rs). Never edited again.

-- How many of the kernel's commits were written. It rises in the transaction of each of them, in a row that most of them write anyway.
ALTER TABLE counters ADD COLUMN commits INTEGER NOT NULL DEFAULT 0 CHECK (commits >= 0);

-- Which store this is, drawn by chance once: a copy is the same store, and no other is.
ALTER TABLE meta ADD COLUMN identity BLOB CHECK (length(identity) = 16);

UPDATE meta SET identity = randomblob(16), min_reader = 4, min_writer = 4;
