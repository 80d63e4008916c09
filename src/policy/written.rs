//! What was compiled, as a document would write it. Invariant: it is for people to read; nothing is
//! decided by it.

use super::{
    pattern::{Pattern, Token},
    principal::Named,
};

/// What can be shown as a document writes it.
pub(super) trait Written {
    fn written(&self) -> String;
}

impl Written for Pattern {
    fn written(&self) -> String {
        let mut text = String::new();
        for token in self.tokens() {
            match token {
                Token::Literal(literal) => text.push_str(literal),
                Token::One => text.push('?'),
                Token::Run => text.push('*'),
                Token::Variable(variable) => {
                    text.push_str("${");
                    text.push_str(&variable.key);
                    text.push('}');
                }
            }
        }
        text
    }
}

impl Written for Named {
    fn written(&self) -> String {
        match self {
            Self::Everyone => "*".to_owned(),
            Self::Account(account) => account.to_string(),
            Self::Identity(arn) | Self::Role { arn, .. } => arn.to_string(),
            Self::Elsewhere => "a service, canonical user or identity provider".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::variable::{Reading, compile};

    #[test]
    fn patterns_and_principals_are_shown_as_written() {
        let reading = Reading { wildcards: true, variables: true };
        for text in ["arn:aws:s3:::b/*", "s3:Get?bject*", "b/${aws:username}/*", ""] {
            assert_eq!(compile(text, reading).0.written(), text);
        }
        for text in ["*", "111122223333", "arn:aws:iam::111122223333:role/path/r"] {
            assert_eq!(Named::aws(text).unwrap().written(), text);
        }
    }
}
