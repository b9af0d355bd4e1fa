//! Rows on their way back: each table's query, and what one of its rows means.
//!
//! Its rule: a row that [`super::changes`] would not have written is a [`Flaw`].

use ocap_kernel::{
    Answer, ClistRow, Code, Counters, DeadLetter, Exposed, Fate, Item, Kref, Message, MessageId, Object, ObjectId,
    Owner, Payload, Progress, Promise, PromiseId, Queue, Queued, Sender, Slot, Subcluster, SubclusterId, Suspicion,
    Upgrade, Vat, VatId, VatStatus,
};

use super::columns::{Columns, Flaw};
use super::load::VatSize;
use super::{origin, words};

/// How a table is read.
pub(super) struct Query {
    pub(super) table: &'static str,
    /// The key's columns, which come first: a bad row is named by them.
    pub(super) keys: &'static [&'static str],
    pub(super) sql: &'static str,
}

/// Whether something is as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// It is, as far as is known.
    Yes,
    /// It is not.
    No,
}

/// A key and its value.
type Parsed<K, V> = Result<(K, V), Flaw>;

pub(super) const COUNTERS: Query = Query {
    table: "counters",
    keys: &["id"],
    sql: "SELECT id, subcluster, vat, object, promise, message, boot, sum FROM counters",
};

pub(super) fn counters(row: &mut Columns<'_>) -> Result<Counters, Flaw> {
    row.number("id")?;
    let counters = Counters {
        subcluster: row.number("subcluster")?,
        vat: row.number("vat")?,
        object: row.number("object")?,
        promise: row.number("promise")?,
        message: row.number("message")?,
        boot: row.number("boot")?,
    };
    row.as_written("sum")?;
    Ok(counters)
}

pub(super) const SUBCLUSTERS: Query = Query {
    table: "subclusters",
    keys: &["id"],
    sql: "SELECT id, name, bootstrap, declaration, sum FROM subclusters ORDER BY id",
};

pub(super) fn subcluster(row: &mut Columns<'_>) -> Parsed<SubclusterId, Subcluster> {
    let id = SubclusterId(row.number("id")?);
    let name = row.text("name")?.to_owned();
    let bootstrap = VatId(row.number("bootstrap")?);
    let declaration = row.body("declaration")?;
    row.as_written("sum")?;
    Ok((id, Subcluster { name, bootstrap, declaration }))
}

pub(super) const VATS: Query = Query {
    table: "vats",
    keys: &["id"],
    sql: "SELECT id, subcluster, name, code, parameters, grants, mailbox_max, references_max, turns, when_quarantined, \
          status, diagnostic, upgrade, code_before, sum FROM vats ORDER BY id",
};

pub(super) fn vat(row: &mut Columns<'_>) -> Parsed<VatId, Vat> {
    let id = VatId(row.number("id")?);
    let vat = Vat {
        subcluster: SubclusterId(row.number("subcluster")?),
        name: row.text("name")?.to_owned(),
        code: row.body("code")?,
        parameters: row.body("parameters")?,
        grants: row.grants("grants")?,
        mailbox_max: row.bits("mailbox_max")?,
        references_max: row.bits("references_max")?,
        turns: row.small_number("turns")?,
        when_quarantined: row.word("when_quarantined", words::parse_when_quarantined)?,
        status: status(row)?,
        upgrade: upgrade(row)?,
    };
    row.as_written("sum")?;
    Ok((id, vat))
}

fn status(row: &mut Columns<'_>) -> Result<VatStatus, Flaw> {
    let status = match row.text("status")? {
        "quarantined" => return row.body("diagnostic").map(VatStatus::Quarantined),
        "active" => VatStatus::Active,
        "ending" => VatStatus::Ending,
        word => return Err(Flaw::unknown_word("status", word)),
    };
    row.absent("diagnostic", "the vat is not quarantined")?;
    Ok(status)
}

