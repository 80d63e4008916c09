//! A text file and the places in it. Invariant: a [`Place`] knows its file, so that a fault found
//! late, or in a file that another one named, still points at the characters that caused it.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    rc::Rc,
};

use zeroize::Zeroizing;

use super::Fault;

/// A place in a file; line and column are absent where the whole file is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Rc<Path>,
    pub(super) position: Option<(usize, usize)>,
}

impl Place {
    /// The file as a whole.
    pub(super) fn whole(file: &Path) -> Self {
        Self { file: file.into(), position: None }
    }

    /// A fault at this place.
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { path: self.file.to_path_buf(), place: self.position, message: message.into() }
    }
}

/// A value and where it was written.
#[derive(Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

impl<T> At<T> {
    /// A fault at the place of this value.
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        self.place.fault(message)
    }
}

impl At<String> {
    /// The path that this names: a relative one starts at the folder of the file that names it.
    pub(super) fn named_path(&self) -> PathBuf {
        self.place.file.parent().unwrap_or(Path::new("")).join(&self.value)
    }
}

/// The text of a file, wiped when dropped: it may hold secrets.
pub(super) struct Source {
    file: Rc<Path>,
    text: Zeroizing<String>,
}

impl Source {
    /// Text that was read from `file`.
    pub(super) fn new(file: &Path, text: Zeroizing<String>) -> Self {
        Self { file: file.into(), text }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The file as a whole.
    pub(super) fn whole(&self) -> Place {
        Place::whole(&self.file)
    }

    /// The last part of the path.
    pub(super) fn file_name(&self) -> String {
        let name = self.file.file_name().unwrap_or(self.file.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// The place of a byte offset; columns count characters.
    pub(super) fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).map_or(0, |text| text.chars().count()) + 1;
        Place { file: Rc::clone(&self.file), position: Some((line, column)) }
    }
}

/// Reads a file of at most [`FILE_BYTES_MAX`] bytes; the error is a sentence without the path.
pub(super) fn read_file(path: &Path) -> Result<FileRead, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    // Asked before the file is opened: to open a pipe would wait for somebody who writes to it.
    let metadata = path.metadata().map_err(cannot)?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let file = File::open(path).map_err(cannot)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    Ok(FileRead { bytes, others_may_read: others_may_read(&metadata) })
}

/// A file's content, and whether its mode lets every user of the machine read it.
pub(super) struct FileRead {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) others_may_read: bool,
}

#[cfg(unix)]
fn others_may_read(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn others_may_read(_metadata: &std::fs::Metadata) -> bool {
    false
}

/// No file that the configuration names is larger: what is larger was named by mistake.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::{Path, Source};

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let source = Source::new(Path::new("f"), "a = 1\nbé = 2\n".to_owned().into());
        let at = |offset| source.place(offset).position;
        assert_eq!(at(0), Some((1, 1)));
        assert_eq!(at(6), Some((2, 1)));
        assert_eq!(at(10), Some((2, 4)), "é is one character of two bytes");
        assert_eq!(at(999), Some((3, 1)), "beyond the end is the end");
    }
}
