//! What a row adds up to: 8 bytes beside it, written with it, by which every later read sees that it is still what was written (decision 24).
//!
//! The table and the key are in the sum, so a row that lies in the place of another does not match there. NULL is the sum of a row that
//! was written before version 5, which is taken as it is; every write of a row writes its sum.

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Where each sum begins.
const BEGINNING: u64 = 0;

/// The sum of a row of which nothing but the table is known yet.
pub(super) fn of_table(table: &str) -> u64 {
    add(BEGINNING, ValueRef::Text(table.as_bytes()))
}

/// The sum with one more value. Values of different types are different whatever their bytes.
pub(super) fn add(sum: u64, value: ValueRef<'_>) -> u64 {
    match value {
        ValueRef::Null => xxh3_64_with_seed(&[], sum),
        ValueRef::Integer(number) => xxh3_64_with_seed(&number.to_le_bytes(), sum.wrapping_add(1)),
        ValueRef::Real(number) => xxh3_64_with_seed(&number.to_bits().to_le_bytes(), sum.wrapping_add(2)),
        ValueRef::Text(bytes) => xxh3_64_with_seed(bytes, sum.wrapping_add(3)),
        ValueRef::Blob(bytes) => xxh3_64_with_seed(bytes, sum.wrapping_add(4)),
    }
}

/// Gives statements `row_sum`, of the table's name and the row's values.
pub(super) fn offer(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("row_sum", -1, flags, |context| {
        let values = (0..context.len()).map(|index| context.get_raw(index));
        Ok(values.fold(BEGINNING, add).cast_signed())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_the_same_on_every_machine_and_for_ever() {
        let row = [ValueRef::Integer(7), ValueRef::Blob(b"key"), ValueRef::Blob(&[5; 300]), ValueRef::Null];
        let sum = row.into_iter().fold(of_table("vat_store"), add);
        let connection = Connection::open_in_memory().expect("memory is there");
        offer(&connection).expect("it can be had");
        let sql = "SELECT row_sum('vat_store', ?1, ?2, ?3, NULL)";
        let of_sql: i64 = connection.query_row(sql, (7, b"key", &[5_u8; 300]), |row| row.get(0)).expect("a sum");
        assert_eq!(of_sql.cast_unsigned(), sum);
        assert_eq!(sum, 6_721_161_239_910_721_689);
    }

    #[test]
    fn values_that_look_alike_have_different_sums() {
        let alike = [
            ValueRef::Null,
            ValueRef::Text(b""),
            ValueRef::Blob(b""),
            ValueRef::Integer(0),
            ValueRef::Real(0.0),
            ValueRef::Blob(&[0; 8]),
            ValueRef::Text(&[0; 8]),
        ];
        let sums: std::collections::BTreeSet<u64> = alike.iter().map(|value| add(of_table("t"), *value)).collect();
        assert_eq!(sums.len(), alike.len());
        let two = |one: &'static [u8], other: &'static [u8]| add(add(0, ValueRef::Blob(one)), ValueRef::Blob(other));
        assert_ne!(two(b"ab", b"c"), two(b"a", b"bc"));
    }
}
