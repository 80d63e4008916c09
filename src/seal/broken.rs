//! What a reader found wrong. Invariant: each variant is a check of `docs/format.md`, by its name
//! there.

/// The check that failed. Nothing more is released after it, and what was released before is not the
/// whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// `pcl-c` or `pcl-k` is not what the format says.
    #[error("the object's sealing metadata is malformed: {0}")]
    Metadata(&'static str),
    /// The key box does not open for this name and these keys.
    #[error(
        "the key box does not open: it was made for another name or with other keys, or was changed"
    )]
    Box,
    /// The data key is another than the one that the object was sealed with.
    #[error("the key is not the one that this object was sealed with")]
    Commitment,
    /// No sealed object has this size.
    #[error("no sealed object is stored in so many bytes")]
    Size,
    /// What stands where a record must begin is no record's header.
    #[error("a record's header is malformed")]
    Header,
    /// A record is well formed, and not the one that has to stand where it does.
    #[error("a record is missing, doubled, or out of its place")]
    Order,
    /// A record's tag does not hold.
    #[error("record {index} of part {part} was changed, or belongs to another object")]
    Record {
        /// 0 for an object of a single PUT.
        part: u16,
        /// From 0, within its part.
        index: u32,
    },
    /// The footer is unknown, does not hold, or states something else than what was read.
    #[error("the footer was changed, or does not belong to what stands before it")]
    Footer,
    /// The tail of an irregular object is not as the format says.
    #[error("the tail, which tells the parts of an irregular object, is malformed or missing")]
    Tail,
    /// The bytes end too early.
    #[error("the stored bytes end before the object does")]
    Truncated,
    /// The bytes do not end where they have to.
    #[error("bytes follow where the object ends")]
    Trailing,
}

impl Broken {
    /// The name of the check in `docs/format.md`.
    pub fn check(self) -> &'static str {
        match self {
            Self::Metadata(_) => "metadata",
            Self::Box => "box",
            Self::Commitment => "commitment",
            Self::Size => "size",
            Self::Header => "header",
            Self::Order => "order",
            Self::Record { .. } => "record",
            Self::Footer => "footer",
            Self::Tail => "tail",
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
        }
    }
}
