//! Controls that findings relate to: their titles, by framework. What does not stand in `data/controls/` was not confirmed, and no rule
//! may name it.

/// A framework: its name in the catalogue, its name for people, and its table.
type Framework = (&'static str, &'static str, &'static str);

const FRAMEWORKS: &[Framework] = &[
    ("iec-62443", "IEC 62443-3-3 and 62443-4-2", include_str!("../../data/controls/iec-62443.tsv")),
    ("nist-sp-800-53", "NIST SP 800-53 Rev. 5", include_str!("../../data/controls/nist-sp-800-53.tsv")),
    ("nist-sp-800-207", "NIST SP 800-207, tenets of zero trust", include_str!("../../data/controls/nist-sp-800-207.tsv")),
    ("cisa-ztmm", "CISA Zero Trust Maturity Model", include_str!("../../data/controls/cisa-ztmm.tsv")),
    ("etsi-en-303-645", "ETSI EN 303 645", include_str!("../../data/controls/etsi-en-303-645.tsv")),
    ("cra-annex-i", "Regulation (EU) 2024/2847, Annex I Part I", include_str!("../../data/controls/cra-annex-i.tsv")),
    ("attack-ics", "MITRE ATT&CK for ICS v18.1", include_str!("../../data/controls/attack-ics.tsv")),
    ("cwe", "CWE", include_str!("../../data/controls/cwe.tsv")),
    ("hipaa", "HIPAA, 45 CFR 164", include_str!("../../data/controls/hipaa.tsv")),
    ("pci-dss", "PCI DSS v4.0.1", include_str!("../../data/controls/pci-dss.tsv")),
];

/// Names of frameworks in the catalogue, in the order in which they are shown.
pub fn frameworks() -> impl Iterator<Item = &'static str> {
    FRAMEWORKS.iter().map(|(name, ..)| *name)
}

/// A framework's name for people; one that is not here is shown by its name.
#[must_use]
pub fn name(framework: &str) -> &str {
    FRAMEWORKS.iter().find(|(known, ..)| *known == framework).map_or(framework, |(_, name, _)| name)
}

/// A control's title.
#[must_use]
pub fn title(framework: &str, control: &str) -> Option<&'static str> {
    let (.., table) = FRAMEWORKS.iter().find(|(known, ..)| *known == framework)?;
    rows(table).find(|(id, _)| *id == control).map(|(_, title)| title)
}

fn rows(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::catalogue::Catalogue;
    use std::collections::BTreeSet;

    #[test]
    fn every_control_of_every_rule_is_confirmed() {
        for rule in &Catalogue::built_in().rules {
            for (framework, controls) in &rule.controls {
                let once: BTreeSet<&String> = controls.iter().collect();
                assert_eq!(once.len(), controls.len(), "{}: {framework} names one twice", rule.id);
                for control in controls {
                    assert!(title(framework, control).is_some(), "{}: {framework} {control} is not in data/controls/{framework}.tsv", rule.id);
                }
            }
        }
    }

    #[test]
    fn every_table_says_where_it_is_from_and_has_each_control_once_with_a_title() {
        for (framework, name, table) in FRAMEWORKS {
            let head: Vec<&str> = table.lines().filter(|line| line.starts_with('#')).collect();
            assert!(
                !name.is_empty() && head.iter().any(|line| line.starts_with("# source: ")) && head.iter().any(|line| line.starts_with("# date: "))
            );
            let ids: Vec<&str> = rows(table).map(|(id, _)| id).collect();
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{framework}");
            assert_eq!(ids.len(), table.lines().count() - head.len(), "{framework}: a row is id, tab, title");
            assert!(rows(table).all(|(id, title)| !id.is_empty() && !title.trim().is_empty()), "{framework}");
        }
    }
}
