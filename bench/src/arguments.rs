//! The few command-line options of these tools: `--name value`, `--name`, and the rest.

use std::error::Error;
use std::str::FromStr;

/// What was said on the command line.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    options: Vec<(String, String)>,
    /// What belongs to no option, in order.
    pub rest: Vec<String>,
}

impl Arguments {
    /// Sorts `words`: names in `switches` take no value, all others take one.
    ///
    /// # Errors
    /// If a value is missing or an option is not among `known` and `switches`.
    pub fn read(words: impl IntoIterator<Item = String>, known: &[&str], switches: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut arguments = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                arguments.rest.push(word);
                continue;
            };
            let value = if switches.contains(&name) {
                String::new()
            } else if known.contains(&name) {
                words.next().ok_or_else(|| format!("--{name} needs a value"))?
            } else {
                return Err(format!("--{name} is unknown").into());
            };
            arguments.options.push((name.to_owned(), value));
        }
        Ok(arguments)
    }

    /// True if the option was given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// The value of an option.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let given = self.options.iter().rev().find(|(given, _)| given == name);
        given.map(|(_, value)| value.as_str())
    }

    /// The number given for an option, or `usual`.
    ///
    /// # Errors
    /// If it is no number.
    pub fn number<N: FromStr>(&self, name: &str, usual: N) -> Result<N, Box<dyn Error>> {
        match self.text(name) {
            None => Ok(usual),
            Some(text) => text.replace('_', "").parse().map_err(|_| format!("--{name} {text}: not a number").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_options_from_the_rest() -> Result<(), Box<dyn Error>> {
        let words = ["mix", "--seed", "7", "--stages", "--packets", "1_000"];
        let words = words.map(str::to_owned);
        let arguments = Arguments::read(words, &["seed", "packets"], &["stages"])?;
        assert_eq!(arguments.rest, ["mix"]);
        assert_eq!(arguments.number("seed", 1)?, 7);
        assert_eq!(arguments.number("packets", 1)?, 1_000);
        assert!(arguments.has("stages") && !arguments.has("json"));
        Ok(())
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(Arguments::read(["--sed".to_owned()], &["seed"], &[]).is_err());
        assert!(Arguments::read(["--seed".to_owned()], &["seed"], &[]).is_err());
    }
}
