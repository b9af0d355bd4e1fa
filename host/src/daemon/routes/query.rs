//! What stands after `?` in a request.

use axum::http::Uri;

use super::refusal::MALFORMED;
use crate::problem::{Problem, printable};

/// The parameters of a request, each taken once.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// All there are.
    ///
    /// # Errors
    /// If they are not UTF-8 with `%` before pairs of hexadecimal digits.
    pub(super) fn of(uri: &Uri) -> Result<Query, Problem> {
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        });
        decoded.collect::<Option<_>>().map(Query).ok_or_else(|| {
            Problem::new(MALFORMED, "what stands after `?` can't be read").with_help(
                "write it as `name=value&name=value`, and `%` with two hexadecimal digits for other bytes of UTF-8",
            )
        })
    }

    /// The value of a parameter.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(has, _)| has == name)?;
        Some(self.0.remove(at).1)
    }

    /// The value of a parameter that is a word of a few or a number.
    ///
    /// # Errors
    /// If it is not; `wanted` says what it should be.
    pub(super) fn take_as<T>(
        &mut self,
        name: &str,
        wanted: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match read(&value) {
            Some(read) => Ok(Some(read)),
            None => {
                let message = format!("the parameter `{name}` is `{}`", printable(&value));
                Err(Problem::new(MALFORMED, message).with_help(format!("{wanted} is wanted")))
            }
        }
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// If something is: a misspelt parameter must not be taken for none.
    pub(super) fn end(self, known: &[&str]) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let message = format!("there is no parameter `{}`, or it is there twice", printable(name));
                Err(Problem::new(MALFORMED, message).with_help(format!("the parameters are {}", known.join(", "))))
            }
        }
    }
}

/// `true` or `false`; the name alone is enough for the first.
pub(super) fn truth(value: &str) -> Option<bool> {
    match value {
        "" | "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(rest.next()?)? * 16 + digit(rest.next()?)?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &'static str) -> Result<Query, Problem> {
        Query::of(&Uri::from_static(text))
    }

    #[test]
    fn parameters_are_decoded_and_each_is_taken_once() {
        let mut query = query("/v1/logs?vat=a%2Fb&lines=7&follow").expect("read");
        assert_eq!(query.take("vat").as_deref(), Some("a/b"));
        assert_eq!(query.take("vat"), None);
        assert_eq!(query.take_as("lines", "a number", |text| text.parse().ok()), Ok(Some(7)));
        assert_eq!(query.take_as("follow", "a truth", truth), Ok(Some(true)));
        assert_eq!(query.end(&[]), Ok(()));
    }

    #[test]
    fn what_can_not_be_read_or_is_not_known_is_refused() {
        assert_eq!(query("/?a=%2").expect_err("cut short").code, MALFORMED);
        assert_eq!(query("/?a=%ff").expect_err("no UTF-8").code, MALFORMED);
        assert_eq!(query("/?line=7").expect("read").end(&["lines"]).expect_err("unknown").code, MALFORMED);
        let twice = query("/?a=1&a=2").map(|mut query| {
            query.take("a");
            query.end(&["a"])
        });
        assert_eq!(twice.expect("read").expect_err("twice").code, MALFORMED);
        let wrong = query("/?follow=maybe").and_then(|mut query| query.take_as("follow", "a truth", truth));
        assert_eq!(wrong.expect_err("refused").code, MALFORMED);
    }
}
