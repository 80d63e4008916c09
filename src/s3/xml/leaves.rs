//! The texts of a small document, each with the names of the elements that hold it. Invariant: what
//! readers with and without namespaces would take differently is refused.

use super::{MalformedXml, Piece, Pieces, malformed};

/// An element that holds nothing but text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Names from below the root, joined by `/`: `TagSet/Tag/Key`.
    pub path: String,
    /// Decoded, not trimmed.
    pub text: String,
    /// Which element holds it: leaves of one have the same number.
    pub parent: usize,
}

/// Every leaf below `root`, in the order of the document. Empty elements are leaves. Only elements of
/// the names in `lists` may stand more than once in one element.
///
/// # Errors
///
/// Another root, a prefix, an attribute other than `xmlns` on the root, text beside elements, or more
/// than `DEPTH_MAX` levels.
pub fn leaves(document: &[u8], root: &str, lists: &[&str]) -> Result<Vec<Leaf>, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    let mut open: Vec<Open> = Vec::new();
    let mut leaves = Vec::new();
    let mut begun = 0;
    loop {
        match pieces.next()? {
            Piece::Start(start) => {
                let name = start.name().into_inner();
                check(name, start.attributes_raw(), (begun == 0).then_some(root), open.len())?;
                begin(&mut open, name, begun, lists)?;
                begun += 1;
            }
            Piece::Empty(start) => {
                let name = start.name().into_inner();
                check(name, start.attributes_raw(), (begun == 0).then_some(root), open.len())?;
                begin(&mut open, name, begun, lists)?;
                begun += 1;
                end(&mut open, &mut leaves)?;
            }
            Piece::End => end(&mut open, &mut leaves)?,
            Piece::Text(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text),
                None if is_blank(&text) => {}
                None => return Err(malformed("there is text beside its root")),
            },
            Piece::Eof if begun == 0 || !open.is_empty() => return Err(malformed("it breaks off")),
            Piece::Eof => return Ok(leaves),
        }
    }
}

/// An element that has begun.
struct Open {
    name: String,
    text: String,
    /// Its place among all elements.
    number: usize,
    /// Names of those in it.
    children: Vec<String>,
}

fn check(
    name: &str,
    attributes: &str,
    root: Option<&str>,
    depth: usize,
) -> Result<(), MalformedXml> {
    if depth == 0 && root != Some(name) {
        return Err(malformed(&format!("`{name}` is not its one root")));
    }
    if depth >= DEPTH_MAX {
        return Err(malformed(&format!("it is more than {DEPTH_MAX} levels deep")));
    }
    let attributes = attributes.trim();
    let is_namespace = attributes.starts_with("xmlns=") && attributes.matches('=').count() == 1;
    if name.contains(':') || !(attributes.is_empty() || (depth == 0 && is_namespace)) {
        return Err(malformed(&format!("the element `{name}` has a prefix or attributes")));
    }
    Ok(())
}

fn begin(
    open: &mut Vec<Open>,
    name: &str,
    number: usize,
    lists: &[&str],
) -> Result<(), MalformedXml> {
    if let Some(parent) = open.last_mut() {
        let is_there = parent.children.iter().any(|child| child == name);
        if is_there && !lists.contains(&name) {
            return Err(malformed(&format!("`{name}` occurs more than once")));
        }
        if !is_there {
            parent.children.push(name.to_owned());
        }
        if !is_blank(&parent.text) {
            return Err(malformed("there is text between its elements"));
        }
    }
    open.push(Open { name: name.to_owned(), text: String::new(), number, children: Vec::new() });
    Ok(())
}

fn end(open: &mut Vec<Open>, leaves: &mut Vec<Leaf>) -> Result<(), MalformedXml> {
    let Some(element) = open.pop() else { return Err(malformed("it breaks off")) };
    if !element.children.is_empty() {
        if is_blank(&element.text) {
            return Ok(());
        }
        return Err(malformed("there is text between its elements"));
    }
    let Some(parent) = open.last().map(|parent| parent.number) else {
        // A root without elements.
        return if is_blank(&element.text) { Ok(()) } else { Err(malformed("its root is text")) };
    };
    let mut path = String::new();
    for above in open.iter().skip(1) {
        path.push_str(&above.name);
        path.push('/');
    }
    path.push_str(&element.name);
    leaves.push(Leaf { path, text: element.text, parent });
    Ok(())
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| b" \t\r\n".contains(&byte))
}

/// No document of S3 that policy asks about is as deep.
const DEPTH_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, expected: Option<&[(&str, &str)]>) {
        let found = leaves(document.as_bytes(), "R", &["B"]).ok();
        let found = found.as_ref().map(|leaves| {
            leaves.iter().map(|leaf| (leaf.path.as_str(), leaf.text.as_str())).collect::<Vec<_>>()
        });
        assert_eq!(found.as_deref(), expected, "{document}");
    }

    #[test]
    fn texts_have_the_path_to_them() {
        check("<R/>", Some(&[]));
        check(
            "<?xml version=\"1.0\"?>\n<R xmlns=\"x\">\n <A><B> b&amp;</B><B/></A><C>c</C></R>\n",
            Some(&[("A/B", " b&"), ("A/B", ""), ("C", "c")]),
        );
    }

    #[test]
    fn what_readers_take_differently_is_refused() {
        for document in [
            "",
            "<X/>",
            "<R/><R/>",
            "<R><A></R>",
            "<R><A>a",
            "<R>a</R>",
            "<R><A/>a</R>",
            "<R>a<A/></R>",
            "<R><A>a<B/></A></R>",
            "<R><A/><A/></R>",
            "<s:R/>",
            "<R><s:A/></R>",
            "<R><A xmlns=\"x\"/></R>",
            "<R x=\"xmlns=\"/>",
            "<R xmlns=\"x\" xmlns:s=\"y\"/>",
            "<R><!-- --></R>",
            "a<R/>",
            "<R><A><A><A><A><A><A><A><A/></A></A></A></A></A></A></A></R>",
        ] {
            check(document, None);
        }
    }
}
