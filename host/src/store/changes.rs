//! Writing: a commit's changes as statements, one for each row.
//!
//! Within a table rows are removed before others are written, so that a new row never meets the one it replaces in a UNIQUE index;
//! and a row is written by `ON CONFLICT .. DO UPDATE` where a second UNIQUE could otherwise remove a bystander.

use ocap_kernel::{
    Answer, Change, ClistRow, Commit, Counters, DeadLetter, Fate, Item, Kref, MessageId, Object, ObjectId, Owner,
    Payload, Progress, Promise, PromiseId, Queue, Queued, Sender, Slot, StoreKey, Subcluster, SubclusterId, Suspicion,
    Upgrade, Vat, VatId, VatStatus,
};
use rusqlite::{Connection, Error, Params, Result, params};

use super::codec::{encode_grants, encode_krefs, encode_objects, encode_slots};
use super::origin::OriginColumns;
use super::{forget, origin, words};

/// Writes everything, inside the transaction that the caller has begun, and that it is the commit of this number.
pub(super) fn apply(connection: &Connection, commit: &Commit, number: u64) -> Result<()> {
    write_counters(connection, commit.counters.as_ref(), number)?;
    write_subclusters(connection, &commit.subclusters)?;
    write_vats(connection, &commit.vats)?;
    write_progress(connection, &commit.progress)?;
    write_objects(connection, &commit.objects)?;
    write_promises(connection, &commit.promises)?;
    write_clist(connection, &commit.clist)?;
    write_queue(connection, &commit.queue)?;
    write_holds(connection, &commit.holds)?;
    write_suspicions(connection, &commit.suspicions)?;
    write_dead_letters(connection, &commit.dead_letters)?;
    forget::note(connection, &commit.forgotten)?;
    write_vat_stores(connection, &commit.store)
}

/// The kernel's numbers are unsigned, SQLite's are not: the same bits. CHECKs refuse one that would be out of order.
const fn int(number: u64) -> i64 {
    number.cast_signed()
}

/// Runs `sql` once for each removed row.
fn remove<'c, K, V, P: Params>(
    connection: &Connection,
    sql: &str,
    changes: &'c [Change<K, V>],
    key: impl Fn(&'c K) -> P,
) -> Result<()> {
    let mut removed = changes.iter().filter(|change| change.value.is_none()).peekable();
    if removed.peek().is_none() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(sql)?;
    removed.try_for_each(|change| statement.execute(key(&change.key)).map(drop))
}

/// Runs `sql` once for each written row.
fn put<'c, K, V, P: Params>(
    connection: &Connection,
    sql: &str,
    changes: &'c [Change<K, V>],
    row: impl Fn(&'c K, &'c V) -> P,
) -> Result<()> {
    let mut written = changes.iter().filter_map(|change| Some((&change.key, change.value.as_ref()?))).peekable();
    if written.peek().is_none() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(sql)?;
    written.try_for_each(|(key, value)| statement.execute(row(key, value)).map(drop))
}

fn write_counters(connection: &Connection, counters: Option<&Counters>, number: u64) -> Result<()> {
    let Some(Counters { subcluster, vat, object, promise, message, boot }) = counters.copied() else {
        return connection.prepare_cached("UPDATE counters SET commits = ?1")?.execute([int(number)]).map(drop);
    };
    let sql = "INSERT OR REPLACE INTO counters VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, \
               row_sum('counters', 1, ?1, ?2, ?3, ?4, ?5, ?6))";
    let row = [subcluster, vat, object, promise, message, boot, number].map(int);
    connection.prepare_cached(sql)?.execute(row).map(drop)
}

fn write_subclusters(connection: &Connection, changes: &[Change<SubclusterId, Subcluster>]) -> Result<()> {
    remove(connection, "DELETE FROM subclusters WHERE id = ?1", changes, |id| [int(id.0)])?;
    let sql = "INSERT OR REPLACE INTO subclusters VALUES (?1, ?2, ?3, ?4, row_sum('subclusters', ?1, ?2, ?3, ?4))";
    put(connection, sql, changes, |id, row| (int(id.0), &row.name, int(row.bootstrap.0), &row.declaration))
}

fn write_vats(connection: &Connection, changes: &[Change<VatId, Vat>]) -> Result<()> {
    remove(connection, "DELETE FROM vats WHERE id = ?1", changes, |id| [int(id.0)])?;
    let sql = "INSERT OR REPLACE INTO vats VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
               row_sum('vats', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14))";
    put(connection, sql, changes, |id, row| {
        let (status, diagnostic) = match &row.status {
            VatStatus::Active => ("active", None),
            VatStatus::Quarantined(diagnostic) => ("quarantined", Some(diagnostic)),
            VatStatus::Ending => ("ending", None),
        };
        let (upgrade, code_before) = match &row.upgrade {
            Upgrade::None => ("none", None),
            Upgrade::Trial { before } => ("trial", Some(before)),
            Upgrade::Kept { before } => ("kept", Some(before)),
        };
        (
            int(id.0),
            int(row.subcluster.0),
            &row.name,
            &row.code,
            &row.parameters,
            encode_grants(&row.grants),
            int(row.mailbox_max),
            int(row.references_max),
            row.turns,
            words::when_quarantined(row.when_quarantined),
            status,
            diagnostic,
            upgrade,
            code_before,
        )
    })
}