fn upgrade(row: &mut Columns<'_>) -> Result<Upgrade, Flaw> {
    match row.text("upgrade")? {
        "none" => row.absent("code_before", "the vat had no other code").map(|()| Upgrade::None),
        "trial" => Ok(Upgrade::Trial { before: row.body("code_before")? }),
        "kept" => Ok(Upgrade::Kept { before: row.body("code_before")? }),
        word => Err(Flaw::unknown_word("upgrade", word)),
    }
}

pub(super) const PROGRESS: Query = Query {
    table: "progress",
    keys: &["vat"],
    sql: "SELECT vat, incarnation, next_slot, sum FROM progress ORDER BY vat",
};

pub(super) fn progress(row: &mut Columns<'_>) -> Parsed<VatId, Progress> {
    let vat = VatId(row.number("vat")?);
    let incarnation = row.number("incarnation")?;
    let next_slot = Slot(row.number("next_slot")?);
    row.as_written("sum")?;
    Ok((vat, Progress { incarnation, next_slot }))
}

pub(super) const OBJECTS: Query = Query {
    table: "objects",
    keys: &["id"],
    sql: "SELECT id, owner, vat, object, lifetime, name, target, revokes, lost, sum FROM objects ORDER BY id",
};

pub(super) fn object(row: &mut Columns<'_>) -> Parsed<ObjectId, Object> {
    let id = ObjectId(row.number("id")?);
    let owner = match row.text("owner")? {
        "vat" => owner_vat(row)?,
        "host" => Owner::Host(name_of_host(row)?),
        "host-until-boot" => Owner::HostUntilBoot(name_of_host(row)?),
        "host-while-held" => Owner::HostWhileHeld(name_of_host(row)?),
        "caretaker" => {
            absent(row, &["vat", "object", "lifetime", "name"])?;
            let target = row.kref("target")?;
            absent(row, &["revokes"])?;
            Owner::Caretaker { target }
        }
        "revoker" => {
            absent(row, &["vat", "object", "lifetime", "name", "target"])?;
            Owner::Revoker(ObjectId(row.number("revokes")?))
        }
        word => return Err(Flaw::unknown_word("owner", word)),
    };
    let fate = row.optional_code("lost")?.map_or(Fate::Live, Fate::Lost);
    row.as_written("sum")?;
    Ok((id, Object { owner, fate }))
}

fn owner_vat(row: &mut Columns<'_>) -> Result<Owner, Flaw> {
    let vat = VatId(row.number("vat")?);
    let object = row.bits("object")?;
    let lifetime = row.word("lifetime", words::parse_lifetime)?;
    for column in ["name", "target", "revokes"] {
        row.absent(column, "the object is a vat's")?;
    }
    Ok(Owner::Vat(vat, Exposed { object, lifetime }))
}

fn name_of_host(row: &mut Columns<'_>) -> Result<String, Flaw> {
    for column in ["vat", "object", "lifetime"] {
        row.absent(column, "the object is the host's")?;
    }
    let name = row.text("name")?.to_owned();
    for column in ["target", "revokes"] {
        row.absent(column, "the object is the host's")?;
    }
    Ok(name)
}

pub(super) const PROMISES: Query = Query {
    table: "promises",
    keys: &["id"],
    sql: "SELECT id, state, listeners, body, caps, target, code, sum FROM promises ORDER BY id",
};

pub(super) fn promise(row: &mut Columns<'_>) -> Parsed<PromiseId, Promise> {
    let id = PromiseId(row.number("id")?);
    let promise = match row.text("state")? {
        "unsettled" => {
            let listeners = row.krefs("listeners")?;
            absent(row, &["body", "caps", "target", "code"])?;
            Promise::Unsettled { listeners }
        }
        "fulfilled" => Promise::Settled(Answer::Fulfill(settled_with(row)?)),
        "broken" => Promise::Settled(Answer::Break(settled_with(row)?)),
        "forwarded" => {
            absent(row, &["listeners", "body", "caps"])?;
            let target = row.kref("target")?;
            absent(row, &["code"])?;
            Promise::Settled(Answer::Forward(target))
        }
        "failed" => {
            absent(row, &["listeners", "body", "caps", "target"])?;
            Promise::Failed(row.word("code", Code::parse)?)
        }
        word => return Err(Flaw::unknown_word("state", word)),
    };
    row.as_written("sum")?;
    Ok((id, promise))
}

