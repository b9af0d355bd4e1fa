//! What is inside an item: the elements of a list, the fields of a struct, the content of a variant.

use std::fmt;
use std::vec::IntoIter;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::item::Item;
use super::source::{Order, Source};
use crate::NotPassable;
use crate::cbor::Head;
use crate::typed::key::{Field, Key, in_order};

/// How far a container is read.
struct Progress {
    levels: usize,
    left: u64,
    count: u64,
}

impl Progress {
    fn begin(source: &Source<'_>, head: &Head) -> Result<Progress, NotPassable> {
        Ok(Progress { levels: source.inside()?, left: head.argument, count: 0 })
    }

    /// Whether there is one more, which is read now.
    fn step(&mut self) -> bool {
        let is_more = self.left > 0;
        self.left -= u64::from(is_more);
        self.count += u64::from(is_more);
        is_more
    }

    /// Goes on behind the item at this place, which a visitor refused: it may be one that goes on too. What is read as it is written is then
    /// read once more, so there is nothing to go on with, nor is the length known to be true.
    #[cold]
    fn refused(&mut self, source: &mut Source<'_>, at: usize) {
        match source.order {
            Order::Written => self.left = 0,
            Order::ByName => source.pass_again(at, self.levels),
        }
        source.doubt();
    }

    /// No more room is set aside than for as many as there can be bytes for.
    fn hint(&self, source: &Source<'_>) -> usize {
        let bytes = source.reader.bytes.len() - source.reader.at;
        usize::try_from(self.left).map_or(bytes, |left| left.min(bytes))
    }

    /// The visitor has had enough: it has to have had all.
    fn finish(&self, container: &'static str) -> Result<(), NotPassable> {
        match self.left {
            0 => Ok(()),
            left => Err(too_many(self.count, left, container)),
        }
    }
}

#[cold]
fn too_many(count: u64, left: u64, container: &'static str) -> NotPassable {
    struct Fewer(u64, &'static str);

    impl Expected for Fewer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let elements = if self.0 == 1 { "element" } else { "elements" };
            write!(f, "{} {elements} in {}", self.0, self.1)
        }
    }

    NotPassable::invalid_length((count + left) as usize, &Fewer(count, container))
}

/// The elements of a list.
pub(super) struct Elements<'s, 'de> {
    source: &'s mut Source<'de>,
    progress: Progress,
}

impl<'s, 'de> Elements<'s, 'de> {
    pub(super) fn begin(source: &'s mut Source<'de>, head: &Head) -> Result<Elements<'s, 'de>, NotPassable> {
        let progress = Progress::begin(source, head)?;
        Ok(Elements { source, progress })
    }

    pub(super) fn finish(self) -> Result<(), NotPassable> {
        self.progress.finish("sequence")?;
        self.source.settle()
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = NotPassable;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, NotPassable> {
        if !self.progress.step() {
            return Ok(None);
        }
        read(self.source, &mut self.progress, seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.progress.hint(self.source))
    }
}

/// The next item, where a visitor may go on after an error.
fn read<'de, S: DeserializeSeed<'de>>(
    source: &mut Source<'de>,
    progress: &mut Progress,
    seed: S,
) -> Result<S::Value, NotPassable> {
    source.settle()?;
    let at = source.reader.at;
    let read = source.item(progress.levels).and_then(|item| seed.deserialize(item));
    read.inspect_err(|_| progress.refused(source, at))
}

/// The fields of a struct.
pub(super) struct Fields<'s, 'de> {
    source: &'s mut Source<'de>,
    progress: Progress,
    last: Option<&'de str>,
    /// Whether the value of the last key has yet to be read.
    is_due: bool,
    /// The fields in the order of their names, and where each begins, if they come so.
    sorted: IntoIter<Field<'de>>,
    /// Where all of them end then.
    end: Option<usize>,
}

impl<'s, 'de> Fields<'s, 'de> {
    pub(super) fn begin(
        source: &'s mut Source<'de>,
        head: &Head,
        order: Order,
    ) -> Result<Fields<'s, 'de>, NotPassable> {
        let progress = Progress::begin(source, head)?;
        let sorted = Vec::new().into_iter();
        let mut fields = Fields { source, progress, last: None, is_due: false, sorted, end: None };
        if order == Order::ByName && head.argument > 1 {
            fields.sort()?;
        }
        Ok(fields)
    }

    fn sort(&mut self) -> Result<(), NotPassable> {
        let mut fields = Vec::new();
        for _ in 0..self.progress.left {
            let start = self.source.reader.at;
            let key = self.source.key(self.last)?;
            self.last = Some(key);
            self.source.pass_next(self.progress.levels)?;
            fields.push((key.as_bytes(), start, self.source.reader.at));
        }
        self.sorted = in_order(fields).into_iter();
        self.end = Some(self.source.reader.at);
        Ok(())
    }

    fn next_key(&mut self) -> Result<&'de str, NotPassable> {
        self.pass_due()?;
        self.is_due = true;
        if let Some((_, start, _)) = self.sorted.next() {
            self.source.reader.at = start;
            return self.source.key(None);
        }
        let key = self.source.key(self.last)?;
        self.last = Some(key);
        Ok(key)
    }

    /// Passes over a value that nobody wanted.
    fn pass_due(&mut self) -> Result<(), NotPassable> {
        match std::mem::take(&mut self.is_due) {
            true => self.source.pass_next(self.progress.levels),
            false => self.source.settle(),
        }
    }

    pub(super) fn finish(mut self) -> Result<(), NotPassable> {
        self.progress.finish("map")?;
        self.pass_due()?;
        self.source.reader.at = self.end.unwrap_or(self.source.reader.at);
        Ok(())
    }
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = NotPassable;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, NotPassable> {
        if !self.progress.step() {
            return Ok(None);
        }
        seed.deserialize(Key(self.next_key()?)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, NotPassable> {
        self.is_due = false;
        read(self.source, &mut self.progress, seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.progress.hint(self.source))
    }
}

/// A variant and what it holds.
pub(super) struct Variant<'s, 'de> {
    pub(super) name: &'de str,
    pub(super) content: Item<'s, 'de>,
}

impl<'s, 'de> EnumAccess<'de> for Variant<'s, 'de> {
    type Error = NotPassable;
    type Variant = Item<'s, 'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Item<'s, 'de>), NotPassable> {
        Ok((seed.deserialize(Key(self.name))?, self.content))
    }
}

impl<'de> VariantAccess<'de> for Item<'_, 'de> {
    type Error = NotPassable;

    fn unit_variant(self) -> Result<(), NotPassable> {
        Deserialize::deserialize(self)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, NotPassable> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, NotPassable> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPassable> {
        self.deserialize_struct("", &[], visitor)
    }
}
