//! Whose file it is and of which version; the way from older versions to this one.
//!
//! A version is the number of steps that made it. A step is one SQL file, never edited once released: the first is `schema.sql`, those to
//! come lie in `migrations/`. Each step also says in `meta` which hosts can still read and write its result.

use std::path::Path;

use rusqlite::{Connection, Result, TransactionBehavior};

use super::error::StoreError;

/// All steps, in order.
pub(super) const STEPS: [&str; 5] = [
    include_str!("schema.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
];

/// The first version whose rows have sums.
pub(super) const SUMMING_SINCE: i64 = 5;

/// "ocap": marks the file as ours, also for tools like `file`.
const APPLICATION_ID: i64 = 0x6f63_6170;

/// Which version the file has: 0 for one that is still empty. Changes nothing.
///
/// # Errors
/// If it is not ours, or made by a later host in a way that one of `known` versions must not write.
pub(super) fn identify(connection: &Connection, known: i64, path: &Path) -> Result<i64, StoreError> {
    let of_sql = |error| StoreError::of_sql(path, &error);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(of_sql);
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(of_sql)?;
    if (application, version, tables) == (0, 0, 0) {
        return Ok(0);
    }
    if application != APPLICATION_ID || version < 1 {
        let reason = format!("it is the database of another program (application id {application}, version {version})");
        return Err(StoreError::NotOurs { path: path.to_owned(), reason });
    }
    if version > known {
        let sql = "SELECT min_writer, written_by FROM meta";
        let (min_writer, written_by): (i64, String) =
            connection.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?))).map_err(of_sql)?;
        if min_writer > known {
            let written_by = written_by.escape_debug().to_string();
            return Err(StoreError::TooNew { path: path.to_owned(), found: version, known, written_by });
        }
    }
    Ok(version)
}

/// The steps that a file of this version lacks, each with the version that it leads to.
pub(super) fn missing<'s>(version: i64, steps: &'s [&str]) -> impl Iterator<Item = (i64, &'s str)> {
    (1_i64..).zip(steps.iter().copied()).skip_while(move |(next, _)| *next <= version)
}

/// Takes the steps that are missing, each in one transaction.
pub(super) fn migrate(connection: &mut Connection, version: i64, steps: &[&str]) -> Result<()> {
    for (next, step) in missing(version, steps) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Whether the last host put the store down properly. An empty file was never taken up.
pub(super) fn was_closed(connection: &Connection) -> Result<bool> {
    connection.query_row("SELECT stop = 'clean' FROM meta", (), |row| row.get(0))
}

/// Leaves the name of this host, and that it has not put the store down yet.
pub(super) fn take_up(connection: &Connection) -> Result<()> {
    let sql = "UPDATE meta SET stop = 'running', written_by = ?1";
    connection.execute(sql, [env!("CARGO_PKG_VERSION")]).map(drop)
}

/// The reverse of [`take_up`].
pub(super) fn put_down(connection: &Connection) -> Result<()> {
    connection.execute("UPDATE meta SET stop = 'clean'", ()).map(drop)
}

/// Looks at every page after an unclean stop. It sees broken structure, not every flipped bit.
pub(super) fn quick_check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    match check(connection, path, "quick_check(3)")? {
        findings if findings.is_empty() => Ok(()),
        findings => Err(StoreError::Damaged { path: path.to_owned(), reason: findings.join("; ") }),
    }
}

/// Looks at every page, every row and every index.
pub(super) fn integrity_check(connection: &Connection, path: &Path) -> Result<Vec<StoreError>, StoreError> {
    let findings = check(connection, path, "integrity_check(20)")?.into_iter();
    Ok(findings.map(|reason| StoreError::Damaged { path: path.to_owned(), reason }).collect())
}

fn check(connection: &Connection, path: &Path, pragma: &str) -> Result<Vec<String>, StoreError> {
    let of_sql = |error| StoreError::of_sql(path, &error);
    let mut statement = connection.prepare(&format!("PRAGMA {pragma}")).map_err(of_sql)?;
    let findings = statement.query_map((), |row| row.get::<_, String>(0)).map_err(of_sql)?;
    let findings = findings.collect::<Result<Vec<_>>>().map_err(of_sql)?;
    Ok(findings
        .into_iter()
        .filter(|finding| finding != "ok")
        .map(|finding| finding.escape_debug().to_string())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &str = "ALTER TABLE holds ADD COLUMN since INTEGER; UPDATE meta SET min_reader = 5, min_writer = 6;";

    /// The version of this host, and the one after it.
    const KNOWN: i64 = STEPS.len() as i64;

    fn with(step: &'static str) -> Vec<&'static str> {
        STEPS.into_iter().chain([step]).collect()
    }

    fn made_of(steps: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().expect("memory is there");
        migrate(&mut connection, 0, steps).expect("the steps are good");
        connection
    }

    #[test]
    fn an_older_version_takes_only_the_steps_it_lacks() {
        let mut connection = made_of(&STEPS);
        assert_eq!(identify(&connection, KNOWN + 1, Path::new("s")), Ok(KNOWN));
        connection.execute("INSERT INTO holds VALUES (1, 8, NULL)", ()).expect("a good row");
        migrate(&mut connection, KNOWN, &with(NEXT)).expect("the next step is good");
        assert_eq!(identify(&connection, KNOWN + 1, Path::new("s")), Ok(KNOWN + 1));
        let since: Option<i64> = connection.query_row("SELECT since FROM holds", (), |row| row.get(0)).expect("a row");
        assert_eq!(since, None);
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let mut connection = made_of(&STEPS);
        let broken = "CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT; INSERT INTO nowhere VALUES (1);";
        assert!(migrate(&mut connection, KNOWN, &with(broken)).is_err());
        assert_eq!(identify(&connection, KNOWN, Path::new("s")), Ok(KNOWN));
        assert!(connection.prepare("SELECT id FROM more").is_err());
    }

    #[test]
    fn a_later_version_is_refused_unless_it_says_that_this_one_may_write() {
        let connection = made_of(&with(NEXT));
        connection.execute("UPDATE meta SET written_by = '9.0'", ()).expect("a good row");
        let refused = identify(&connection, KNOWN, Path::new("s"));
        let written_by = "9.0".to_owned();
        let too_new = StoreError::TooNew { path: "s".into(), found: KNOWN + 1, known: KNOWN, written_by };
        assert_eq!(refused, Err(too_new));
        connection.execute("UPDATE meta SET min_writer = 5", ()).expect("a good row");
        assert_eq!(identify(&connection, KNOWN, Path::new("s")), Ok(KNOWN + 1));
    }
}
