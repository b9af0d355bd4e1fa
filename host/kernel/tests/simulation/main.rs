//! Random vats, a seeded scheduler, crashes and operators over the pure kernel: after every act the audit agrees, order is kept on
//! every reference, every message has one fate, every vat holds what it was given and no more, everybody who asked hears, and when
//! everybody forgets everything nothing is left.
//!
//! `just sim` tries many seeds, `just sim 42` repeats that one.

#[path = "../world/mod.rs"]
mod world;

mod crank;
mod disk;
mod events;
mod fates;
mod forge;
mod hosting;
mod kept;
mod model;
mod operate;
mod options;
mod order;
mod origins;
mod reload;
mod rest;
mod rule;
mod run;
mod seeds;
mod whim;
mod witness;

use world::{Chance, Turn, Worker, body_of, launch, number_of};

use run::World;
use seeds::{Seeds, play};

/// What a run of the default length must have tried at least.
const CRANKS_MIN: u64 = 5_000_000;

#[test]
fn whatever_vats_and_operators_do_every_rule_holds() {
    let seeds = Seeds::from_environment();
    let summary = seeds.run(play);
    eprintln!("{summary}");
    if seeds.is_default() {
        assert!(summary.cranks >= CRANKS_MIN, "{} cranks are not enough", summary.cranks);
        let never = summary.never();
        assert!(never.is_empty(), "the simulation never gets there: {never:?}");
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 0..20 {
        let log = |_| {
            let mut world = World::new(seed);
            world.keep_a_log();
            while world.cranks < 300 {
                world.step();
            }
            world.commit();
            (world.log_so_far(), world.disk.clone())
        };
        assert_eq!(log(1), log(2), "seed {seed}");
    }
}

#[test]
fn what_was_committed_loads_as_what_is_live() {
    for seed in 0..200 {
        let mut world = World::quiet(seed);
        for _ in 0..4 {
            let until = world.cranks + 60;
            while world.cranks < until {
                world.step();
            }
            world.assert_loads_as_it_lives();
        }
    }
}

#[test]
fn a_world_whose_host_restarts_after_every_crank_comes_to_rest_too() {
    for seed in 0..100 {
        let mut world = World::new(seed);
        while world.cranks < 100 {
            let before = world.cranks;
            world.step();
            if world.cranks > before {
                world.commit();
                world.crash();
            }
        }
        world.finish();
    }
}
