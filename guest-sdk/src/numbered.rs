//! Things by their numbers, which only grow.

/// A sorted list: as fast as a tree for what lasts as long as a task or a wait, and a tree for each kind of thing would be a tenth of a small
/// component.
pub(crate) struct Numbered<T>(Vec<(u64, T)>);

impl<T> Numbered<T> {
    pub(crate) const fn new() -> Numbered<T> {
        Numbered(Vec::new())
    }

    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        self.place(number).ok().map(|place| &self.0[place].1)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.place(number).ok().map(|place| &mut self.0[place].1)
    }

    /// Puts a thing in, in place of what may have had its number.
    pub(crate) fn insert(&mut self, number: u64, it: T) {
        match self.place(number) {
            Ok(place) => self.0[place].1 = it,
            Err(place) => self.0.insert(place, (number, it)),
        }
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        self.place(number).ok().map(|place| self.0.remove(place).1)
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, number: u64) -> Result<usize, usize> {
        match self.0.last() {
            Some((last, _)) if *last >= number => self.0.binary_search_by_key(&number, |(number, _)| *number),
            _ => Err(self.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_found_by_their_numbers_in_whatever_order_they_came() {
        let mut things = Numbered::new();
        for number in [3, 7, 5, 1, 9, 5] {
            things.insert(number, number * 10);
        }
        assert_eq!([1, 3, 5, 7, 9].map(|number| things.get(number).copied()), [10, 30, 50, 70, 90].map(Some));
        assert_eq!((things.get(0), things.get(4), things.get(10)), (None, None, None));
        *things.get_mut(5).expect("it is there") = 0;
        assert_eq!((things.remove(5), things.remove(5), things.remove(9)), (Some(0), None, Some(90)));
        assert!(!things.is_empty());
    }
}
