//! `gatepost check --address`: what each question about an address is answered,
//! and by which setting. What a password is stored as is shown by its scheme
//! and length only.

use mail::Address;

use crate::rows::Hosted;
use crate::source::ask;
use crate::{Directory, DirectoryError};

/// The most alias domains in a row, as resolution follows them.
const MAX_DOMAINS: usize = 16;

/// What is asked about an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Whether its domain is hosted.
    Domain,
    /// Whether it is an account.
    Account,
    /// Where mail to it goes besides.
    Alias,
}

impl Question {
    /// All there are, in the order in which they are asked.
    pub const ALL: [Self; 3] = [Self::Domain, Self::Account, Self::Alias];

    /// Its word, for programs too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Account => "account",
            Self::Alias => "alias",
        }
    }
}

/// A row with the names of its columns. Of a password there is its shape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownRow {
    /// Names and values; NULL is `None`.
    pub columns: Vec<(String, Option<String>)>,
    /// Columns that mean nothing here, whose values are not shown.
    pub unused: Vec<String>,
}

/// What one question was answered.
#[derive(Debug)]
pub struct Explained {
    /// The question.
    pub question: Question,
    /// The address that it was asked about: the one that was given, the base
    /// of a subaddress, or the same in another domain.
    pub about: Address,
    /// Who answers: a table, a query of the configuration, a file.
    pub place: String,
    /// What came back.
    pub rows: Vec<ShownRow>,
    /// Whether what came back counts: rows of another address, which a
    /// collation takes for the same, do not.
    pub counts: bool,
    /// Why it cannot be used, or did not come.
    pub problem: Option<DirectoryError>,
}

impl Directory {
    /// Asks all that is asked about an address when mail for it comes, until
    /// something is found: for the address itself, for the base of a
    /// subaddress, and in the domains that its domain is an alias of. What
    /// cannot be answered stands in the answer.
    pub async fn explain(&self, address: &Address) -> Vec<Explained> {
        let mut answers = Vec::new();
        let mut asked = address.clone();
        for _ in 0..MAX_DOMAINS {
            answers.push(self.explained(Question::Domain, &asked).await);
            let base = self.separator.and_then(|separator| asked.local().split_detail(separator));
            let base = base.map(|(base, _)| Address::new(base, asked.domain().clone()));
            for about in [Some(asked.clone()), base].into_iter().flatten() {
                let account = self.explained(Question::Account, &about).await;
                let alias = self.explained(Question::Alias, &about).await;
                let found = [&account, &alias].iter().any(|answer| answer.counts || answer.problem.is_some());
                answers.extend([account, alias]);
                if found {
                    return answers;
                }
            }
            let Ok(Some(hosted)) = self.hosted(asked.domain()).await else { return answers };
            let Some(next) = hosted.alias_of.filter(|_| hosted.active) else { return answers };
            asked = Address::new(asked.local().clone(), next);
        }
        answers
    }

    /// The answer as it came, and whether it can be used.
    async fn explained(&self, question: Question, about: &Address) -> Explained {
        let place = ask!(self.source, place(question));
        let shown = ask!(self.source, shown(question, about));
        let (rows, read) = match shown {
            Ok(rows) => (rows, self.read(question, about).await),
            Err(error) => (Vec::new(), Err(error)),
        };
        let counts = *read.as_ref().unwrap_or(&false);
        Explained { question, about: about.clone(), place, rows, counts, problem: read.err() }
    }

    /// Whether there is something, read as strictly as for mail.
    async fn read(&self, question: Question, about: &Address) -> Result<bool, DirectoryError> {
        match question {
            Question::Domain => match self.hosted(about.domain()).await? {
                Some(Hosted { unusable: Some(reason), .. }) => Err(DirectoryError::BadRow { table: "domain", reason }),
                found => Ok(found.is_some()),
            },
            Question::Account => Ok(ask!(self.source, account(about))?.is_some()),
            Question::Alias => Ok(!ask!(self.source, targets(about))?.is_empty()),
        }
    }
}
