//! Forms by which browsers upload: `multipart/form-data` on a bucket. Invariant: a form has exactly
//! one reading; its fields come before the file, and what follows the file is the end of the form.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html>, RFC 7578.

mod answer;
mod file;
mod part;
mod reader;

use bytes::Bytes;

pub use self::{answer::Answer, file::FileReader, reader::Reader};
use super::{Code, Unclassified, headers};

/// The fields of a form, and where its file begins.
#[derive(Clone, Debug)]
pub struct Form {
    fields: Vec<Field>,
    /// `CRLF--boundary`
    delimiter: Bytes,
    /// Bytes of the body before the file.
    file_at: u64,
}

/// A field before the file. Its value may be a customer's key: `Debug` tells the name alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Field {
    /// Lower case: names of fields are compared so. Each occurs once.
    pub name: String,
    /// With the file's name in the place of `${filename}`.
    pub value: String,
}

/// Why a form is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidForm {
    /// S3's code.
    pub code: Code,
    /// AWS's words where they are known, and what to change.
    pub message: String,
    /// Such as `("ArgumentName", "key")`.
    pub elements: Vec<(&'static str, String)>,
}

// === impl Form ===

impl Form {
    /// All fields, in order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The value of a field; the name in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// The value of a field that must be there.
    pub fn need(&self, name: &'static str) -> Result<&str, InvalidForm> {
        self.get(name).ok_or_else(|| InvalidForm::missing(name))
    }

    /// The reader of the file, in a form of `form_bytes` bytes of which `rest` came with the fields.
    pub fn file(&self, form_bytes: u64, rest: Bytes) -> Result<FileReader, InvalidForm> {
        FileReader::new(&self.delimiter, form_bytes.checked_sub(self.file_at), rest)
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Field").field(&self.name).finish_non_exhaustive()
    }
}

/// Reads a whole form, and gives its fields and its file.
pub fn read(content_type: &[u8], mut body: Bytes) -> Result<(Form, Bytes), InvalidForm> {
    let mut reader = Reader::new(content_type)?;
    let length = body.len() as u64;
    let form = reader.step(&mut body)?.ok_or_else(InvalidForm::ended)?;
    let mut reader = form.file(length, body)?;
    let mut file = Vec::new();
    while let Some(data) = reader.step(&mut Bytes::new())? {
        file.extend_from_slice(&data);
    }
    reader.finish()?;
    Ok((form, file.into()))
}

// === impl InvalidForm ===

impl InvalidForm {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), elements: Vec::new() }
    }

    /// A field that cannot be what it is.
    pub(super) fn argument(name: &str, value: &str, message: impl Into<String>) -> Self {
        let elements = vec![("ArgumentName", name.to_owned()), ("ArgumentValue", value.to_owned())];
        Self { elements, ..Self::new(Code::InvalidArgument, message) }
    }

    /// Not a form at all.
    fn not_multipart() -> Self {
        let message = "At least one of the pre-conditions you specified did not hold";
        let condition = "Bucket POST must be of the enclosure-type multipart/form-data".to_owned();
        let elements = vec![("Condition", condition)];
        Self { elements, ..Self::new(Code::PreconditionFailed, message) }
    }

    fn malformed(reason: &str) -> Self {
        let message = format!(
            "The body of your POST request is not well-formed multipart/form-data: {reason}."
        );
        Self::new(Code::MalformedPOSTRequest, message)
    }

    fn missing(name: &str) -> Self {
        let message = format!(
            "Bucket POST must contain a field named '{name}'.  If it is specified, please check the \
             order of the fields."
        );
        Self::argument(name, "", message)
    }

    /// It ends before its file.
    pub fn ended() -> Self {
        Self::malformed("it ends before its file")
    }

    fn without_file() -> Self {
        Self::argument("file", "0", "POST requires exactly one file upload per request.")
    }
}

impl From<Unclassified> for InvalidForm {
    fn from(Unclassified { code, message, elements }: Unclassified) -> Self {
        Self { elements, ..Self::new(code, message) }
    }
}

/// Of everything before the file, boundaries included: AWS's limit.
const FIELDS_BYTES_MAX: usize = 20 * 1024;
/// A form has a dozen; the search for repeated names is quadratic.
const FIELDS_MAX: usize = 128;
/// The longest names are those of metadata.
const NAME_BYTES_MAX: usize = 1024;
/// The largest is the policy; also after the file's name has been put in.
const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Of one part: its disposition with the file's name, its type.
const PART_HEAD_BYTES_MAX: usize = 4 * 1024;
/// RFC 2046, 5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;

#[cfg(test)]
mod tests;
