//! What becomes of each text of the document, by where it stands.

/// What becomes of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// It is ours, or what a vendor needs.
    Keep,
    /// It is a name, an address, a number or a digest, as a whole.
    Whole,
    /// A zone, segment or site: a network, a word of ours, or a name.
    Place,
    /// The name of a capture: what follows the point stays.
    File,
    /// A distinguished name.
    Subject,
    /// A subject alternative name: `dns:…`.
    AlternativeName,
    /// Ours and from the wire, mixed: only words that are known to be ours stay.
    Strict,
    /// What stays but for addresses and names of this inventory.
    Within,
    /// What evidence quotes: left out.
    Quote,
}

/// Attributes that a vendor needs. All others are names.
pub(super) const KEPT_ATTRIBUTES: &[&str] =
    &["vendor", "mac_vendor", "model", "order_number", "firmware", "hardware", "os", "software", "operating_mode", "class", "type"];

/// The class of a text: its path is names of fields, from the record down, without places in lists. What is not named here may hold
/// anything.
pub(super) fn class(path: &[String]) -> Class {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let below = |record: &str| path.iter().position(|name| *name == record).and_then(|at| path.get(at + 1..));
    if let Some(rest) = below("evidence").or_else(|| below("proof")) {
        return of_evidence(rest);
    }
    if let Some(rest) = below("findings") {
        return of_finding(rest);
    }
    match path.as_slice() {
        [.., "first_seen" | "last_seen" | "as_of" | "not_before" | "not_after" | "list_as_of"] => Class::Keep,
        ["head", rest @ ..] => of_head(rest),
        ["device", "attributes", name, rest @ ..] => of_attribute(name, rest),
        ["device", rest @ ..] => of_device(rest),
        ["conversation", "protocol" | "transport"] => Class::Keep,
        ["conversation", "client" | "server", "device"] => Class::Whole,
        _ => Class::Strict,
    }
}

/// The class of the names of a map's members; none where they are names of fields.
pub(super) fn of_names(path: &[String]) -> Option<Class> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["device", "annotations"] | ["conversation", "operations"] => Some(Class::Strict),
        [.., "undecoded" | "malformed" | "opaque_bytes"] => Some(Class::Strict),
        _ => None,
    }
}

fn of_evidence(path: &[&str]) -> Class {
    match path {
        ["protocol" | "field" | "time" | "derivation" | "dissector"] => Class::Keep,
        ["source" | "frame_sha256"] => Class::Whole,
        ["file"] | ["spans", "file"] => Class::File,
        ["quote"] => Class::Quote,
        _ => Class::Strict,
    }
}

fn of_finding(path: &[&str]) -> Class {
    match path {
        ["rule" | "severity" | "status" | "scope" | "title" | "observable_because"] | ["controls" | "remedy", ..] => Class::Keep,
        ["first_seen" | "last_seen" | "resolved_since"] => Class::Keep,
        ["id" | "devices"] => Class::Whole,
        ["zone"] => Class::Place,
        _ => Class::Strict,
    }
}

fn of_head(path: &[&str]) -> Class {
    match path {
        ["schema"] | ["producer", ..] | ["sources", "link_types"] | ["certificates", "key" | "signature" | "roles" | "trust"] => Class::Keep,
        ["sources", "key" | "tap"] | ["sources", "files", "sha256"] => Class::Whole,
        ["coverage", "shared_keys", "id" | "devices"] | ["coverage", "shared_secrets", "devices"] => Class::Whole,
        ["certificates", "sha256" | "serial" | "presented_by" | "proven_by"] => Class::Whole,
        ["coverage", "shared_secrets", "uses"] => Class::Keep,
        ["sources", "site"] => Class::Place,
        ["sources", "name"] | ["sources", "files", "name"] => Class::File,
        ["certificates", "subject" | "issuer" | "trusted_issuer"] => Class::Subject,
        ["certificates", "subject_alt_names"] => Class::AlternativeName,
        _ => Class::Strict,
    }
}

fn of_attribute(name: &str, path: &[&str]) -> Class {
    match path {
        ["value"] | ["rivals" | "history", "value"] if KEPT_ATTRIBUTES.contains(&name) => Class::Within,
        ["rule"] | ["rivals" | "history", "rule"] => Class::Within,
        ["class"] | ["rivals" | "history", "class"] => Class::Keep,
        // `raw`, too: its digits are the value's.
        _ => Class::Whole,
    }
}

fn of_device(path: &[&str]) -> Class {
    match path {
        ["kind" | "reach" | "class" | "type" | "protocols"] | ["services", "protocol" | "transport"] | ["bindings", "kind" | "class"] => Class::Keep,
        ["advisories", "advisory" | "weakness" | "verdict"]
        | ["identities", "kind" | "roles"]
        | ["managed", "state" | "key_class"]
        | ["enrollability", "method"] => Class::Keep,
        ["id" | "aliases" | "parent" | "behind" | "replaced_by" | "replaces" | "macs" | "ips" | "hostnames"] => Class::Whole,
        ["bindings" | "identities", "value"] | ["annotations", _] | ["managed", "authority"] => Class::Whole,
        ["site" | "segments" | "zone"] | ["bindings", "segment"] => Class::Place,
        ["identities", "issuer"] => Class::Subject,
        ["advisories", "reason"] | ["roles" | "part" | "would_tell_more"] | ["score", "because"] | ["enrollability", "reasons" | "blockers"] => {
            Class::Within
        }
        _ => Class::Strict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Class {
        class(&path.split('/').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_nobody_classified_may_hold_anything() {
        for path in ["device/new_field", "head/new/field", "conversation/new", "device/findings/new", "device/attributes/model/evidence/new"] {
            assert_eq!(of(path), Class::Strict, "{path}");
        }
        assert_eq!(of("device/attributes/new_attribute/value"), Class::Whole);
    }

    #[test]
    fn what_a_vendor_needs_stays_but_for_names() {
        assert_eq!(of("device/attributes/model/value"), Class::Within);
        assert_eq!(of("device/attributes/serial/value"), Class::Whole);
        assert_eq!(of("device/attributes/model/raw"), Class::Whole);
        assert_eq!(of("device/findings/remedy/text"), Class::Keep);
        assert_eq!(of("device/findings/evidence/quote"), Class::Quote);
    }
}
