//! Where the service reads pins from: the pins file, the files that it names, and the settings.

use super::service::Service;
use crate::cli::world::small_with;

const WEB: &str = r#"{ "dependencies": { "@acme/pad": "1.0.0" } }"#;
const TOKEN: &str = "Authorization: Bearer 0123456789abcdef\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn pins_of_other_files_are_checked_and_read_anew_each_time() {
    let world = small_with(r#"{ "from": ["package.json"] }"#).await.with("UPMON_SERVER_TOKEN", "0123456789abcdef");
    world.write("package.json", WEB);
    let settings = "[[pins]]\ngroup = \"ruby\"\nname = \"gemmy\"\nversion = \"1.0.0\"\n";
    world.write("upmon.toml", settings);
    let service = Service::checked(&world);
    let message = |service: &Service, pin: &str| service.get(&format!("/badge/{pin}.json")).json()["message"].clone();
    assert_eq!(service.get("/badge.json").json()["message"], "2 behind, worst warning");
    assert_ne!(message(&service, "npm/@acme/pad"), "current");
    // a pin that is new, and one that has gone on
    world.write("package.json", &WEB.replace("1.0.0", "1.1.0"));
    world.write("upmon.toml", &settings.replace("1.0.0", "1.0.1"));
    assert_eq!(service.post("/api/v1/check", TOKEN, "").status, 202);
    service.until("the next check", |service| service.get("/badge.json").json()["message"] == "all current");
    // what cannot be read is told, and forgets nothing
    world.write("package.json", "{");
    service.post("/api/v1/check", TOKEN, "");
    service.until("the fault", |service| service.log().contains("package.json"));
    assert_eq!(service.get("/badge.json").json()["message"], "all current");
}
