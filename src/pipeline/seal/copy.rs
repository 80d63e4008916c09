//! Copies between what is sealed and what is not. Invariant: of a sealed object the records are copied
//! only together with its data key, wrapped for the copy's name; whatever else there is of a copy is
//! opened or sealed on its way, under the permit that was given for the copy's form.
//!
//! ```text
//! source         copy
//! sealed     ─▶ sealed      on the backend: a new key box, and the records as they are
//! sealed     ─▶ not sealed  read, opened and uploaded
//! not sealed ─▶ sealed      read, sealed and uploaded
//! not sealed ─▶ not sealed  on the backend, as it came
//! whatever   ─▶ a part      as it is where neither is sealed; else read, sealed or opened, and uploaded
//! ```

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};

use super::{
    super::{
        absence::Absence,
        authorize::{Authorized, Payload},
        document::{self, Unread},
        rescue::Error,
        treat::Arrival,
    },
    Course, Handling, Presentation,
    copied::{Bringing, StoredCopy},
    fault::Fault,
    source::{Brought, Seal, Source},
    uncopyable::Uncopyable,
    write::requested,
};
use crate::{
    policy::Mode,
    s3::{BucketName, ObjectKey, Operation, headers},
    seal::{PLAIN_BYTES_MAX, stored},
    telemetry::metrics::Metrics,
    transform::{
        copies::{self, Directive},
        etag::{self, Tagged},
        range::ByteRange,
        seal::{METADATA_BYTES_MAX, Sealing, metadata_bytes},
    },
    upstream::{self, Copied, CopyError},
};

impl Authorized {
    /// Copies an object so that the copy can be read as its source could.
    pub(super) async fn copy(
        mut self,
        object: (BucketName, ObjectKey),
        metrics: &Arc<Metrics>,
    ) -> Result<Course, Error> {
        let Some(source) = self.request.copy_source().cloned() else {
            return Ok(Course::Send(Box::new(self)));
        };
        let is_part = self.request.operation == Operation::UploadPartCopy;
        let sealing = self.sealing.clone();
        let seals = self.seals();
        if self.source.is_none() && !seals {
            return Ok(self.untouched(None));
        }
        if self.source.is_some() {
            etag::source_to_backend(&mut self.request.headers);
        }
        let directive = Directive::of_metadata(&self.request.headers).map_err(Uncopyable::from)?;
        let found = self.look(&source, metrics).await?;
        let is_itself =
            source.version_id.is_none() && !is_part && source.resource() == self.request.resource;
        if is_itself && (found.seal.is_some() || seals) && self.changes_nothing() {
            return Err(Uncopyable::OntoItself.into());
        }
        match (&found.seal, sealing) {
            (Some(seal), Some(sealing)) if !is_part => {
                metrics.sealing().rewrapped();
                self.rewrap((&found, seal), object, &sealing, directive).await
            }
            (_, Some(sealing)) if seals => {
                self.bring((found, directive), object, Some(&sealing), metrics).await
            }
            (Some(_), _) => self.bring((found, directive), object, None, metrics).await,
            (None, _) => Ok(self.untouched(Some(&found))),
        }
    }

    /// The storage copies what it was asked to; but not what has taken the place of what was looked at.
    fn untouched(mut self, found: Option<&Source>) -> Course {
        if let Some(found) = found {
            guard(&mut self.request.headers, found);
        }
        // In audit mode what is not sealed stands beside what is.
        let tagged = self.sealing.as_ref().map(|_| Tagged::Plain);
        let copy = StoredCopy { tagged, is_guarded: found.is_some() && !self.is_conditional() };
        self.handling = Handling::ShowCopy(copy, None);
        Course::Send(Box::new(self))
    }

    /// The records stay as they are; the data key is wrapped for another name, or for other keys.
    async fn rewrap(
        mut self,
        (found, seal): (&Source, &Seal),
        (bucket, key): (BucketName, ObjectKey),
        sealing: &Sealing,
        directive: Directive,
    ) -> Result<Course, Error> {
        if found.stored.bytes > COPY_BYTES_MAX {
            return Err(Uncopyable::TooLarge { bytes: found.stored.bytes }.into());
        }
        let requested = requested(&mut self)?;
        let dek = found.dek(seal).await?;
        let place = self.place((&bucket, &key), sealing);
        let (sealed, encryption) = place.rewrap(&dek, seal.sealed.committed, &requested).await?;
        self.take_along(found, directive)?;
        let headers = &mut self.request.headers;
        sealed.insert(headers).map_err(upstream::Error::from)?;
        headers.insert(headers::X_AMZ_METADATA_DIRECTIVE, HeaderValue::from_static("REPLACE"));
        guard(headers, found);
        let tagged = Some(Tagged::Sealed);
        let copy = StoredCopy { tagged, is_guarded: !self.is_conditional() };
        self.handling = Handling::ShowCopy(copy, Some(Presentation::of_object(encryption)));
        Ok(Course::Send(Box::new(self)))
    }

