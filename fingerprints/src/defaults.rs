//! What makers set: log-ins and communities, which captured secrets are held against tag against tag, so that none is ever seen; and
//! certificates.

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DefaultSecret {
    /// The user, of a log-in.
    pub user: Option<&'static str>,
    /// The secret.
    pub secret: &'static str,
}

const TABLE: &str = include_str!("../data/default_secrets.tsv");

/// Every row of `data/default_secrets.tsv`.
pub fn secrets() -> impl Iterator<Item = DefaultSecret> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.split('\t');
        let (sort, user, secret) = (cells.next()?, cells.next()?, cells.next()?);
        Some(DefaultSecret { user: (sort == "login").then_some(user), secret })
    })
}

const CERTIFICATES: &str = include_str!("../data/default_certificates.tsv");

/// What a certificate is that comes with a product, by the names of its subject and its issuer (RFC 4514).
#[must_use]
pub fn certificate(subject: &str, issuer: &str) -> Option<&'static str> {
    let rows = CERTIFICATES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.next()?, cells.next()?, cells.next()?))
    });
    let mut known = rows.filter(|(side, name, _)| has(if *side == "subject" { subject } else { issuer }, name));
    known.next().map(|row| row.2)
}

/// Whether a name has this relative name, whole.
fn has(name: &str, relative: &str) -> bool {
    name.match_indices(relative).any(|(at, _)| {
        let (before, behind) = (&name[..at], &name[at + relative.len()..]);
        (before.is_empty() || before.ends_with(',') && !before.ends_with("\\,")) && (behind.is_empty() || behind.starts_with([',', '+']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_comes_with_a_product_is_known_by_a_whole_name() {
        assert!(certificate("CN=localhost,OU=SomeOrganizationalUnit,O=SomeOrganization,L=SomeCity", "").is_some());
        assert!(certificate("CN=device", "CN=PolarSSL Test CA,O=PolarSSL,C=NL").is_some());
        assert!(certificate("CN=device,O=SomeOrganization Ltd", "O=Example").is_none());
        assert!(certificate("CN=PolarSSL Test CA", "CN=Plant CA").is_none());
        assert!(certificate("CN=a\\,O=SomeOrganization", "").is_none());
    }

    #[test]
    fn every_row_is_a_login_or_a_community_with_a_secret() {
        let rows = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(secrets().count(), rows);
        assert!(secrets().all(|one| !one.secret.is_empty()));
        assert!(secrets().any(|one| one == DefaultSecret { user: None, secret: "public" }));
        assert!(secrets().any(|one| one == DefaultSecret { user: Some("admin"), secret: "admin" }));
    }
}
