//! Small documents, read whole because they must be judged or mended. Every use names its limit.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

/// Why a document could not be read whole.
#[derive(Debug)]
pub(super) enum Unread<E> {
    /// It is longer than the limit, in bytes.
    TooLong(usize),
    /// Its body failed.
    Body(E),
}

/// Reads a body to its end.
pub(super) async fn read<B>(mut body: B, bytes_max: usize) -> Result<Bytes, Unread<B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut document = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(Unread::Body)?.into_data() {
            if document.len() + data.len() > bytes_max {
                return Err(Unread::TooLong(bytes_max));
            }
            document.extend_from_slice(&data);
        }
    }
    Ok(document.freeze())
}