fn write_progress(connection: &Connection, changes: &[Change<VatId, Progress>]) -> Result<()> {
    remove(connection, "DELETE FROM progress WHERE vat = ?1", changes, |vat| [int(vat.0)])?;
    let sql = "INSERT OR REPLACE INTO progress VALUES (?1, ?2, ?3, row_sum('progress', ?1, ?2, ?3))";
    put(connection, sql, changes, |vat, row| [int(vat.0), int(row.incarnation), int(row.next_slot.0)])
}

fn write_objects(connection: &Connection, changes: &[Change<ObjectId, Object>]) -> Result<()> {
    remove(connection, "DELETE FROM objects WHERE id = ?1", changes, |id| [int(id.0)])?;
    let sql = "INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
               row_sum('objects', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9))";
    put(connection, sql, changes, |id, row| {
        let lost = match row.fate {
            Fate::Live => None,
            Fate::Lost(code) => Some(code.as_str()),
        };
        let owner = words::owner(&row.owner);
        let (mut of_vat, mut name, mut target, mut revokes) = (None, None, None, None);
        match &row.owner {
            Owner::Vat(vat, exposed) => of_vat = Some((vat, exposed)),
            Owner::Host(of_host) | Owner::HostUntilBoot(of_host) | Owner::HostWhileHeld(of_host) => {
                name = Some(of_host)
            }
            Owner::Caretaker { target: kref } => target = Some(int(kref.to_bits())),
            Owner::Revoker(caretaker) => revokes = Some(int(caretaker.0)),
        }
        let vat = of_vat.map(|(vat, _)| int(vat.0));
        let object = of_vat.map(|(_, exposed)| int(exposed.object));
        let lifetime = of_vat.map(|(_, exposed)| words::lifetime(exposed.lifetime));
        (int(id.0), owner, vat, object, lifetime, name, target, revokes, lost)
    })
}

fn write_promises(connection: &Connection, changes: &[Change<PromiseId, Promise>]) -> Result<()> {
    remove(connection, "DELETE FROM promises WHERE id = ?1", changes, |id| [int(id.0)])?;
    let sql = "INSERT OR REPLACE INTO promises VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
               row_sum('promises', ?1, ?2, ?3, ?4, ?5, ?6, ?7))";
    put(connection, sql, changes, |id, promise| {
        let (state, payload) = match promise {
            Promise::Unsettled { .. } => ("unsettled", None),
            Promise::Settled(Answer::Fulfill(payload)) => ("fulfilled", Some(payload)),
            Promise::Settled(Answer::Forward(_)) => ("forwarded", None),
            Promise::Settled(Answer::Break(payload)) => ("broken", Some(payload)),
            Promise::Failed(_) => ("failed", None),
        };
        let (mut listeners, mut target, mut code) = (None, None, None);
        match promise {
            Promise::Unsettled { listeners: krefs } => listeners = encode_krefs(krefs),
            Promise::Settled(Answer::Forward(kref)) => target = Some(int(kref.to_bits())),
            Promise::Failed(why) => code = Some(why.as_str()),
            Promise::Settled(Answer::Fulfill(_) | Answer::Break(_)) => {}
        }
        let body = payload.map(|payload| &payload.body);
        let caps = payload.and_then(|payload| encode_krefs(&payload.caps));
        (int(id.0), state, listeners, body, caps, target, code)
    })
}

fn write_clist(connection: &Connection, changes: &[Change<(VatId, Slot), ClistRow>]) -> Result<()> {
    let sql = "DELETE FROM clist WHERE vat = ?1 AND slot = ?2";
    remove(connection, sql, changes, |(vat, slot)| [int(vat.0), int(slot.0)])?;
    let sql = "INSERT INTO clist VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, row_sum('clist', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)) \
               ON CONFLICT (vat, slot) DO UPDATE SET kref = excluded.kref, how = excluded.how, name = excluded.name, \
               message = excluded.message, giver = excluded.giver, target = excluded.target, boot = excluded.boot, \
               since = excluded.since, sum = excluded.sum";
    put(connection, sql, changes, |(vat, slot), row| {
        let OriginColumns { how, name, message, giver, target, boot, since } = origin::columns(row.origin.as_deref());
        let kref = int(row.kref.to_bits());
        (int(vat.0), int(slot.0), kref, how, name, message, giver, target, boot, since)
    })
}

