-- Version 3: how vats came to hold what they hold. Never edited again.

-- How a reference came first. NULL: before version 3. `name` is that of a grant, or the beginning of a method's; `message` the one that
-- brought it, and `target` the object that it was delivered to, or what was asked; `giver` the vat that sent the message or settled the
-- promise, 0 for the host. `boot` and `since` (milliseconds since 1970, 0 if that was not known) say when.
ALTER TABLE clist ADD COLUMN how TEXT CHECK (how IN ('granted', 'exposed', 'made', 'asked', 'sent', 'answered'));
ALTER TABLE clist ADD COLUMN name TEXT CHECK ((name IS NOT NULL) = (how IS 'granted' OR how IS 'sent'));
ALTER TABLE clist ADD COLUMN message INTEGER CHECK ((message IS NOT NULL) = (how IS 'sent') AND message >= 0);
ALTER TABLE clist ADD COLUMN giver INTEGER CHECK (giver IS NULL OR (how IS 'sent' OR how IS 'answered') AND giver >= 0);
ALTER TABLE clist ADD COLUMN target INTEGER CHECK ((target IS NOT NULL) = (how IS 'sent' OR how IS 'asked') AND target >= 0);
ALTER TABLE clist ADD COLUMN boot INTEGER CHECK ((boot IS NOT NULL) = (how IS NOT NULL) AND boot >= 0);
ALTER TABLE clist ADD COLUMN since INTEGER CHECK ((since IS NOT NULL) = (how IS NOT NULL) AND since >= 0);

-- Of a message that tells a listener how a promise ended: who settled that, as `clist.giver` has it.
ALTER TABLE queue ADD COLUMN settler INTEGER CHECK (settler IS NULL OR method IS NOT NULL AND settler >= 0);

UPDATE meta SET min_reader = 3, min_writer = 3;