fn settled_with(row: &mut Columns<'_>) -> Result<Payload<Kref>, Flaw> {
    absent(row, &["listeners"])?;
    let payload = row.payload()?;
    absent(row, &["target", "code"])?;
    Ok(payload)
}

fn absent(row: &mut Columns<'_>, columns: &[&str]) -> Result<(), Flaw> {
    columns.iter().try_for_each(|column| row.absent(column, "the promise's state has none"))
}

pub(super) const CLIST: Query = Query {
    table: "clist",
    keys: &["vat", "slot"],
    sql: "SELECT vat, slot, kref, how, name, message, giver, target, boot, since, sum FROM clist ORDER BY vat, slot",
};

pub(super) fn clist(row: &mut Columns<'_>) -> Parsed<(VatId, Slot), ClistRow> {
    let key = (VatId(row.number("vat")?), Slot(row.number("slot")?));
    let held = ClistRow { kref: row.kref("kref")?, origin: origin::parse(row)? };
    row.as_written("sum")?;
    Ok((key, held))
}

pub(super) const QUEUE: Query = Query {
    table: "queue",
    keys: &["id"],
    sql: "SELECT id, place, place_id, target, method, caps, answer, sender, through, settler, sum, id, body, body_sum \
          FROM queue ORDER BY id",
};

/// A message or a notice, and whether its body is as it was written. Of one whose body is not, everything else is.
pub(super) fn queued(row: &mut Columns<'_>) -> Parsed<MessageId, (Queued, Whole)> {
    let id = MessageId(row.number("id")?);
    let queue = queue(row)?;
    let target = row.kref("target")?;
    let Some(method) = row.optional_text("method")? else {
        return notice(row, target).map(|item| (id, (Queued { queue, item }, Whole::Yes)));
    };
    let caps = row.krefs("caps")?;
    let answer = row.optional_number("answer")?.map(PromiseId);
    let sender = row.optional_number("sender")?.map_or(Sender::Host, |vat| Sender::Vat(VatId(vat)));
    let through = row.objects("through")?;
    let settler = row.optional_number("settler")?.map(origin::parse_giver);
    row.as_written("sum")?;
    row.number("id")?;
    let args = Payload { body: row.body("body")?, caps };
    let whole = match row.as_written("body_sum") {
        Ok(()) => Whole::Yes,
        Err(Flaw::Sum) => Whole::No,
        Err(form) => return Err(form),
    };
    let message = Message { target, method: method.to_owned(), args, answer, sender, through, settler };
    Ok((id, (Queued { queue, item: Item::Message(message) }, whole)))
}

fn notice(row: &mut Columns<'_>, target: Kref) -> Result<Item, Flaw> {
    const REASON: &str = "the row is a notice";
    for column in ["caps", "answer", "sender", "through", "settler"] {
        row.absent(column, REASON)?;
    }
    row.as_written("sum")?;
    row.number("id")?;
    row.absent("body", REASON)?;
    row.absent("body_sum", REASON)?;
    match target {
        Kref::Object(object) => Ok(Item::Dropped(object)),
        Kref::Promise(_) | Kref::Resolver(_) => Err(Flaw::Form("`target` is no object".to_owned())),
    }
}

fn queue(row: &mut Columns<'_>) -> Result<Queue, Flaw> {
    match row.text("place")? {
        "inbox" => Ok(Queue::Inbox(VatId(row.number("place_id")?))),
        "promise" => Ok(Queue::Promise(PromiseId(row.number("place_id")?))),
        "host" => {
            row.absent("place_id", "the host has one queue")?;
            Ok(Queue::Host)
        }
        word => Err(Flaw::unknown_word("place", word)),
    }
}

