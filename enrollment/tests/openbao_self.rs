//! The registrar's own identity at a running `OpenBao`: by a wrapped secret id the first time, by its own certificate ever after.

mod support;

use enrollment::identity::{Identity, Own, hold};
use enrollment::policy::Policy;
use enrollment::targets::{Settings, open};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use support::{Bao, start};

const NAME: &str = "registrar-1";

fn policy(bao: &Bao) -> Policy {
    Policy { targets: [("vault".to_owned(), bao.plain_settings())].into(), ..Policy::default() }
}

fn own(bao: &Bao) -> Own {
    Own {
        vault: "vault".into(),
        pki_mount: "pki-sensors".into(),
        role: "sensor".into(),
        common_name: NAME.into(),
        ttl: "24h".into(),
        file: bao.file("own.pem"),
        approle: bao.settings("sensor", true).approle,
    }
}

fn end(identity: &Identity) -> i64 {
    identity.not_after.parse::<jiff::Timestamp>().unwrap().as_second()
}

#[test]
fn the_registrar_proves_itself_by_a_certificate_that_it_renews_with_itself() {
    let Some(bao) = start() else { return };
    bao.own_identities(NAME);
    let (own, policy) = (own(&bao), policy(&bao));
    let now = jiff::Timestamp::now().as_second();
    let first = hold(&own, &policy, now).unwrap().unwrap();
    assert_eq!(std::fs::metadata(&own.file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(hold(&own, &policy, now).unwrap(), None, "it is not due");

    let settings = Settings { client_cert_file: Some(own.file.clone()), client_key_file: Some(own.file.clone()), ..bao.plain_settings() };
    assert!(open("vault", &settings).unwrap().probe().unwrap().register, "the log-in by certificate has the registrar's rights");

    // The secret id is used up and gone: the certificate is renewed by itself.
    std::fs::remove_file(bao.file("secret-id")).unwrap();
    let late = end(&first) - 7 * 3_600;
    let second = hold(&own, &policy, late).unwrap().unwrap();
    assert_ne!(second.serial, first.serial);
    assert_eq!(Identity::of_file(&own.file).unwrap().unwrap(), second);
    let text = std::fs::read_to_string(&own.file).unwrap();
    assert_eq!((text.matches("PRIVATE KEY-----").count(), text.matches("BEGIN CERTIFICATE").count()), (2, 2), "one key, its certificate, the CA");
    assert!(open("vault", &settings).unwrap().probe().unwrap().register);

    // A vault that does not sign leaves what is there.
    bao.admin("DELETE", "pki-sensors/roles/sensor", &Value::Null);
    assert!(hold(&own, &policy, end(&second) - 60).is_err());
    assert_eq!(Identity::of_file(&own.file).unwrap().unwrap(), second);
    assert!(std::fs::read_dir(bao.file("")).unwrap().all(|file| !file.unwrap().path().to_string_lossy().ends_with(".new")), "nothing is left over");
    let ended = hold(&own, &policy, end(&second) + 1).unwrap_err();
    assert!(ended.message.contains("secret_id_file"), "{ended}");
}
