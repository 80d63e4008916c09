//! The fields of a form, as their bytes come. Invariant: any split of the input gives the same
//! reading, and no byte of the file is kept.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{header, request::Parts};
use memchr::memmem;

use super::{
    FIELDS_BYTES_MAX, FIELDS_MAX, Field, Form, InvalidForm, NAME_BYTES_MAX, PART_HEAD_BYTES_MAX,
    VALUE_BYTES_MAX, headers,
    part::{self, Part},
};
use crate::s3::Code;

/// Reads up to the first byte of the file.
#[derive(Debug)]
pub struct Reader {
    /// `CRLF--boundary`
    delimiter: Bytes,
    state: State,
    /// What has come so far.
    input: BytesMut,
    /// What of it has been read.
    read: usize,
    /// Where the search for the end of a part's head or value goes on.
    searched: usize,
    fields: Vec<Field>,
}

#[derive(Debug)]
enum State {
    /// Before the first boundary.
    Opening,
    /// Right behind a boundary.
    Delimited,
    PartHead,
    /// In the value of the field of this name.
    Value(String),
    /// At the first byte of the file of this name.
    File(String),
}

impl Reader {
    /// A reader for the form that a head announces.
    ///
    /// # Errors
    ///
    /// The head is not that of a form, or says of the object what belongs in the form.
    pub fn of(head: &Parts) -> Result<Self, InvalidForm> {
        let content_type = head.headers.get(header::CONTENT_TYPE);
        let reader = Self::new(content_type.map_or(&[], |value| value.as_bytes()))?;
        if head.uri.query().is_some_and(|query| !query.is_empty()) {
            let message = "The URL of a form takes no query; everything is said in its fields.";
            return Err(InvalidForm::new(Code::InvalidArgument, message));
        }
        let is_misplaced = |name: &&header::HeaderName| {
            MISPLACED.contains(name) || name.as_str().starts_with(headers::PREFIX)
        };
        match head.headers.keys().find(is_misplaced) {
            Some(name) => Err(InvalidForm::argument(
                name.as_str(),
                "",
                format!("A form does not take the header {name}; say it in a field before `file`."),
            )),
            None => Ok(reader),
        }
    }

    /// A reader for a form of this Content-Type.
    pub fn new(content_type: &[u8]) -> Result<Self, InvalidForm> {
        let boundary = part::boundary(content_type)?;
        Ok(Self {
            delimiter: Bytes::from(format!("\r\n--{boundary}")),
            state: State::Opening,
            input: BytesMut::new(),
            read: 0,
            searched: 0,
            fields: Vec::new(),
        })
    }

    /// Takes from the front of `input`: all of it, or what comes before the file once the fields are
    /// there.
    pub fn step(&mut self, input: &mut Bytes) -> Result<Option<Form>, InvalidForm> {
        let before = self.input.len();
        // One byte more than may be tells that there is more.
        let take = input.len().min((FIELDS_BYTES_MAX + 1).saturating_sub(before));
        self.input.extend_from_slice(input.get(..take).unwrap_or_default());
        while self.advance()? {}
        if let State::File(name) = &self.state {
            substitute(&mut self.fields, name)?;
            input.advance(self.read.saturating_sub(before));
            return Ok(Some(Form {
                fields: std::mem::take(&mut self.fields),
                delimiter: self.delimiter.clone(),
                file_at: self.read as u64,
            }));
        }
        if self.input.len() > FIELDS_BYTES_MAX {
            return Err(too_large());
        }
        input.advance(take);
        Ok(None)
    }

    /// False where it takes more input.
    fn advance(&mut self) -> Result<bool, InvalidForm> {
        match &self.state {
            State::Opening => self.open(),
            State::Delimited => self.delimited(),
            State::PartHead => {
                let Some(head) = self.until(b"\r\n\r\n", PART_HEAD_BYTES_MAX)? else {
                    return Ok(false);
                };
                self.state = self.part(&part::read(&head)?)?;
                Ok(true)
            }
            State::Value(name) => {
                let name = name.clone();
                let delimiter = self.delimiter.clone();
                let Some(value) = self.until(&delimiter, VALUE_BYTES_MAX)? else {
                    return Ok(false);
                };
                let value = String::from_utf8(value).map_err(|_| {
                    InvalidForm::malformed(&format!("the field `{name}` is not UTF-8"))
                })?;
                self.fields.push(Field { name, value });
                self.state = State::Delimited;
                Ok(true)
            }
            State::File(_) => Ok(false),
        }
    }

