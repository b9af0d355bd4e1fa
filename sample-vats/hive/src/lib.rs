//! Has very many objects, each with a state of its own, of which few are in use at a time.

use ocap_guest_sdk::prelude::*;

/// Every bee, by its number.
#[derive(Durable, Default)]
struct Hive {
    bees: Map<u64, Cap>,
}

#[object]
impl Hive {
    /// Makes so many more, and says how many there are.
    fn hatch(&mut self, count: u64) -> u64 {
        for number in self.bees.len()..self.bees.len() + count {
            self.bees.insert(number, This::durable(Bee { number, flights: 0, cells: Map::new() }).cap());
        }
        self.bees.len()
    }

    fn bee(&self, number: u64) -> Option<Cap> {
        self.bees.get(&number)
    }

    /// Lets one go. If nobody else holds it, it is gone, with all it had.
    fn let_go(&mut self, number: u64) -> bool {
        self.bees.remove(&number).is_some()
    }
}

/// One of very many.
#[derive(Durable)]
struct Bee {
    number: u64,
    flights: u64,
    cells: Map<u64, String>,
}

#[object]
impl Bee {
    fn number(&self) -> u64 {
        self.number
    }

    fn fly(&mut self) -> u64 {
        self.flights += 1;
        self.flights
    }

    /// Fills so many cells more.
    fn fill(&mut self, cells: u64) -> u64 {
        for cell in self.cells.len()..self.cells.len() + cells {
            self.cells.insert(cell, "honey".to_owned());
        }
        self.cells.len()
    }

    /// Puts so many letters into one cell, and says how many cells there are.
    fn stuff(&mut self, cell: u64, letters: usize) -> u64 {
        self.cells.insert(cell, "h".repeat(letters));
        self.cells.len()
    }

    /// How many letters are in a cell.
    fn letters(&self, cell: u64) -> Option<usize> {
        self.cells.get(&cell).map(|honey| honey.len())
    }

    /// How many letters are in all cells.
    fn weigh(&self) -> usize {
        self.cells.iter().map(|(_, honey)| honey.len()).sum()
    }
}

vat!(Hive, Bee);
