//! Lists of values in a statement, in few different texts, so that prepared
//! statements are found again.

use sql::Arg;

/// The sizes that lists come in.
const SIZES: [usize; 4] = [1, 16, 128, 512];

/// The most values that [`placeholders`] takes.
pub(crate) const MAX_LIST: usize = 512;

/// `?, ?, ?`, as many as the next size has; fill up with [`padded`].
pub(crate) fn placeholders(values: usize) -> String {
    vec!["?"; size(values)].join(", ")
}

/// The arguments, with the last one repeated up to the size.
pub(crate) fn padded<'a>(values: impl IntoIterator<Item = Arg<'a>>) -> Vec<Arg<'a>> {
    let mut args: Vec<Arg<'a>> = values.into_iter().collect();
    let last = args.last().copied().unwrap_or(Arg::Null);
    args.resize(size(args.len()), last);
    args
}

fn size(values: usize) -> usize {
    SIZES.into_iter().find(|size| *size >= values).unwrap_or(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sizes() {
        for (values, size) in [(0, 1), (1, 1), (2, 16), (16, 16), (17, 128), (512, 512)] {
            let args = padded((0..values).map(Arg::Int));
            assert_eq!(args.len(), size);
            assert_eq!(placeholders(args.len()).matches('?').count(), size);
        }
        assert_eq!(padded([Arg::Int(1), Arg::Int(2)])[15], Arg::Int(2));
    }
}