pub(super) const HOLDS: Query =
    Query { table: "holds", keys: &["object"], sql: "SELECT object, kref, sum FROM holds ORDER BY object" };

pub(super) fn hold(row: &mut Columns<'_>) -> Parsed<ObjectId, Kref> {
    let object = ObjectId(row.number("object")?);
    let kref = row.kref("kref")?;
    row.as_written("sum")?;
    Ok((object, kref))
}

pub(super) const SUSPICIONS: Query = Query {
    table: "suspicions",
    keys: &["vat"],
    sql: "SELECT vat, left_alone, delivery, deaths, total, sum FROM suspicions ORDER BY vat",
};

pub(super) fn suspicion(row: &mut Columns<'_>) -> Parsed<VatId, Suspicion> {
    let vat = VatId(row.number("vat")?);
    let suspicion = Suspicion {
        left: row.number("left_alone")?,
        delivery: row.optional_number("delivery")?.map(MessageId),
        deaths: row.small_number("deaths")?,
        total: row.small_number("total")?,
    };
    row.as_written("sum")?;
    Ok((vat, suspicion))
}

pub(super) const DEAD_LETTERS: Query = Query {
    table: "dead_letters",
    keys: &["id"],
    sql: "SELECT id, vat, object, method, body, bytes, why, sum FROM dead_letters ORDER BY id",
};

pub(super) fn dead_letter(row: &mut Columns<'_>) -> Parsed<MessageId, DeadLetter> {
    let id = MessageId(row.number("id")?);
    let letter = DeadLetter {
        vat: VatId(row.number("vat")?),
        object: ObjectId(row.number("object")?),
        method: row.text("method")?.to_owned(),
        body: row.body("body")?,
        bytes: row.number("bytes")?,
        why: row.word("why", words::parse_why)?,
    };
    row.as_written("sum")?;
    Ok((id, letter))
}

/// The partial index answers it, with a look at the few vats whose stores are being removed. Its copy of the slots has no sum: where it
/// differs from the rows, SQLite's own look at all pages says so.
pub(super) const HOLDINGS: Query = Query {
    table: "vat_store",
    keys: &["vat", "key"],
    sql: "SELECT vat, key, slots FROM vat_store \
          WHERE slots IS NOT NULL AND vat NOT IN (SELECT vat FROM forgotten) ORDER BY vat, key",
};

pub(super) fn holding(row: &mut Columns<'_>) -> Parsed<(VatId, Vec<u8>), Vec<Slot>> {
    let key = (VatId(row.number("vat")?), row.bytes("key")?.to_vec());
    Ok((key, row.slots("slots")?))
}

pub(super) const VAT_STORE: Query = Query {
    table: "vat_store",
    keys: &["vat", "key"],
    sql: "SELECT vat, key, body, slots, sum FROM vat_store WHERE vat = ?1 AND key >= ?2 ORDER BY key",
};

pub(super) fn entry(row: &mut Columns<'_>) -> Parsed<Vec<u8>, Payload<Slot>> {
    row.number("vat")?;
    let key = row.bytes("key")?.to_vec();
    let payload = Payload { body: row.body("body")?, caps: row.slots("slots")? };
    row.as_written("sum")?;
    Ok((key, payload))
}

/// What of a vat's store mentions anything; the partial index answers it.
pub(super) const MENTIONS: Query = Query {
    table: "vat_store",
    keys: &["vat", "key"],
    sql: "SELECT vat, key, slots FROM vat_store WHERE slots IS NOT NULL AND vat = ?1 ORDER BY key",
};

/// SQLite knows the length of a value without reading it.
pub(super) const VAT_SIZE: Query = Query {
    table: "vat_store",
    keys: &[],
    sql: "SELECT count(*) AS entries, coalesce(sum(length(key) + length(body)), 0) AS bytes FROM vat_store WHERE vat = ?1",
};

pub(super) fn vat_size(row: &mut Columns<'_>) -> Result<VatSize, Flaw> {
    Ok(VatSize { entries: row.number("entries")?, bytes: row.number("bytes")? })
}
