//! Products whose makers give no more updates: `data/end_of_support.tsv`, and tables of one's own in the same form.

use std::sync::LazyLock;

const TABLE: &str = include_str!("../data/end_of_support.tsv");

static BUILT_IN: LazyLock<Result<Vec<Product>, String>> = LazyLock::new(|| read(TABLE));

/// Rows of a table; one that has more is something else.
const ROWS_MAX: usize = 20_000;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Words that say that a value is one of several: only a row that says the same speaks of them.
const CHOICES: [&str; 3] = ["or", "to", "and"];

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// The attribute: `os`, `firmware`, `software`, `model`, `order_number`.
    pub attribute: String,
    /// The maker, where the value alone does not tell.
    pub vendor: Option<String>,
    /// The value, or how it begins.
    pub value: String,
    /// The last day with updates for nothing, as the table has it.
    pub ends: String,
    /// The last with updates for who pays.
    pub paid: Option<String>,
    /// Where this is known from.
    pub source: String,
    /// The first second after the last day, since 1970.
    over: i64,
}

impl Product {
    /// Whether the last day is over at a time in seconds since 1970.
    #[must_use]
    pub const fn is_over(&self, at: i64) -> bool {
        at >= self.over
    }

    /// Whether it speaks of a value: that, or that with more behind it.
    fn is(&self, attribute: &str, vendor: Option<&str>, value: &str) -> bool {
        if self.attribute != attribute
            || !self.vendor.as_deref().is_none_or(|wanted| vendor.is_some_and(|vendor| vendor.eq_ignore_ascii_case(wanted)))
        {
            return false;
        }
        let Some((head, rest)) = value.split_at_checked(self.value.len()).filter(|(head, _)| head.eq_ignore_ascii_case(&self.value)) else {
            return false;
        };
        let whole = head.ends_with('.') || !rest.starts_with(|c: char| c.is_alphanumeric() || c == '.');
        whole && !rest.split_whitespace().any(|word| CHOICES.contains(&word))
    }
}

/// The rows that are built in.
#[must_use]
pub fn built_in() -> &'static [Product] {
    BUILT_IN.as_deref().unwrap_or_default()
}

/// A digest of the table.
#[must_use]
pub fn table() -> &'static str {
    TABLE
}

/// Reads a table; see its head for the columns.
///
/// # Errors
/// The line, and what is wrong there.
pub fn read(text: &str) -> Result<Vec<Product>, String> {
    let rows = (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
    let mut products = Vec::new();
    for (number, line) in rows {
        if products.len() == ROWS_MAX {
            return Err(format!("line {number}: more rows than a table of this kind has ({ROWS_MAX})"));
        }
        products.push(row(line).map_err(|reason| format!("line {number}: {reason}"))?);
    }
    Ok(products)
}

fn row(line: &str) -> Result<Product, String> {
    let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
    let [attribute, vendor, value, ends, paid, source] = cells.as_slice() else {
        return Err(format!("{} columns, not attribute, vendor, value, last day, last day for who pays, source", cells.len()));
    };
    if !["os", "firmware", "software", "model", "order_number"].contains(attribute) {
        return Err(format!("{attribute:?} is no attribute of which this can be said"));
    }
    if value.is_empty() {
        return Err("it has no value".to_owned());
    }
    let some = |cell: &str| (cell != "-" && !cell.is_empty()).then(|| cell.to_owned());
    let day = |text: &str| day(text).ok_or_else(|| format!("{text:?} is no day as 2026-11-27"));
    some(paid).map(|paid| day(&paid)).transpose()?;
    Ok(Product {
        over: (day(ends)? + 1) * DAY,
        attribute: (*attribute).to_owned(),
        vendor: some(vendor),
        value: (*value).to_owned(),
        ends: (*ends).to_owned(),
        paid: some(paid),
        source: (*source).to_owned(),
    })
}

/// Days from 1970-01-01 to a day of the Gregorian calendar (years 1970 to 9999).
fn day(text: &str) -> Option<i64> {
    let (year, rest) = text.split_once('-')?;
    let (month, date) = rest.split_once('-')?;
    let digits = |text: &str, length| (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<i64>().ok())?;
    let (year, month, date) = (digits(year, 4)?, digits(month, 2)?, digits(date, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = usize::try_from(month - 1).ok().and_then(|month| lengths.get(month))?;
    if year < 1970 || !(1..=*length).contains(&date) {
        return None;
    }
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).unwrap_or(0)).sum();
    Some((year - 1970) * 365 + leap_days + months + date - 1)
}

/// Of all rows that speak of a value the one that says most of it.
#[must_use]
pub fn of<'p>(products: &'p [Product], attribute: &str, vendor: Option<&str>, value: &str) -> Option<&'p Product> {
    products.iter().filter(|product| product.is(attribute, vendor, value)).max_by_key(|product| (product.value.len(), product.vendor.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(value: &str) -> Option<&'static str> {
        of(built_in(), "os", None, value).map(|product| product.ends.as_str())
    }

    #[test]
    fn the_built_in_table_can_be_read() {
        assert!(read(TABLE).unwrap_or_else(|error| panic!("{error}")).len() > 50);
    }

    #[test]
    fn a_value_is_known_with_what_stands_behind_it_and_a_choice_only_as_a_whole() {
        assert_eq!((ends("Windows 7"), ends("Windows 7 Professional 7601")), (Some("2021-10-12"), Some("2021-10-12")));
        assert_eq!((ends("Windows 8"), ends("Windows 8.1")), (Some("2016-01-12"), Some("2023-07-11")));
        assert_eq!(ends("Windows 10 1809 or Server 2019"), Some("2029-01-09"));
        assert_eq!((ends("Windows Vista or later"), ends("Windows 2000 or later"), ends("Windows 70")), (None, None, None));
        assert_eq!((ends("Debian 1"), ends("Debian 10"), ends("Debian 10.13")), (None, Some("2024-06-30"), Some("2024-06-30")));
        assert_eq!((ends("FreeBSD 12.3-RELEASE"), ends("Linux 5.10")), (Some("2023-12-31"), None));
    }

    #[test]
    fn support_is_over_when_its_last_day_is() {
        let product = read("os\t-\tX\t1970-01-02\t-\tthe maker\n").unwrap().remove(0);
        assert!(!product.is_over(2 * DAY - 1) && product.is_over(2 * DAY));
        assert_eq!((day("2000-02-29"), day("2001-02-29"), day("2026-11-27")), (Some(11_016), None, Some(20_784)));
    }

    #[test]
    fn a_maker_that_is_named_must_be_the_devices() {
        let table = read("# own\nfirmware\tAcme\t1.\t2020-01-01\t-\tthe maker\n").unwrap();
        assert!(of(&table, "firmware", Some("ACME"), "1.4").is_some());
        assert!(of(&table, "firmware", Some("Other"), "1.4").is_none() && of(&table, "firmware", None, "1.4").is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert!(read("# head\nos\tX\n").unwrap_err().starts_with("line 2: 2 columns"));
        assert!(read("shoe\t-\tX\t2020-01-01\t-\tme").unwrap_err().contains("no attribute"));
        assert!(read("os\t-\tX\tsoon\t-\tme").unwrap_err().contains("no day"));
    }
}
