//! Start, restart, end.

use std::time::Duration;

use upmon::registry::RegistryId;

use super::service::Service;
use crate::cli::world::{small, small_with};
use crate::support::runner::{PINS, World};

#[tokio::test(flavor = "multi_thread")]
async fn it_checks_when_it_is_started_and_remembers_what_it_found() {
    let world = small().await;
    let service = Service::checked(&world);
    assert_eq!(service.get("/badge.json").json()["message"], "4 behind, worst critical, 1 unknown");
    assert!(service.log().contains("checked"), "{}", service.log());
    let questions = world.questions().await;
    drop(service);
    // killed, and started again: nobody is asked, since nothing is overdue
    let again = Service::start(&world);
    assert_eq!(again.get("/badge.json").json()["message"], "4 behind, worst critical, 1 unknown");
    assert!(!again.get("/readyz").json()["last_good_check"].is_null());
    assert_eq!(world.questions().await, questions);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_in_order() {
    let world = small_with("{}").await;
    for signal in ["TERM", "INT"] {
        let service = Service::checked(&world);
        let idle = service.connect();
        service.signal(signal);
        let (code, log) = service.ended();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("ending") && log.trim_end().ends_with("ended"), "{log}");
        drop(idle);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_and_ends_where_nobody_reads_its_log() {
    let world = small().await;
    let service = Service::unheard(&world);
    service.until("the first check", |service| !service.get("/readyz").json()["last_good_check"].is_null());
    service.signal("TERM");
    assert_eq!(service.ended().0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_cut_off_is_begun_again_by_the_next_process() {
    let world = World::new(r#"{ "rust": { "slow": "1.0.0" } }"#).await;
    world.write("upmon.toml", "[server]\ndrain = \"10ms\"\n");
    let late = wiremock::ResponseTemplate::new(200).set_delay(Duration::from_mins(10));
    world.respond(RegistryId::CratesIo, "sl/ow/slow", late).await;
    let service = Service::start(&world);
    while world.questions().await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(service.get("/badge/rust/slow.json").json()["message"], "unknown: not checked yet");
    service.signal("TERM");
    let (code, log) = service.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("a check was cut off"), "{log}");
    // the pin is gone, so that this check ends; it is the same job, and no schedule is due
    world.write(PINS, "{}");
    let again = Service::checked(&world);
    assert_eq!(again.get("/badge.json").json()["message"], "no pins");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_for_a_group_or_for_what_a_policy_judges() {
    let world = small_with(
        r#"{
        "rust": { "steady": "1.0.0", "drift": "1.0.0" },
        "ruby": { "gemmy": "1.0.0" },
        "python": { "serpent": "1.0" },
        "typescript": { "@acme/pad": { "version": "1.0.0", "policy": "strict" } }
    }"#,
    )
    .await;
    // each was due on the last such day, and none comes again before the test is over
    let settings = r#"
        [policies.strict]
        patch = "critical"
        [[rules]]
        pins = "rust/s*"
        policy = "strict"
        [[server.schedules]]
        cron = "0 5 29 2 *"
        policy = "strict"
        [[server.schedules]]
        cron = "0 5 29 2 *"
        time-zone = "Europe/Vienna"
        jitter = "1s"
        pins = ["python/*", "typescript/*"]
        policy = "default"
        [[server.schedules]]
        cron = "0 6 29 2 *"
        pins = "ruby/*"
        policy = "strict"
    "#;
    world.write("upmon.toml", settings);
    let service = Service::start(&world);
    let checks = |service: &Service| {
        let metrics = service.get("/metrics").body;
        !metrics.contains("upmon_packages{status=\"current\"} 0") && metrics.contains("\nupmon_queue_jobs 0\n")
    };
    service.until("the checks", checks);
    service.until("the other policy's", |service| service.get("/api/v1/packages/python/serpent").status == 200);
    let packages = service.get("/api/v1/packages").json();
    let ids = packages["packages"].as_array().unwrap().iter().map(|package| package["finding"]["id"].as_str().unwrap());
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    assert_eq!(ids, ["python/serpent", "rust/steady", "typescript/@acme/pad"]);
    let page = service.get("/").body;
    assert!(page.contains("all pins with policy strict"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_files_or_its_port_it_does_not_start() {
    let world = small_with("{}").await;
    let service = Service::start(&world);
    let taken = service.address.to_string();
    let run = world.run(&["serve", "--listen", &taken]).ended(4);
    assert!(run.stderr.contains(&format!("error: cannot listen at `{taken}`")), "{run:?}");
    drop(service);
    let of_table = [
        ("[server]\nlisten = \"localhost:1\"\n", 2, "`listen` is not an address and a port"),
        ("[[server.schedules]]\ncron = \"0 5 30 2 *\"\n", 2, "`cron` never comes"),
        ("[[server.schedules]]\ntime-zone = \"UTC\"\n", 2, "`cron` is missing"),
        ("[[server.schedules]]\ncron = \"0 5 * * *\"\npolicy = \"lax\"\n", 2, "there is no policy `lax`"),
        ("[server]\ndatabase = \"upmon.toml/x\"\n", 4, "cannot open the database"),
    ];
    for (settings, code, expected) in of_table {
        world.write("upmon.toml", settings);
        let run = world.run(&["serve", "--listen", "127.0.0.1:0"]).ended(code);
        assert!(run.stderr.contains(expected), "{run:?}");
    }
    world.write("upmon.toml", "");
    world.write(PINS, "{");
    world.run(&["serve", "--listen", "127.0.0.1:0"]).ended(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_had_is_told_without_its_password() {
    let world = small_with("{}").await.with("UPMON_DATABASE_URL", "postgres://ann:s3cr3t@127.0.0.1:1/upmon");
    let run = world.run(&["serve", "--listen", "127.0.0.1:0"]).ended(4);
    assert!(run.stderr.contains("cannot open the database `postgres://127.0.0.1:1/upmon`"), "{run:?}");
    assert!(!run.stderr.contains("s3cr3t") && !run.stderr.contains("ann:"), "{run:?}");
    let world = world.with("UPMON_DATABASE_URL", "mysql://ann:s3cr3t@127.0.0.1:1/upmon");
    let run = world.run(&["serve", "--listen", "127.0.0.1:0"]).ended(2);
    assert!(run.stderr.contains("`UPMON_DATABASE_URL` is not a database that upmon knows"), "{run:?}");
    assert!(!run.stderr.contains("s3cr3t"), "{run:?}");
}
