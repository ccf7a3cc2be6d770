//! Who is who: a test a row of the table in `src/resolve/CASES.md`.

mod addresses;
mod attributes;
mod cards;
mod explained;
mod keys;
mod operator;
mod parts;
mod routers;
mod wire;

/// The table and the tests name one another.
#[test]
fn every_row_has_its_test_and_every_test_its_row() {
    let table = include_str!("../../src/resolve/CASES.md");
    let rows: std::collections::BTreeSet<&str> = table.lines().filter_map(|line| line.trim().strip_suffix("` |")?.rsplit('`').next()).collect();
    let sources = [
        include_str!("addresses.rs"),
        include_str!("cards.rs"),
        include_str!("keys.rs"),
        include_str!("operator.rs"),
        include_str!("parts.rs"),
        include_str!("routers.rs"),
    ];
    let names = sources.iter().flat_map(|source| source.split("#[test]\nfn ").skip(1)).filter_map(|rest| rest.split('(').next());
    assert_eq!(rows, names.collect());
}
