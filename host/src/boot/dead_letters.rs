//! Dead letters as operators see them.

use std::sync::Arc;

use ocap_kernel::{DeadLetter, Kernel, MessageId, Why};

use crate::daemon::requests::{self, DeadLetters, DropBody, Dropped, LetterBody};
use crate::problem::Problem;
use crate::run_loop::RunLoop;

use super::calls;
use super::house::House;

/// All of them, without what was in them.
pub(super) async fn list(house: &Arc<House>) -> Result<DeadLetters, Problem> {
    let of = |run_loop: &mut RunLoop, _: &House| {
        let kernel = run_loop.kernel();
        DeadLetters { letters: kernel.dead_letters().map(|(id, letter)| described(kernel, id, letter)).collect() }
    };
    house.act(of).await
}

/// One of them, with what was in it.
///
/// # Errors
/// If there is none of that number.
pub(super) async fn show(house: &Arc<House>, id: String) -> Result<requests::DeadLetter, Problem> {
    let of = move |run_loop: &mut RunLoop, _: &House| {
        let kernel = run_loop.kernel();
        let (id, letter) = find(kernel, &id)?;
        Ok(requests::DeadLetter { body: Some(body_of(letter)), ..described(kernel, id, letter) })
    };
    house.act(of).await?
}

/// Forgets one, or all.
///
/// # Errors
/// If there is none of that number.
pub(super) async fn drop_some(house: &Arc<House>, body: DropBody) -> Result<Dropped, Problem> {
    let of = move |run_loop: &mut RunLoop, _: &House| {
        let kernel = run_loop.kernel();
        let chosen: Vec<MessageId> = match &body.id {
            Some(id) => vec![find(kernel, id)?.0],
            None => kernel.dead_letters().map(|(id, _)| id).collect(),
        };
        for id in &chosen {
            run_loop.kernel_mut().drop_dead_letter(*id);
        }
        Ok(Dropped { ids: chosen.iter().map(MessageId::to_string).collect() })
    };
    house.act(of).await?
}

fn find<'k>(kernel: &'k Kernel, named: &str) -> Result<(MessageId, &'k DeadLetter), Problem> {
    kernel.dead_letters().find(|(id, _)| id.to_string() == named).ok_or_else(|| {
        Problem::new("ocap::target::unknown", format!("there is no dead letter `{named}`"))
            .with_help("see which there are: `ocap-host dead-letters list`")
    })
}

fn described(kernel: &Kernel, id: MessageId, letter: &DeadLetter) -> requests::DeadLetter {
    let vat_id = letter.vat.to_string();
    let label = kernel.vat(letter.vat).map(|view| calls::label_of(kernel, view.row));
    requests::DeadLetter {
        id: id.to_string(),
        vat: label.unwrap_or_else(|| vat_id.clone()),
        vat_id,
        object: letter.object.to_string(),
        method: letter.method.clone(),
        why: match letter.why {
            Why::KilledTheProcess => requests::Why::KilledTheProcess,
            Why::MailboxFull => requests::Why::MailboxFull,
            Why::Damaged => requests::Why::Damaged,
        },
        bytes: letter.bytes,
        body: None,
    }
}

fn body_of(letter: &DeadLetter) -> LetterBody {
    let is_whole = letter.bytes == letter.body.len() as u64;
    match ocap_passable::decode(&letter.body) {
        Ok(value) if is_whole => LetterBody::Value(ocap_passable::to_json(&value, |_| "gone".to_owned())),
        Ok(_) | Err(_) => LetterBody::Hex(letter.body.iter().map(|byte| format!("{byte:02x}")).collect()),
    }
}

#[cfg(test)]
mod tests {
    use ocap_kernel::{Body, ObjectId, VatId};
    use ocap_passable::Value;

    use super::*;

    fn shown(body: Vec<u8>, bytes: u64) -> LetterBody {
        let (vat, object, method) = (VatId(1), ObjectId(2), "m".to_owned());
        body_of(&DeadLetter { vat, object, method, body: Body::from(body), bytes, why: Why::MailboxFull })
    }

    #[test]
    fn a_body_is_shown_as_what_it_says_or_as_its_bytes() {
        let passable = ocap_passable::encode(&Value::List(vec![Value::String("so\u{1b}".to_owned()), Value::Cap(0)]));
        let length = passable.len() as u64;
        let json = serde_json::json!(["so\u{1b}", { "$cap": "gone" }]);
        assert_eq!(shown(passable.clone(), length), LetterBody::Value(json));
        assert_eq!(shown(vec![0xff, 0x00], 2), LetterBody::Hex("ff00".to_owned()));
        // What was cut short may still look whole.
        assert_eq!(shown(vec![0x01], 2), LetterBody::Hex("01".to_owned()));
    }
}
