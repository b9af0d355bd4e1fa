//! How a reference came, in the columns of `clist`: which of them are used says the word in `how`.

use std::sync::Arc;

use ocap_kernel::{How, Kref, MessageId, Moment, Origin, Sender, VatId};

use super::columns::{Columns, Flaw};

/// The columns after `kref`, in the order of the table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OriginColumns<'o> {
    pub(super) how: Option<&'static str>,
    pub(super) name: Option<&'o str>,
    pub(super) message: Option<i64>,
    pub(super) giver: Option<i64>,
    pub(super) target: Option<i64>,
    pub(super) boot: Option<i64>,
    pub(super) since: Option<i64>,
}

/// An origin as columns; all are NULL where none is known.
pub(super) fn columns(origin: Option<&Origin>) -> OriginColumns<'_> {
    let Some(Origin { how, since }) = origin else { return OriginColumns::default() };
    let none = OriginColumns {
        boot: Some(since.boot.cast_signed()),
        since: Some(since.ms.cast_signed()),
        ..OriginColumns::default()
    };
    let bits = |kref: Kref| Some(kref.to_bits().cast_signed());
    match how {
        How::Granted(name) => OriginColumns { how: Some("granted"), name: Some(name), ..none },
        How::Exposed => OriginColumns { how: Some("exposed"), ..none },
        How::Made => OriginColumns { how: Some("made"), ..none },
        How::Asked { target } => OriginColumns { how: Some("asked"), target: bits(*target), ..none },
        How::Sent { message, by, to, method } => OriginColumns {
            how: Some("sent"),
            name: Some(method),
            message: Some(message.0.cast_signed()),
            giver: Some(giver(*by)),
            target: bits(Kref::Object(*to)),
            ..none
        },
        How::Answered { by } => OriginColumns { how: Some("answered"), giver: by.map(giver), ..none },
    }
}

/// A vat's number; 0, which no vat has, is the host.
pub(super) fn giver(sender: Sender) -> i64 {
    match sender {
        Sender::Host => 0,
        Sender::Vat(vat) => vat.0.cast_signed(),
    }
}

/// The reverse of [`giver`].
pub(super) fn parse_giver(number: u64) -> Sender {
    match number {
        0 => Sender::Host,
        vat => Sender::Vat(VatId(vat)),
    }
}

/// The reverse of [`columns`].
pub(super) fn parse(row: &mut Columns<'_>) -> Result<Option<Arc<Origin>>, Flaw> {
    let Some(word) = row.optional_text("how")? else {
        absent(row, &["name", "message", "giver", "target", "boot", "since"])?;
        return Ok(None);
    };
    let how = match word {
        "granted" => {
            let name = row.text("name")?.to_owned();
            absent(row, &["message", "giver", "target"])?;
            How::Granted(name)
        }
        "exposed" | "made" => {
            absent(row, &["name", "message", "giver", "target"])?;
            if word == "made" { How::Made } else { How::Exposed }
        }
        "asked" => {
            absent(row, &["name", "message", "giver"])?;
            How::Asked { target: row.kref("target")? }
        }
        "sent" => sent(row)?,
        "answered" => {
            absent(row, &["name", "message"])?;
            let by = row.optional_number("giver")?.map(parse_giver);
            absent(row, &["target"])?;
            How::Answered { by }
        }
        word => return Err(Flaw::unknown_word("how", word)),
    };
    let since = Moment { boot: row.number("boot")?, ms: row.number("since")? };
    Ok(Some(Arc::new(Origin { how, since })))
}

fn sent(row: &mut Columns<'_>) -> Result<How, Flaw> {
    let method = row.text("name")?.to_owned();
    let message = MessageId(row.number("message")?);
    let by = parse_giver(row.number("giver")?);
    match row.kref("target")? {
        Kref::Object(to) => Ok(How::Sent { message, by, to, method }),
        Kref::Promise(_) | Kref::Resolver(_) => Err(Flaw::Form("`target` is no object".to_owned())),
    }
}

fn absent(row: &mut Columns<'_>, columns: &[&str]) -> Result<(), Flaw> {
    columns.iter().try_for_each(|column| row.absent(column, "what `how` says has none"))
}
