//! Cuts a condition into words, strings, expressions and signs.

use crate::ParseError;

/// The longest condition, in bytes.
pub(crate) const MAX_CONDITION: usize = 4096;

/// One piece of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A run of characters without white space and signs.
    Word(String),
    /// `"…"`, without quotes and with `\"` and `\\` undone.
    Quoted(String),
    /// `/…/flags`, with `\/` undone.
    Regex { pattern: String, flags: String },
    /// `(`, `)`, `,` or a comparison.
    Sign(&'static str),
}

/// A piece and where it begins, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) token: Token,
    pub(crate) offset: usize,
}

const SIGNS: [&str; 9] = ["(", ")", ",", ">=", "<=", "!=", ">", "<", "="];

/// All pieces of a condition.
pub(crate) fn tokens(text: &str) -> Result<Vec<At>, ParseError> {
    if text.len() > MAX_CONDITION {
        return Err(error(text, 0, "the condition is longer than 4096 bytes", "split it into several rules"));
    }
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(c) = text[offset..].chars().next() {
        if c.is_whitespace() {
            offset += c.len_utf8();
            continue;
        }
        let (token, end) = match c {
            '"' => quoted(text, offset)?,
            '/' => regex(text, offset)?,
            _ => sign(text, offset).unwrap_or_else(|| word(text, offset)),
        };
        found.push(At { token, offset });
        offset = end;
    }
    Ok(found)
}

/// An error at a byte of the condition.
pub(crate) fn error(text: &str, offset: usize, what: &str, expected: &str) -> ParseError {
    let column = text.get(..offset).map_or(0, |before| before.chars().count()) + 1;
    ParseError { column, offset, what: what.to_owned(), expected: expected.to_owned() }
}

fn sign(text: &str, start: usize) -> Option<(Token, usize)> {
    let sign = SIGNS.into_iter().find(|sign| text[start..].starts_with(sign))?;
    Some((Token::Sign(sign), start + sign.len()))
}

fn word(text: &str, start: usize) -> (Token, usize) {
    let ends = |c: char| c.is_whitespace() || "()<>=!,\"".contains(c);
    let first = text[start..].chars().next().map_or(1, char::len_utf8);
    let len = text[start + first..].find(ends).map_or(text.len() - start, |at| first + at);
    (Token::Word(text[start..start + len].to_owned()), start + len)
}

fn quoted(text: &str, start: usize) -> Result<(Token, usize), ParseError> {
    let mut content = String::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Quoted(content), start + 1 + at + 1)),
            '\\' => match chars.next() {
                Some((_, c @ ('"' | '\\'))) => content.push(c),
                _ => return Err(error(text, start + 1 + at, "a lone \\ in a text", "write \\\\ or \\\"")),
            },
            c => content.push(c),
        }
    }
    Err(error(text, start, "the text does not end", "close it with \""))
}

fn regex(text: &str, start: usize) -> Result<(Token, usize), ParseError> {
    let mut pattern = String::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '/' => {
                let behind = start + 1 + at + 1;
                let flags: String = text[behind..].chars().take_while(char::is_ascii_alphanumeric).collect();
                let end = behind + flags.len();
                return Ok((Token::Regex { pattern, flags }, end));
            }
            '\\' => match chars.next() {
                Some((_, '/')) => pattern.push('/'),
                Some((_, c)) => pattern.extend(['\\', c]),
                None => pattern.push('\\'),
            },
            c => pattern.push(c),
        }
    }
    Err(error(text, start, "the expression does not end", "close it with /, and write \\/ for a / within"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|at| at.token).collect()
    }

    fn word(text: &str) -> Token {
        Token::Word(text.to_owned())
    }

    #[test]
    fn pieces() {
        assert_eq!(words("count From>=2"), [word("count"), word("From"), Token::Sign(">="), word("2")]);
        assert_eq!(words("(a,b)"), [Token::Sign("("), word("a"), Token::Sign(","), word("b"), Token::Sign(")")]);
        assert_eq!(words("192.0.2.0/24 2001:db8::/32"), [word("192.0.2.0/24"), word("2001:db8::/32")]);
        assert_eq!(words(r#""a \"b\" \\""#), [Token::Quoted("a \"b\" \\".to_owned())]);
        let regex = Token::Regex { pattern: r"^\d+/x$".to_owned(), flags: "i".to_owned() };
        assert_eq!(words(r"/^\d+\/x$/i)"), [regex, Token::Sign(")")]);
        assert_eq!(words("  "), []);
    }

    #[test]
    fn refused() {
        let cases = [("\"a", 1, "does not end"), ("x /a", 3, "does not end"), ("é \"\\n\"", 4, "lone")];
        for (text, column, what) in cases {
            let error = tokens(text).unwrap_err();
            assert_eq!(error.column, column, "{text}");
            assert!(error.what.contains(what), "{error}");
        }
        assert!(tokens(&"a ".repeat(3000)).is_err());
    }
}
