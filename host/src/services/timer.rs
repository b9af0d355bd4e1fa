//! What the service `timer` is asked for.

use ocap_kernel::Kref;

use super::body::{Arguments, Misunderstood};
use super::limits::{LATEST_MS, PERIOD_MIN_MS};
use super::names::Kind;

/// What a call of the service asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// An answer that comes later: `after(milliseconds)`, `at(milliseconds since 1970)`.
    Later(Kind),
    /// Ticks for this target: `once(milliseconds, target)`, `every(milliseconds, target)`.
    Ticks(Kind, Kref),
}

/// What a call asks for. `now_ms` is the time of day.
pub(super) fn wish(method: &str, args: Option<&Arguments>, now_ms: u64) -> Result<Wish, Misunderstood> {
    let count = args.map(|args| args.values.len());
    let number = |wanted: usize| args.filter(|_| count == Some(wanted)).and_then(|args| args.number(0));
    let wrong = |wanted: String| Err(Misunderstood::Arguments(wanted));
    match method {
        "after" => match number(1).and_then(|span| now_ms.checked_add(span)).filter(|at| *at <= LATEST_MS) {
            Some(deadline_ms) => Ok(Wish::Later(Kind::After { deadline_ms })),
            None => wrong("after takes a number of milliseconds that ends before the year 10000".to_owned()),
        },
        "at" => match number(1).filter(|at| *at <= LATEST_MS) {
            Some(deadline_ms) => Ok(Wish::Later(Kind::At { deadline_ms })),
            None => wrong("at takes a time before the year 10000, in milliseconds since 1970".to_owned()),
        },
        "once" => {
            let deadline = number(2).and_then(|span| now_ms.checked_add(span)).filter(|at| *at <= LATEST_MS);
            match (deadline, args.and_then(|args| args.capability(1))) {
                (Some(deadline_ms), Some(target)) => Ok(Wish::Ticks(Kind::Once { deadline_ms }, target)),
                _ => wrong("once takes a number of milliseconds, and a capability to be told".to_owned()),
            }
        }
        "every" => {
            let period = number(2).filter(|period| (PERIOD_MIN_MS..=LATEST_MS).contains(period));
            match (period, args.and_then(|args| args.capability(1))) {
                (Some(period_ms), Some(target)) => Ok(Wish::Ticks(Kind::Every { period_ms, begun_ms: now_ms }, target)),
                _ => wrong(format!(
                    "every takes a number of milliseconds, at least {PERIOD_MIN_MS}, and a capability to be told"
                )),
            }
        }
        _ => Err(Misunderstood::Method),
    }
}

#[cfg(test)]
mod tests {
    use ocap_kernel::ObjectId;
    use ocap_passable::Value;

    use super::*;

    const LAMP: Kref = Kref::Object(ObjectId(7));

    fn asked(method: &str, values: &[Value]) -> Result<Wish, Misunderstood> {
        wish(method, Some(&Arguments { values: values.to_vec(), caps: vec![LAMP] }), 1_000)
    }

    fn integer(number: i128) -> Value {
        Value::Integer(number)
    }

    #[test]
    fn the_methods_say_when() {
        assert_eq!(asked("after", &[integer(5)]), Ok(Wish::Later(Kind::After { deadline_ms: 1_005 })));
        assert_eq!(asked("after", &[integer(0)]), Ok(Wish::Later(Kind::After { deadline_ms: 1_000 })));
        assert_eq!(asked("at", &[integer(5)]), Ok(Wish::Later(Kind::At { deadline_ms: 5 })));
        let once = Kind::Once { deadline_ms: 1_007 };
        assert_eq!(asked("once", &[integer(7), Value::Cap(0)]), Ok(Wish::Ticks(once, LAMP)));
        let every = Kind::Every { period_ms: 100, begun_ms: 1_000 };
        assert_eq!(asked("every", &[integer(100), Value::Cap(0)]), Ok(Wish::Ticks(every, LAMP)));
    }

    #[test]
    fn anything_else_is_told_what_is_wanted() {
        let wrong: &[(&str, &[Value])] = &[
            ("after", &[]),
            ("after", &[integer(-1)]),
            ("after", &[Value::Float(5.0)]),
            ("after", &[integer(5), integer(5)]),
            ("after", &[integer(i128::from(LATEST_MS))]),
            ("at", &[integer(i128::from(LATEST_MS) + 1)]),
            ("at", &["tomorrow".into()]),
            ("once", &[integer(5)]),
            ("once", &[integer(-1), Value::Cap(0)]),
            ("once", &[integer(i128::from(LATEST_MS)), Value::Cap(0)]),
            ("every", &[integer(99), Value::Cap(0)]),
            ("every", &[integer(100)]),
            ("every", &[integer(100), Value::Cap(1)]),
            ("every", &[integer(100), integer(100)]),
            ("every", &[integer(100), Value::Cap(0), Value::Null]),
        ];
        for (method, values) in wrong {
            let told = asked(method, values).expect_err("wrong");
            assert!(matches!(&told, Misunderstood::Arguments(told) if told.starts_with(method)), "{method} {values:?}");
        }
        assert!(matches!(wish("at", None, 0), Err(Misunderstood::Arguments(_))));
        assert_eq!(asked("never", &[]), Err(Misunderstood::Method));
    }
}
