//! What a payload is wrapped in, and how it is unwrapped as it comes.

use bytes::Bytes;

use crate::{
    s3::form::FileReader,
    sigv4::{
        Refused,
        chunked::{Decoder, Signing, Step},
        payload::Framing,
    },
};

/// The wrapping of one body.
#[derive(Debug, Default)]
pub(super) enum Coding {
    /// None: the body is the payload.
    #[default]
    Plain,
    Chunks(Decoder),
    Form(FileReader),
}

impl Coding {
    pub(super) fn of(framing: &Framing) -> Self {
        match framing {
            Framing::Plain => Self::Plain,
            Framing::Chunks => Self::Chunks(Decoder::new(Signing::None)),
            Framing::SignedChunks(signatures) => {
                Self::Chunks(Decoder::new(Signing::Checked(signatures.clone())))
            }
            Framing::UncheckedChunks => Self::Chunks(Decoder::new(Signing::Unchecked)),
            Framing::Form(file) => Self::Form(FileReader::clone(file)),
        }
    }

    /// Takes from the front of `input`.
    pub(super) fn step(&mut self, input: &mut Bytes) -> Result<Step, Refused> {
        match self {
            Self::Plain if input.is_empty() => Ok(Step::More),
            Self::Plain => Ok(Step::Data(std::mem::take(input))),
            Self::Chunks(decoder) => decoder.step(input),
            Self::Form(file) => Ok(file.step(input)?.map_or(Step::More, Step::Data)),
        }
    }

    /// The fields of the trailer, once the body has ended where its wrapping ends.
    pub(super) fn finish(self) -> Result<Vec<(String, String)>, Refused> {
        match self {
            Self::Plain => Ok(Vec::new()),
            Self::Chunks(decoder) => decoder.finish(),
            Self::Form(file) => {
                file.finish()?;
                Ok(Vec::new())
            }
        }
    }
}