fn write_queue(connection: &Connection, changes: &[Change<MessageId, Queued>]) -> Result<()> {
    remove(connection, "DELETE FROM queue WHERE id = ?1", changes, |id| [int(id.0)])?;
    for change in changes {
        if let Some(queued) = &change.value {
            write_queued(connection, change.key, queued)?;
        }
    }
    Ok(())
}

fn write_queued(connection: &Connection, id: MessageId, queued: &Queued) -> Result<()> {
    let (place, place_id) = match queued.queue {
        Queue::Inbox(vat) => ("inbox", Some(int(vat.0))),
        Queue::Promise(promise) => ("promise", Some(int(promise.0))),
        Queue::Host => ("host", None),
    };
    match &queued.item {
        Item::Message(message) => {
            let sql = "INSERT OR REPLACE INTO queue VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
                       row_sum('queue', ?1, ?2, ?3, ?4, ?5, ?7, ?8, ?9, ?10, ?11), row_sum('queue', ?1, ?6))";
            let sender = match message.sender {
                Sender::Vat(vat) => Some(int(vat.0)),
                Sender::Host => None,
            };
            connection.prepare_cached(sql)?.execute(params![
                int(id.0),
                place,
                place_id,
                int(message.target.to_bits()),
                message.method,
                message.args.body,
                encode_krefs(&message.args.caps),
                message.answer.map(|answer| int(answer.0)),
                sender,
                encode_objects(&message.through),
                message.settler.map(origin::giver),
            ])?;
        }
        Item::Dropped(object) => {
            let sql = "INSERT OR REPLACE INTO queue (id, place, place_id, target, sum) VALUES (?1, ?2, ?3, ?4, \
                       row_sum('queue', ?1, ?2, ?3, ?4, NULL, NULL, NULL, NULL, NULL, NULL))";
            let target = int(Kref::Object(*object).to_bits());
            connection.prepare_cached(sql)?.execute((int(id.0), place, place_id, target))?;
        }
        Item::Settled { token, promise, .. } => {
            let bug =
                format!("{id} is the notice {token} of {promise}, which ends with its incarnation and is never stored");
            return Err(Error::ToSqlConversionFailure(bug.into()));
        }
    }
    Ok(())
}

fn write_holds(connection: &Connection, changes: &[Change<ObjectId, Kref>]) -> Result<()> {
    remove(connection, "DELETE FROM holds WHERE object = ?1", changes, |object| [int(object.0)])?;
    let sql = "INSERT OR REPLACE INTO holds VALUES (?1, ?2, row_sum('holds', ?1, ?2))";
    put(connection, sql, changes, |object, kref| [int(object.0), int(kref.to_bits())])
}

fn write_suspicions(connection: &Connection, changes: &[Change<VatId, Suspicion>]) -> Result<()> {
    remove(connection, "DELETE FROM suspicions WHERE vat = ?1", changes, |vat| [int(vat.0)])?;
    let sql = "INSERT OR REPLACE INTO suspicions VALUES (?1, ?2, ?3, ?4, ?5, \
               row_sum('suspicions', ?1, ?2, ?3, ?4, ?5))";
    put(connection, sql, changes, |vat, row| {
        let Suspicion { left, delivery, deaths, total } = *row;
        (int(vat.0), int(left), delivery.map(|delivery| int(delivery.0)), deaths, total)
    })
}

fn write_dead_letters(connection: &Connection, changes: &[Change<MessageId, DeadLetter>]) -> Result<()> {
    remove(connection, "DELETE FROM dead_letters WHERE id = ?1", changes, |id| [int(id.0)])?;
    let sql = "INSERT OR REPLACE INTO dead_letters VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, \
               row_sum('dead_letters', ?1, ?2, ?3, ?4, ?5, ?6, ?7))";
    put(connection, sql, changes, |id, row| {
        let DeadLetter { vat, object, method, body, bytes, why } = row;
        (int(id.0), int(vat.0), int(object.0), method, body, int(*bytes), words::why(*why))
    })
}

fn write_vat_stores(connection: &Connection, changes: &[Change<StoreKey, Payload<Slot>>]) -> Result<()> {
    let sql = "DELETE FROM vat_store WHERE vat = ?1 AND key = ?2";
    remove(connection, sql, changes, |(vat, key)| (int(vat.0), key))?;
    let sql = "INSERT INTO vat_store VALUES (?1, ?2, ?3, ?4, row_sum('vat_store', ?1, ?2, ?3, ?4)) \
               ON CONFLICT (vat, key) DO UPDATE SET body = excluded.body, slots = excluded.slots, sum = excluded.sum";
    put(connection, sql, changes, |(vat, key), entry| (int(vat.0), key, &entry.body, encode_slots(&entry.caps)))
}
