//! Where the items come from.

use super::item::Item;
use crate::NotPassable;
use crate::cbor::{Head, Reader, Tagged, major};

/// In which order the fields of a Rust struct are visited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they stand there. Which of two is missed or refused first may then depend on who wrote them.
    Written,
    /// By their names, as those of a [`Value`](crate::Value) are.
    ByName,
}

/// Bytes that are read item by item.
pub(super) struct Source<'de> {
    pub(super) reader: Reader<'de>,
    pub(super) order: Order,
    /// The head of the last item that was begun.
    head: Head,
    /// How many containers may still be inside each other there.
    levels: usize,
    /// Whether nobody has asked for its content yet.
    is_untouched: bool,
    /// Whether what is read is what the bytes say, as far as they are read: every struct had its keys in their order, so that none is there
    /// twice, and no visitor was told of an error, which it may have kept to itself.
    is_certain: bool,
}

impl<'de> Source<'de> {
    pub(super) fn new(bytes: &'de [u8], at: usize, order: Order) -> Source<'de> {
        let head = Head { at, major: major::UNSIGNED, minor: 0, argument: 0 };
        let reader = Reader { bytes, at };
        Source { reader, order, head, levels: 0, is_untouched: false, is_certain: true }
    }

    /// Begins the next item.
    #[inline]
    pub(super) fn item(&mut self, levels: usize) -> Result<Item<'_, 'de>, NotPassable> {
        let head = self.reader.head()?;
        Ok(self.item_of(head, levels))
    }

    /// An item with this head, whose content comes next.
    #[inline]
    pub(super) fn item_of(&mut self, head: Head, levels: usize) -> Item<'_, 'de> {
        (self.head, self.levels, self.is_untouched) = (head, levels, true);
        Item(self)
    }

    /// The head of the item that was begun; its content is what the caller reads next.
    #[inline]
    pub(super) fn open(&mut self) -> Head {
        self.is_untouched = false;
        self.head
    }

    /// The head, for whoever wants to know what is to be read.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn levels(&self) -> usize {
        self.levels
    }

    /// How many containers may be inside the one that was begun.
    pub(super) fn inside(&self) -> Result<usize, NotPassable> {
        self.levels.checked_sub(1).ok_or(NotPassable::TooDeep)
    }

    /// Passes over an item that nobody wanted.
    #[inline]
    pub(super) fn settle(&mut self) -> Result<(), NotPassable> {
        if self.is_untouched { self.pass_untouched() } else { Ok(()) }
    }

    fn pass_untouched(&mut self) -> Result<(), NotPassable> {
        let head = self.open();
        let passed = self.pass(&head, self.levels);
        self.is_certain &= passed.is_ok();
        passed
    }

    /// Goes on behind the item at this place, of which something may have been read.
    pub(super) fn pass_again(&mut self, at: usize, levels: usize) {
        self.is_untouched = false;
        self.reader.at = at;
        if self.pass_next(levels).is_err() {
            self.reader.at = self.reader.bytes.len();
        }
    }

    /// Something was refused, and whoever was told may keep it to itself.
    pub(super) fn doubt(&mut self) {
        self.is_certain = false;
    }

    /// Nothing is left to be read now. In what is not certain only [`crate::decode`] finds what is wrong, if anything is.
    pub(super) fn pause(&mut self) -> Result<(), NotPassable> {
        self.settle()?;
        match self.is_certain || self.order == Order::ByName {
            true => Ok(()),
            false => Err(NotPassable::BadKey { at: self.reader.at }),
        }
    }

    /// Nothing is left at all.
    pub(super) fn finish(&mut self) -> Result<(), NotPassable> {
        self.pause()?;
        match self.reader.at == self.reader.bytes.len() {
            true => Ok(()),
            false => Err(NotPassable::Trailing { at: self.reader.at }),
        }
    }

    /// The next key of a struct, which comes after `last`.
    pub(super) fn key(&mut self, last: Option<&str>) -> Result<&'de str, NotPassable> {
        let key = self.reader.head().and_then(|head| match head.major {
            major::TEXT => self.reader.text_of(&head),
            _ => Err(NotPassable::BadKey { at: head.at }),
        });
        self.is_certain &= match (&key, last) {
            (Ok(key), Some(last)) => (last.len(), last) < (key.len(), key),
            (key, _) => key.is_ok(),
        };
        key
    }

    /// Passes over an item, which has to be sound all the same.
    pub(super) fn pass_next(&mut self, levels: usize) -> Result<(), NotPassable> {
        let passed = self.reader.head().and_then(|head| self.pass(&head, levels));
        self.is_certain &= passed.is_ok();
        passed
    }

    /// The same, where its head has been read.
    fn pass(&mut self, head: &Head, levels: usize) -> Result<(), NotPassable> {
        let inside = || levels.checked_sub(1).ok_or(NotPassable::TooDeep);
        match head.major {
            major::UNSIGNED | major::NEGATIVE => {}
            major::BYTES => drop(self.reader.take(head.argument)?),
            major::TEXT => drop(self.reader.text_of(head)?),
            major::LIST => {
                let inside = inside()?;
                (0..head.argument).try_for_each(|_| self.pass_next(inside))?;
            }
            major::STRUCT => {
                let (inside, mut last) = (inside()?, None);
                for _ in 0..head.argument {
                    last = Some(self.key(last)?);
                    self.pass_next(inside)?;
                }
            }
            major::TAG => match self.reader.tag(head)? {
                Tagged::Integer(_) | Tagged::Cap(_) => {}
                Tagged::Symbol => self.pass_next(levels)?,
                Tagged::Error => (0..2).try_for_each(|_| self.pass_next(levels))?,
                Tagged::Labelled => {
                    let inside = inside()?;
                    (0..2).try_for_each(|_| self.pass_next(inside))?;
                }
            },
            _ if matches!(head.minor, 20..=23 | 25..=27) => {}
            _ => return Err(NotPassable::BadItem { at: head.at }),
        }
        Ok(())
    }

    /// What kind of value it is that was begun, as [`crate::Value::kind`] has it.
    pub(super) fn kind(&mut self) -> Result<&'static str, NotPassable> {
        let head = self.open();
        Ok(match (head.major, head.minor) {
            (major::UNSIGNED | major::NEGATIVE, _) => "an integer",
            (major::BYTES, _) => "bytes",
            (major::TEXT, _) => "a string",
            (major::LIST, _) => "a list",
            (major::STRUCT, _) => "a struct",
            (major::TAG, _) => kind_of(&self.reader.tag(&head)?),
            (_, 20 | 21) => "a boolean",
            (_, 22) => "null",
            (_, 23) => "undefined",
            (_, 25..=27) => "a float",
            _ => return Err(NotPassable::BadItem { at: head.at }),
        })
    }
}

pub(super) fn kind_of(tagged: &Tagged) -> &'static str {
    match tagged {
        Tagged::Integer(_) => "an integer",
        Tagged::Cap(_) => "a capability",
        Tagged::Symbol => "a symbol",
        Tagged::Error => "an error",
        Tagged::Labelled => "a tagged value",
    }
}
