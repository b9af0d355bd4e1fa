//! What a seed tries: a random part of all that vats and operators can do, at random rates, so that seeds differ in kind.

use super::Chance;

/// Things to choose from, each as likely as its weight.
#[derive(Debug, Clone)]
pub struct Weighted<T> {
    choices: Vec<(T, u64)>,
    total: u64,
}

impl<T: Copy + PartialEq> Weighted<T> {
    fn without(mut self, left_out: &[T]) -> Weighted<T> {
        self.choices.retain(|(choice, _)| !left_out.contains(choice));
        self.total = self.choices.iter().map(|(_, weight)| weight).sum();
        self
    }

    /// Each of `all` is in with a chance of two in three, at a random multiple of its weight; `always` are always in.
    fn some_of(chance: &mut Chance, all: &[(T, u64)], always: &[(T, u64)]) -> Weighted<T> {
        let mut choices = always.to_vec();
        for (choice, weight) in all {
            if chance.below(3) > 0 {
                choices.push((*choice, 1 + chance.below(2 * weight)));
            }
        }
        let total = choices.iter().map(|(_, weight)| weight).sum();
        Weighted { choices, total }
    }

    pub fn pick(&self, chance: &mut Chance) -> T {
        let mut at = chance.below(self.total);
        for (choice, weight) in &self.choices {
            if at < *weight {
                return *choice;
            }
            at -= weight;
        }
        unreachable!("the weights add up")
    }
}

/// What happens to the kernel from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Begin,
    Finish,
    Commit,
    AnswerCall,
    Poke,
    Connect,
    Disconnect,
    Crash,
    Quarantine,
    Heal,
    End,
    Launch,
    Hibernate,
    Wake,
    Sweep,
    Revoke,
    RevokeGrant,
    Restart,
    Upgrade,
    Rollback,
    EndVat,
    Slice,
    Die,
    Serve,
    Conclude,
    DropDeadLetter,
}

/// What a vat does in a crank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whim {
    Call,
    CallResolver,
    SendWithAnswerTo,
    Datalock,
    NewPromise,
    Settle,
    SettleAndKeep,
    Pipeline,
    ForwardInCircle,
    Race,
    ExposeDurable,
    ExposeIncarnation,
    Watch,
    Unwatch,
    Listen,
    Put,
    Remove,
    Get,
    Pin,
    Guard,
    Revoke,
    Hoard,
    DropOne,
    DropAll,
}

/// How a crank ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Well,
    Trap,
    BreakARule,
    ExitWell,
    ExitBadly,
    FailToStart,
}

/// When the kernel counts everything again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audit {
    EveryAct,
    EverySixteenth,
}

#[derive(Debug, Clone)]
pub struct Options {
    /// How many vats each subcluster has.
    pub subclusters: Vec<usize>,
    /// The most cranks that are under way at once.
    pub workers: usize,
    pub acts: Weighted<Act>,
    pub whims: Weighted<Whim>,
    pub endings: Weighted<Ending>,
    /// The most things a vat does in one crank.
    pub whims_max: u64,
    pub mailbox_max: u64,
    pub references_max: u64,
    pub turns: u32,
    pub audit: Audit,
    /// Cranks before the world comes to rest.
    pub cranks: u64,
    /// Every so many messages one kills the process whenever it is delivered, and nothing else does.
    pub poison: Option<u64>,
    /// How the host sends: with questions, or so that it keeps nothing.
    pub host: Host,
    pub losses: Losses,
}

/// Whether anything that was sent may fail to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    Some,
    None,
}

/// How the host sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    Asks,
    Tells,
}

impl Options {
    pub fn from_chance(chance: &mut Chance) -> Options {
        let options = Options::of_any_kind(chance);
        if chance.below(10) == 0 { options.with_nothing_lost() } else { options }
    }

    /// Nothing fails and nothing is refused, so that every notice must come.
    fn with_nothing_lost(self) -> Options {
        let acts = self.acts.without(&[
            Act::Crash,
            Act::Die,
            Act::Quarantine,
            Act::End,
            Act::EndVat,
            Act::Hibernate,
            Act::Restart,
            Act::Upgrade,
            Act::Rollback,
            Act::Revoke,
            Act::RevokeGrant,
        ]);
        let endings = self.endings.without(&[
            Ending::Trap,
            Ending::BreakARule,
            Ending::ExitWell,
            Ending::ExitBadly,
            Ending::FailToStart,
        ]);
        let whims = self.whims.without(&[Whim::Revoke]);
        let (mailbox_max, references_max) = (100_000, 100_000);
        Options { acts, endings, whims, mailbox_max, references_max, poison: None, losses: Losses::None, ..self }
    }

