//! Small documents, read whole because they must be judged or mended. Every use names its limit.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::{
    authenticate::ClientBody,
    rescue::Error,
    room::{Room, Share},
};
use crate::sigv4::BodyError;

/// Reads a client's document to its end, once there is room for it; the room is taken until the share
/// is dropped. Nothing of the body is asked for before.
pub(super) async fn receive(
    body: ClientBody,
    bytes_max: usize,
    room: &Room,
) -> Result<(Bytes, Share), Error> {
    if body.decoded_len() > bytes_max as u64 {
        return Err(Error::DocumentTooLong { bytes_max });
    }
    let share = room.take(body.decoded_len()).await?;
    let too_slow = || Error::Body(BodyError::Client("it took too long".to_owned()));
    let read = tokio::time::timeout(RECEIVE_MAX, read(body, bytes_max));
    match read.await.map_err(|_| too_slow())? {
        Ok(document) => Ok((document, share)),
        Err(Unread::TooLong(bytes_max)) => Err(Error::DocumentTooLong { bytes_max }),
        Err(Unread::Body(error)) => Err(Error::Body(error)),
    }
}

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

/// From the first byte to the last: a client that sends byte by byte would take room for hours.
pub(super) const RECEIVE_MAX: Duration = Duration::from_mins(2);
