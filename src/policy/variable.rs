//! Policy variables: `${key}`, `${key, 'default'}`, `${*}`. Invariant: substitution is one pass; a
//! value that holds `${…}` is text.
//! (IAM user guide, "Policy elements: Variables and tags".)

use super::{
    Keys,
    pattern::{Pattern, Token, literal, wildcards},
};

/// A place that is filled from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) key: Box<str>,
    default: Option<Box<str>>,
}

/// How a text of a document is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// `*` and `?` are wildcards.
    pub(super) wildcards: bool,
    /// `${…}` is a variable: `Version` is `2012-10-17`.
    pub(super) variables: bool,
}

/// A `${…}` that is none; what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadVariable(pub(super) String);

impl Variable {
    /// The value in this request, or the default; `None` where there is neither, or several.
    pub(super) fn value<'v>(&'v self, keys: &'v Keys<'_>) -> Option<&'v str> {
        keys.single(&self.key).or(self.default.as_deref())
    }
}

/// Compiles a text. A bad variable is reported and stands as literal text.
pub(super) fn compile(text: &str, reading: Reading) -> (Pattern, Vec<BadVariable>) {
    let (mut tokens, mut bad) = (Vec::new(), Vec::new());
    let plain = if reading.wildcards { wildcards } else { literal };
    let mut rest = text;
    while reading.variables
        && let Some((before, after)) = rest.split_once("${")
    {
        plain(before, &mut tokens);
        let Some((inside, behind)) = after.split_once('}') else {
            bad.push(BadVariable("`${` is not closed by `}`".to_owned()));
            rest = rest.get(before.len()..).unwrap_or_default();
            break;
        };
        if let "*" | "?" | "$" = inside {
            literal(inside, &mut tokens);
        } else if let Some(variable) = variable(inside) {
            tokens.push(Token::Variable(variable));
        } else {
            bad.push(BadVariable(format!("`${{{inside}}}` is not a variable")));
            literal(&format!("${{{inside}}}"), &mut tokens);
        }
        rest = behind;
    }
    plain(rest, &mut tokens);
    (Pattern::new(tokens), bad)
}

fn variable(inside: &str) -> Option<Variable> {
    let (key, default) = match inside.split_once(',') {
        Some((key, default)) => {
            let default = default.strip_prefix(' ')?.strip_prefix('\'')?.strip_suffix('\'')?;
            (key, Some(default.into()))
        }
        None => (inside, None),
    };
    let is_key = key.split_once(':').is_some_and(|(service, name)| {
        !service.is_empty()
            && !name.is_empty()
            && service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !name.contains(['$', '{', '*', '?', '\''])
    });
    is_key.then(|| Variable { key: key.into(), default })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, reading: Reading, value: &str, expected: bool) {
        let mut keys = Keys::default();
        keys.set("aws:username", "bob*");
        keys.set_all("aws:TagKeys", ["a"]);
        let (pattern, _) = compile(text, reading);
        assert_eq!(pattern.matches(value, &keys), expected, "{text:?} {value:?}");
    }

    const LIKE: Reading = Reading { wildcards: true, variables: true };
    const EQUALS: Reading = Reading { wildcards: false, variables: true };
    const VERSION_2008: Reading = Reading { wildcards: true, variables: false };

    #[test]
    fn variables_are_filled_from_the_request() {
        check("home/${aws:username}/*", LIKE, "home/bob*/k", true);
        check("home/${aws:username}", LIKE, "home/bobby", false);
        check("${AWS:UserName}", EQUALS, "bob*", true);
        check("${aws:none}", LIKE, "", false);
        check("${aws:none, 'x*'}", LIKE, "x*", true);
        check("${aws:none, 'x*'}", LIKE, "xy", false);
        check("${aws:TagKeys}", LIKE, "a", false);
    }

    #[test]
    fn wildcards_and_dollars_can_be_escaped() {
        check("a${*}b", LIKE, "a*b", true);
        check("a${*}b", LIKE, "axb", false);
        check("${$}{aws:username}", EQUALS, "${aws:username}", true);
        check("a*", EQUALS, "a*", true);
        check("a*", EQUALS, "ab", false);
    }

    #[test]
    fn the_old_version_has_no_variables() {
        check("${aws:username}", VERSION_2008, "${aws:username}", true);
        check("${aws:username}", VERSION_2008, "bob*", false);
    }

    #[test]
    fn bad_variables_are_reported() {
        for text in ["${aws:username", "${}", "${username}", "${aws:x,'y'}", "${aws:x, y}"] {
            let (pattern, bad) = compile(text, EQUALS);
            assert_eq!(bad.len(), 1, "{text}");
            assert!(pattern.matches(text, &Keys::default()), "{text} stands as text");
        }
    }
}
