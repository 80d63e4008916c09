//! `GetObjectAttributes`, answered from the head of the object: backends that do not know the operation
//! would answer with the object's bytes. Invariant: what is told is so of the plaintext.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, response::Parts};

use super::{Opening, fault::Fault, looks::Look, stored::Stored};
use crate::{
    pipeline::{reply::ReplyBody, rescue::Error},
    s3::headers,
    seal::Layout,
    transform::{
        attributes::{Attributes, Wanted},
        etag::{self, Tagged},
        seal::Sealed,
    },
};

impl Opening {
    /// The answer, from the object's head.
    pub(in crate::pipeline) async fn tell(
        self,
        wanted: Wanted,
        head: Parts,
    ) -> Result<Response<ReplyBody>, Error> {
        if head.status != StatusCode::OK {
            return Err(Fault::Head(head.status).into());
        }
        let look = self.look_at(&head).await?;
        let stored = Stored::of(&head)?;
        let text =
            |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let (size, tagged) = match look {
            Look::Sealed(bytes) => (bytes, Tagged::Sealed),
            Look::Plain => (stored.bytes, Tagged::Plain),
        };
        let parts = match look {
            Look::Sealed(_) if wanted.is_about_parts() => self.parts(&head, &stored).await?,
            Look::Sealed(_) | Look::Plain => None,
        };
        let attributes = Attributes {
            etag: etag::shown(text(header::ETAG).unwrap_or_default(), tagged).into_owned(),
            size,
            parts,
            storage_class: text(headers::X_AMZ_STORAGE_CLASS).map(str::to_owned),
        };
        let document = Bytes::from(attributes.to_document(wanted));
        let mut reply = Response::new(ReplyBody::text(document));
        for name in [
            header::LAST_MODIFIED,
            headers::X_AMZ_DELETE_MARKER,
            headers::X_AMZ_REQUEST_CHARGED,
            headers::X_AMZ_REQUEST_ID,
            headers::X_AMZ_VERSION_ID,
        ] {
            let value = head.headers.get(&name).cloned();
            reply.headers_mut().extend(value.map(|value| (name, value)));
        }
        let xml = HeaderValue::from_static("application/xml");
        reply.headers_mut().insert(header::CONTENT_TYPE, xml);
        Ok(reply)
    }

    /// How many parts, if it was uploaded in parts.
    async fn parts(&self, head: &Parts, stored: &Stored) -> Result<Option<u32>, Error> {
        let Some(sealed) = Sealed::read(&head.headers).map_err(Fault::from)? else {
            return Ok(None);
        };
        let keys = self.place().unlock(&sealed, self.customer.as_ref()).await?;
        let ending = self.courier.ending(&keys, sealed.committed.object_id(), stored).await?;
        let parts = ending.is_of_parts().then(|| ending.layout().map(Layout::parts));
        Ok(parts.flatten())
    }
}