    /// What is read is uploaded, sealed or not.
    async fn bring(
        mut self,
        (found, directive): (Source, Directive),
        (bucket, key): (BucketName, ObjectKey),
        sealing: Option<&Sealing>,
        metrics: &Arc<Metrics>,
    ) -> Result<Course, Error> {
        let is_part = self.request.operation == Operation::UploadPartCopy;
        if !is_part {
            self.take_along(&found, directive)?;
        }
        let body = self.fetch(&found, is_part).await?;
        if found.seal.is_some() {
            metrics.sealing().opened();
        }
        self.request.upload_source();
        // What it reads was found; that the bucket is not there is another matter.
        self.absence = Absence::default();
        let copy = self.courier((bucket.clone(), key.clone()), metrics)?;
        let mut authorized = Self { body: Payload::Copied(Box::new(body)), ..self };
        authorized = match sealing {
            None => authorized.check_empty().await?,
            Some(sealing) => {
                metrics.sealing().sealed();
                let object = (&bucket, &key);
                if is_part {
                    authorized.seal_part(object, sealing)?
                } else {
                    authorized.seal_object(object, sealing).await?
                }
            }
        };
        let source_version = found.head.headers.get(headers::X_AMZ_VERSION_ID).cloned();
        Ok(Course::Bring(Box::new(Bringing { authorized, is_part, source_version, copy })))
    }

    /// Begins to read the source, or the range of it that makes a part.
    async fn fetch(&mut self, found: &Source, is_part: bool) -> Result<Copied, Error> {
        let tags = Directive::of_tags(&self.request.headers).map_err(Uncopyable::from)?;
        let range = self.request.headers.get(headers::X_AMZ_COPY_SOURCE_RANGE);
        let range = range.map(ByteRange::parse_copy_source).transpose();
        let range = range.map_err(Uncopyable::from)?.filter(|_| is_part);
        let Brought { body, has_tags } = found.bring(range).await?;
        let bytes_max = if self.seals() { PLAIN_BYTES_MAX } else { COPY_BYTES_MAX };
        if body.length() > bytes_max {
            let bytes = stored(body.length()).unwrap_or(u64::MAX);
            return Err(Uncopyable::TooLarge { bytes }.into());
        }
        if !is_part && tags == Directive::Copy {
            let tags = if has_tags { found.tags().await? } else { Vec::new() };
            let unreadable = |_| Error::Unreadable("tags of one name".to_owned());
            self.request.tag(tags).map_err(unreadable)?;
        }
        Ok(body)
    }

    /// A body of no bytes has no last one that could be held back: it is checked before its request may
    /// leave.
    async fn check_empty(self) -> Result<Self, Error> {
        let body = if let Payload::Copied(body) = self.body {
            if body.length() > 0 {
                Payload::Copied(body)
            } else {
                let read = document::read(*body, 0).await;
                read.map_err(|unread| match unread {
                    Unread::Body(error) => error,
                    Unread::TooLong(_) => CopyError::Length,
                })?;
                Payload::Empty
            }
        } else {
            self.body
        };
        Ok(Self { body, ..self })
    }

    /// Gives the request the metadata that the copy is to have.
    fn take_along(&mut self, found: &Source, directive: Directive) -> Result<(), Fault> {
        let headers = &mut self.request.headers;
        // What the storage would compute one of is not what the client gets.
        headers::remove_checksums(headers);
        if directive == Directive::Copy {
            if found.head.headers.contains_key(headers::X_AMZ_MISSING_META) {
                let (operation, why) = (self.request.operation, MISSING_META);
                return Err(Fault::Impossible { operation, why });
            }
            copies::take_along(headers, &found.head.headers);
        }
        let bytes = metadata_bytes(headers);
        if self.sealing.is_some() && bytes > METADATA_BYTES_MAX {
            return Err(Fault::MetadataTooLarge { bytes });
        }
        Ok(())
    }

    fn seals(&self) -> bool {
        self.sealing.is_some() && self.mode == Mode::Enforce
    }

    /// Whether S3 would refuse the copy where it is onto its own source.
    fn changes_nothing(&self) -> bool {
        self.arrival == Some(Arrival::Mended) && copies::changes_nothing(&self.request.headers)
    }

    /// Whether the client has conditions on what the copy replaces.
    fn is_conditional(&self) -> bool {
        let headers = &self.request.headers;
        headers.contains_key(header::IF_MATCH) || headers.contains_key(header::IF_NONE_MATCH)
    }
}

/// Only what was looked at is copied.
fn guard(headers: &mut HeaderMap, found: &Source) {
    headers.extend(found.courier.only_if_it_is(&found.etag));
}

const MISSING_META: &str = "the storage does not show all of the source's metadata";
/// S3's limit for one request.
const COPY_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
