//! The head of a part, and the boundary in a form's own Content-Type. Invariant: a parameter that
//! occurs twice, or in a form that readers take differently, is refused.

use super::{BOUNDARY_BYTES_MAX, InvalidForm};

/// What a part's `Content-Disposition` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) file_name: Option<String>,
}

/// The boundary of `multipart/form-data; boundary=…`.
pub(super) fn boundary(content_type: &[u8]) -> Result<String, InvalidForm> {
    let text = std::str::from_utf8(content_type).map_err(|_| InvalidForm::not_multipart())?;
    let (kind, parameters) = text.split_once(';').unwrap_or((text, ""));
    if !kind.trim_ascii().eq_ignore_ascii_case("multipart/form-data") {
        return Err(InvalidForm::not_multipart());
    }
    let [boundary] = values(parameters, ["boundary"])?;
    let boundary = boundary.unwrap_or_default();
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || BOUNDARY_MARKS.contains(&byte);
    if !(1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())
        || !boundary.bytes().all(is_known)
        || boundary.ends_with(' ')
    {
        return Err(InvalidForm::malformed(
            "its Content-Type names no boundary of 1 to 70 characters",
        ));
    }
    Ok(boundary)
}

/// Reads the head of a part, without the empty line at its end.
pub(super) fn read(head: &[u8]) -> Result<Part, InvalidForm> {
    let head = std::str::from_utf8(head)
        .map_err(|_| InvalidForm::malformed("the head of a part is not UTF-8"))?;
    let mut disposition = None;
    for line in head.split("\r\n") {
        let (name, value) = line
            .split_once(':')
            .filter(|(name, value)| is_token(name) && !value.contains(['\r', '\n', '\0']))
            .ok_or_else(|| InvalidForm::malformed("the head of a part has a broken line"))?;
        if name.eq_ignore_ascii_case("content-disposition") {
            if disposition.replace(value).is_some() {
                return Err(InvalidForm::malformed("a part has two dispositions"));
            }
        } else if name.eq_ignore_ascii_case("content-transfer-encoding") {
            check_encoding(value.trim_ascii())?;
        }
    }
    let disposition =
        disposition.ok_or_else(|| InvalidForm::malformed("a part has no Content-Disposition"))?;
    let (kind, parameters) = disposition.split_once(';').unwrap_or((disposition, ""));
    if !kind.trim_ascii().eq_ignore_ascii_case("form-data") {
        return Err(InvalidForm::malformed("the disposition of a part is not `form-data`"));
    }
    let [name, file_name, extended_name, extended_file_name] =
        values(parameters, ["name", "filename", "name*", "filename*"])?;
    // RFC 7578, 4.2, forbids them; readers differ in which of two names they take.
    if extended_name.is_some() || extended_file_name.is_some() {
        return Err(InvalidForm::malformed("write `filename` in UTF-8 instead of `filename*`"));
    }
    let name = name
        .filter(|name| !name.is_empty())
        .ok_or_else(|| InvalidForm::malformed("a part has no name"))?;
    Ok(Part { name, file_name })
}

/// Other encodings would have to be undone, which no S3 does.
fn check_encoding(encoding: &str) -> Result<(), InvalidForm> {
    if ["7bit", "8bit", "binary"].iter().any(|plain| encoding.eq_ignore_ascii_case(plain)) {
        return Ok(());
    }
    Err(InvalidForm::malformed("a part has a Content-Transfer-Encoding; send it as it is"))
}

/// The values of these parameters in `; name=value; name="value"`, others skipped.
fn values<const N: usize>(
    mut text: &str,
    names: [&str; N],
) -> Result<[Option<String>; N], InvalidForm> {
    let mut values = std::array::from_fn(|_| None);
    loop {
        text = text.trim_ascii_start();
        let Some(first) = text.chars().next() else { return Ok(values) };
        if first == ';' {
            text = text.get(1..).unwrap_or_default();
            continue;
        }
        let (name, after) = text.split_once('=').ok_or_else(broken)?;
        let name = name.trim_ascii();
        if !is_token(name) {
            return Err(broken());
        }
        let (value, rest) = value(after.trim_ascii_start())?;
        text = rest;
        let known = names.iter().position(|known| name.eq_ignore_ascii_case(known));
        if let Some(slot) = known.and_then(|at| values.get_mut(at))
            && slot.replace(value).is_some()
        {
            return Err(InvalidForm::malformed(&format!("the parameter `{name}` occurs twice")));
        }
    }
}

/// A value, quoted or not, and what follows it: nothing, or a `;` and more.
fn value(text: &str) -> Result<(String, &str), InvalidForm> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let value = value.trim_ascii();
        if value.is_empty() || value.contains(['"', ' ', '\t']) {
            return Err(broken());
        }
        return Ok((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let rest = quoted.get(at + 1..).unwrap_or_default().trim_ascii_start();
                if !rest.is_empty() && !rest.starts_with(';') {
                    return Err(broken());
                }
                return Ok((value, rest));
            }
            // Before anything else it is itself: old browsers tell paths of Windows so.
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                Some((_, escaped)) => value.push(escaped),
                None => value.push('\\'),
            },
            character => value.push(character),
        }
    }
    Err(broken())
}

/// RFC 9110, 5.6.2, and the `*` that ends extended names is among it.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn broken() -> InvalidForm {
    InvalidForm::malformed("the parameters of a header cannot be read")
}

/// RFC 2046, 5.1.1: what a boundary has besides letters and digits.
const BOUNDARY_MARKS: &[u8] = b"'()+_,-./:=? ";
