//! What is proposed, held against the published schema.

use crate::captures;
use crate::evidence::script;
use enrollment::policy::{Policy, Rule};
use enrollment::propose::candidates;
use enrollment::sign::Key;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Every request that a rule without conditions makes of the captures.
fn requests() -> Vec<Value> {
    let rule = Rule { name: "all".into(), confidence: 0, target: "vault".into(), profile: "host".into(), managed: Vec::new(), ..Rule::default() };
    let policy = Policy { rule: vec![rule], ..Policy::default() };
    let key = Key::generate().expect("a key");
    let proposed = captures::all().iter().flat_map(|capture| candidates(&capture.document, &policy)).filter_map(|one| one.outcome.ok());
    proposed.map(|request| serde_json::to_value(key.propose(*request).request).expect("JSON")).collect()
}

#[test]
fn every_request_is_valid_by_the_published_schema_and_one_with_a_field_more_or_less_is_not() {
    let folder = captures::folder("proposals");
    let requests = requests();
    assert!(requests.len() > 100, "only {} requests", requests.len());
    let write = |(number, request): (usize, &Value)| {
        let path = folder.join(format!("{number}.json"));
        std::fs::write(&path, request.to_string()).expect("a file");
        path
    };
    let files: Vec<PathBuf> = requests.iter().enumerate().map(write).collect();
    let Some((fine, said)) = script("schema.py", &files) else { return };
    assert!(fine, "{said}");

    let whole = requests.iter().find(|request| request["evidence"][0].is_object()).expect("one with evidence");
    let mut wrong = Vec::new();
    for path in ["", "/identifiers", "/requested", "/evidence/0"] {
        let names: Vec<String> = whole.pointer(path).and_then(Value::as_object).expect("an object").keys().cloned().collect();
        for name in names {
            let mut less = whole.clone();
            less.pointer_mut(path).and_then(Value::as_object_mut).expect("an object").remove(&name);
            wrong.push(less);
        }
        let mut more = whole.clone();
        more.pointer_mut(path).expect("an object")["private_key"] = json!("x");
        wrong.push(more);
    }
    for (number, request) in wrong.iter().enumerate() {
        let Some((fine, said)) = script("schema.py", &[write((number, request))]) else { return };
        assert!(!fine, "{said}: {request}");
        // What is closed in the schema is closed in the code.
        assert!(serde_json::from_value::<enrollment::request::Request>(request.clone()).is_err(), "{request}");
    }
}