    fn of_any_kind(chance: &mut Chance) -> Options {
        Options {
            subclusters: subclusters(chance),
            workers: 1 + usize::try_from(chance.below(8)).expect("small"),
            acts: acts(chance),
            whims: whims(chance),
            endings: endings(chance),
            whims_max: 2 + chance.below(8),
            mailbox_max: chance.pick(&[2, 5, 20, 50, 100]).expect("some"),
            references_max: chance.pick(&[20, 40, 100_000, 100_000, 100_000]).expect("some"),
            turns: 1 + u32::try_from(chance.below(3)).expect("small"),
            cranks: chance.pick(&[200, 400, 600, 2_000]).expect("some"),
            poison: (chance.below(6) == 0).then_some(97),
            host: if chance.below(8) == 0 { Host::Tells } else { Host::Asks },
            losses: Losses::Some,
            audit: if chance.below(32) == 0 { Audit::EveryAct } else { Audit::EverySixteenth },
        }
    }
}

/// One to eight vats in one to three subclusters.
fn subclusters(chance: &mut Chance) -> Vec<usize> {
    let mut left = 1 + chance.below(8);
    let mut sizes = Vec::new();
    while left > 0 {
        let size = if sizes.len() == 2 { left } else { 1 + chance.below(left) };
        sizes.push(usize::try_from(size).expect("small"));
        left -= size;
    }
    sizes
}

fn acts(chance: &mut Chance) -> Weighted<Act> {
    let always = [
        (Act::Begin, 1_000),
        (Act::Finish, 1_100),
        (Act::Commit, 20 + chance.below(200)),
        (Act::AnswerCall, 80),
        (Act::Poke, 20),
        (Act::Heal, 20),
        (Act::Launch, 3),
    ];
    let some = [
        (Act::Poke, 150),
        (Act::Connect, 20),
        (Act::Disconnect, 20),
        (Act::Crash, 10),
        (Act::Quarantine, 10),
        (Act::End, 2),
        (Act::Hibernate, 40),
        (Act::Wake, 10),
        (Act::Sweep, 10),
        (Act::Revoke, 15),
        (Act::RevokeGrant, 3),
        (Act::Restart, 10),
        (Act::Upgrade, 10),
        (Act::Rollback, 10),
        (Act::EndVat, 2),
        (Act::Slice, 20),
        (Act::Die, 12),
        (Act::Serve, 10),
        (Act::Conclude, 20),
        (Act::DropDeadLetter, 2),
    ];
    Weighted::some_of(chance, &some, &always)
}

fn whims(chance: &mut Chance) -> Weighted<Whim> {
    let some = [
        (Whim::CallResolver, 2),
        (Whim::SendWithAnswerTo, 3),
        (Whim::Datalock, 1),
        (Whim::NewPromise, 2),
        (Whim::Settle, 6),
        (Whim::SettleAndKeep, 2),
        (Whim::Pipeline, 3),
        (Whim::ForwardInCircle, 1),
        (Whim::Race, 1),
        (Whim::ExposeDurable, 3),
        (Whim::ExposeIncarnation, 3),
        (Whim::Watch, 4),
        (Whim::Unwatch, 1),
        (Whim::Listen, 2),
        (Whim::Put, 3),
        (Whim::Remove, 1),
        (Whim::Get, 2),
        (Whim::Pin, 1),
        (Whim::Guard, 3),
        (Whim::Revoke, 2),
    ];
    let mut always = vec![(Whim::Call, 7), (Whim::DropOne, 12), (Whim::DropAll, 1)];
    if chance.below(20) == 0 {
        // Until it has more rows than one slice lets go of.
        always.push((Whim::Hoard, 3));
    }
    Weighted::some_of(chance, &some, &always)
}

fn endings(chance: &mut Chance) -> Weighted<Ending> {
    let some = [
        (Ending::Trap, 6),
        (Ending::BreakARule, 3),
        (Ending::ExitWell, 1),
        (Ending::ExitBadly, 1),
        (Ending::FailToStart, 2),
    ];
    Weighted::some_of(chance, &some, &[(Ending::Well, 120)])
}
