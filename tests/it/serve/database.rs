//! `upmon db`, while the service runs and after.

use super::service::Service;
use crate::cli::world::small;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_made_while_the_service_runs_and_serves_as_well() {
    let world = small().await;
    world.write("upmon.toml", "[server]\ndatabase = \"state/one.db\"\n");
    let missing = world.run(&["db", "check"]).ended(4);
    assert!(missing.stderr.contains("there is no database at `") && missing.stderr.contains("hint: "), "{missing:?}");
    let service = Service::checked(&world);
    let checked = world.run(&["db", "check"]).ended(0);
    assert!(checked.stdout.ends_with("state/one.db` is whole\n"), "{checked:?}");
    world.run(&["db", "backup", "copy.db"]).ended(0);
    let again = world.run(&["db", "backup", "copy.db"]).ended(4);
    assert!(again.stderr.contains("cannot copy the database"), "{again:?}");
    let badge = service.get("/badge.json").body;
    drop(service);
    world.write("upmon.toml", "[server]\ndatabase = \"copy.db\"\n");
    assert_eq!(Service::start(&world).get("/badge.json").body, badge);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_none_is_told() {
    let world = small().await;
    world.write("upmon.toml", "[server]\ndatabase = \"upmon.toml\"\n");
    let run = world.run(&["db", "check"]).ended(4);
    assert!(run.stderr.contains("cannot open the database") || run.stderr.contains("cannot check"), "{run:?}");
}