    /// Some programs begin each boundary with a line end, also the first.
    fn open(&mut self) -> Result<bool, InvalidForm> {
        let delimiter = &self.delimiter;
        let opening = if self.input.starts_with(b"\r") {
            delimiter.as_ref()
        } else {
            delimiter.get(2..).unwrap_or_default()
        };
        let have = self.input.len().min(opening.len());
        if self.input.get(..have) != opening.get(..have) {
            return Err(InvalidForm::malformed("it does not begin with its boundary"));
        }
        if have < opening.len() || have == 0 {
            return Ok(false);
        }
        self.read = opening.len();
        self.state = State::Delimited;
        Ok(true)
    }

    fn delimited(&mut self) -> Result<bool, InvalidForm> {
        match self.input.get(self.read..self.read + 2) {
            None => Ok(false),
            Some(b"\r\n") => {
                self.read += 2;
                self.searched = self.read;
                self.state = State::PartHead;
                Ok(true)
            }
            Some(b"--") => Err(InvalidForm::without_file()),
            Some(_) => Err(InvalidForm::malformed("a boundary is followed by other text")),
        }
    }

    fn part(&mut self, part: &Part) -> Result<State, InvalidForm> {
        let name = part.name.to_ascii_lowercase();
        if name == FILE {
            return Ok(State::File(part.file_name.clone().unwrap_or_default()));
        }
        if name.len() > NAME_BYTES_MAX || self.fields.len() == FIELDS_MAX {
            return Err(too_large());
        }
        if self.fields.iter().any(|field| field.name == name) {
            return Err(InvalidForm::argument(
                &name,
                "",
                format!("The field `{name}` occurs more than once."),
            ));
        }
        Ok(State::Value(name))
    }

    /// What comes before `end`, which is read too.
    fn until(&mut self, end: &[u8], bytes_max: usize) -> Result<Option<Vec<u8>>, InvalidForm> {
        let unsearched = self.input.get(self.searched..).unwrap_or_default();
        let found = memmem::find(unsearched, end).map(|at| self.searched + at);
        let reached = found.unwrap_or(self.input.len());
        if reached.saturating_sub(self.read) > bytes_max + end.len() * usize::from(found.is_none())
        {
            return Err(too_large());
        }
        let Some(found) = found else {
            // The end may have begun already.
            self.searched = self.read.max(self.input.len().saturating_sub(end.len() - 1));
            return Ok(None);
        };
        let text = self.input.get(self.read..found).unwrap_or_default().to_vec();
        self.read = found + end.len();
        self.searched = self.read;
        Ok(Some(text))
    }
}

/// S3 knows the variable in every field; the policy is what was signed.
fn substitute(fields: &mut [Field], file_name: &str) -> Result<(), InvalidForm> {
    // Some browsers tell the path that the file has on its machine.
    let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    for field in fields.iter_mut().filter(|field| !AS_SENT.contains(&field.name.as_str())) {
        let variables = field.value.matches(VARIABLE).count();
        if variables == 0 {
            continue;
        }
        if field.value.len() + variables * file_name.len() > VALUE_BYTES_MAX {
            return Err(too_large());
        }
        field.value = field.value.replace(VARIABLE, file_name);
    }
    Ok(())
}

fn too_large() -> InvalidForm {
    InvalidForm::new(
        Code::MaxPostPreDataLengthExceededError,
        format!(
            "Your POST request fields preceding the upload file were too large: together they may \
             have {FIELDS_BYTES_MAX} bytes, and no more than {FIELDS_MAX} of them; a name \
             {NAME_BYTES_MAX}, a value {VALUE_BYTES_MAX}, the head of a part {PART_HEAD_BYTES_MAX}."
        ),
    )
}

const FILE: &str = "file";
const VARIABLE: &str = "${filename}";
/// Fields in which `${filename}` is no variable.
const AS_SENT: [&str; 1] = [headers::form::POLICY];
/// Headers that speak of an object, or of who asks: a form has fields for that. Those of a connection,
/// and those by which browsers tell of themselves, are no business of the object's.
const MISPLACED: [header::HeaderName; 9] = [
    header::AUTHORIZATION,
    header::CONTENT_ENCODING,
    headers::CONTENT_MD5,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
];
