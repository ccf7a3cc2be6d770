//! Log-ins and communities that makers set: what a captured secret is held against, tag against tag, so that it is never seen.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_login_or_a_community_with_a_secret() {
        let rows = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(secrets().count(), rows);
        assert!(secrets().all(|one| !one.secret.is_empty()));
        assert!(secrets().any(|one| one == DefaultSecret { user: None, secret: "public" }));
        assert!(secrets().any(|one| one == DefaultSecret { user: Some("admin"), secret: "admin" }));
    }
}
