//! Whether the store is sound: every page, every row, every count.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ocap_kernel::Kernel;

use crate::daemon::Home;
use crate::daemon::home::STORE;
use crate::daemon::requests::{DbChecked, Subject};
use crate::powers::Powers;
use crate::problem::Problem;
use crate::store;

use super::super::house::House;
use super::super::launch::blocking;

/// Where the copy lies that is looked at while a host runs.
const COPY: &str = "checking";

/// Looks at a copy of the store that the host uses, so that it goes on meanwhile.
///
/// # Errors
/// If the copy can't be made.
pub(in super::super) async fn running(house: &Arc<House>) -> Result<DbChecked, Problem> {
    let _alone = house.checking.lock().await;
    let checker = house.clone();
    blocking(move || {
        let home = &checker.home;
        let unusable = |error: io::Error| super::super::house::unusable(home, COPY, &error);
        // A host that died left it.
        super::absent_is_fine(home.dir().remove_dir_all(COPY)).map_err(unusable)?;
        super::make_directory(home.dir(), COPY).map_err(unusable)?;
        let copy = home.path_of(COPY).join(STORE);
        let copied = checker.store().copy(&copy).map_err(|fault| Problem::from(&fault));
        let checked = copied.map(|()| look(&copy, Subject::Running));
        home.dir().remove_dir_all(COPY).map_err(unusable)?;
        checked
    })
    .await
}

/// Looks at the store of a home that no host runs on, and changes nothing; `None` if one does.
///
/// # Errors
/// If the home is not usable at all.
pub fn stopped(home: &Home, powers: Powers) -> Result<Option<DbChecked>, Problem> {
    let Some(_lock) = super::at_rest(home, powers)? else { return Ok(None) };
    Ok(Some(look(&home.path_of(STORE), Subject::Stopped)))
}

fn look(path: &Path, subject: Subject) -> DbChecked {
    let checked = |store_version, findings| DbChecked { subject, store_version, findings };
    match store::inspect(path) {
        Ok(None) => checked(0, Vec::new()),
        Err(fault) => checked(0, vec![Problem::from(&fault)]),
        Ok(Some(inspected)) => {
            let mut findings: Vec<Problem> = inspected.damage.iter().map(Problem::from).collect();
            let audited = Kernel::load(inspected.state).err();
            findings.extend(audited.map(|corrupt| super::super::contradiction(path, &corrupt)));
            checked(inspected.version, findings)
        }
    }
}
