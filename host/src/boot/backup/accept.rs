//! To go on with a store that has lost something: an operator's choice, never a start's.
//!
//! Numbers that were given in what is lost may be known elsewhere, so none of them is given again, and vats draw no random again that they
//! drew then. The witness goes last: until then a start refuses as before.

use crate::daemon::Home;
use crate::daemon::home::STORE;
use crate::powers::Powers;
use crate::problem::Problem;
use crate::store::{self, StoreError, witness};

use super::super::house;
use super::restore;

/// What a stopped home's store has lost; `None` if it has lost nothing. Nothing is changed.
///
/// # Errors
/// If a host runs, or there is no store that one could go on with.
pub fn preview(home: &Home, powers: Powers) -> Result<Option<Problem>, Problem> {
    let _lock = restore::locked(home, powers)?;
    lost(home)
}

/// Goes on with the store as it is; returns what it has lost.
///
/// # Errors
/// The same, and if the home can't be written; then again.
pub fn accept(home: &Home, powers: Powers) -> Result<Option<Problem>, Problem> {
    let _lock = restore::locked(home, powers)?;
    let Some(lost) = lost(home)? else { return Ok(None) };
    let of_store = |fault: StoreError| Problem::from(&fault);
    let path = home.path_of(STORE);
    // How far the numbers had come is not known any more.
    let then = super::counters_of(home).unwrap_or_default();
    store::raise(&path, &restore::beyond(&then)).map_err(of_store)?;
    house::renew_key(home)?;
    witness::dismiss(&path).map_err(of_store)?;
    Ok(Some(lost))
}

fn lost(home: &Home) -> Result<Option<Problem>, Problem> {
    let lost = store::lost(&home.path_of(STORE)).map_err(|fault| Problem::from(&fault))?;
    Ok(lost.as_ref().map(Problem::from))
}
