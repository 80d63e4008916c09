//! The keys of objects, by way of the keyrings. Invariant: a box only chooses among the keyrings that
//! the rule names, and the name that it is bound to is the one that was asked for, or an alias of the
//! rule's.

use http::{HeaderMap, HeaderValue};

use super::fault::Fault;
use crate::{
    keyring::{self, Current, Keyring, Keyrings},
    s3::{BucketName, ObjectKey},
    seal::{Broken, Committed, Dek, KeyBox, ObjectId, ObjectKeys, ObjectName, Wrapping},
    transform::seal::{Customer, Requested, Sealed, Sealing, present},
};

/// Which object, and where its keys are.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its bucket.
    pub bucket: &'a BucketName,
    /// Its key.
    pub key: &'a ObjectKey,
    /// How its rule seals.
    pub sealing: &'a Sealing,
    /// Every keyring there is.
    pub keyrings: &'a Keyrings,
}

/// What a new object is sealed with.
pub(in crate::pipeline) struct NewKeys {
    pub(in crate::pipeline) keys: ObjectKeys,
    pub(in crate::pipeline) sealed: Sealed,
    pub(in crate::pipeline) encryption: Encryption,
}

/// How replies say that an object is encrypted.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Encryption {
    customer_md5: Option<HeaderMap>,
    kms_key_id: Option<HeaderValue>,
}

impl Place<'_> {
    /// Fresh keys, wrapped by the keyring that writes.
    pub(in crate::pipeline) async fn new_keys(
        &self,
        requested: &Requested,
    ) -> Result<NewKeys, Fault> {
        let (dek, id) = (Dek::generate()?, ObjectId::generate()?);
        let keys = ObjectKeys::of_new(&dek, id);
        let ring = self.writing_ring(requested)?;
        let key_id = requested.kms_key_id.as_deref();
        let current = ring.current(self.bucket.as_str(), key_id).await?;
        let committed = keys.committed();
        let (sealed, encryption) = self.wrap(&dek, committed, requested, (ring, &current))?;
        Ok(NewKeys { keys, sealed, encryption })
    }

    /// The data key of an object that keeps its records, wrapped anew for this name.
    pub(in crate::pipeline) async fn rewrap(
        &self,
        dek: &Dek,
        committed: Committed,
        requested: &Requested,
    ) -> Result<(Sealed, Encryption), Fault> {
        let ring = self.writing_ring(requested)?;
        let (bucket, key_id) = (self.bucket.as_str(), requested.kms_key_id.as_deref());
        // It may have been wrapped for this name before, under another key of the client's: the format
        // asks for another bucket key then.
        let current = match &requested.customer {
            Some(_) => ring.fresh(bucket, key_id).await?,
            None => ring.current(bucket, key_id).await?,
        };
        self.wrap(dek, committed, requested, (ring, &current))
    }

    fn writing_ring(&self, requested: &Requested) -> Result<&Keyring, Fault> {
        if requested.is_kms && requested.kms_key_id.is_none() && self.sealing.kms_key_id.is_none() {
            return Err(Fault::NoKms);
        }
        Ok(self.ring(self.sealing.writes_with())?)
    }

    fn wrap(
        &self,
        dek: &Dek,
        committed: Committed,
        requested: &Requested,
        (ring, current): (&Keyring, &Current),
    ) -> Result<(Sealed, Encryption), Fault> {
        let (bucket, id) = (self.bucket.as_str(), committed.object_id());
        let customer = requested.customer.as_ref().map(|customer| &customer.key);
        let wrapping = Wrapping { id, name: self.name(bucket), customer };
        let wrapped = current.wrapped.clone();
        let encryption = Encryption::of(ring, &wrapped.version, requested.customer.as_ref());
        let key_box = wrapping.seal(dek, self.sealing.binding, (&current.key, wrapped))?;
        Ok((Sealed { committed, key_box }, encryption))
    }

    /// The keys to read an object with.
    ///
    /// # Errors
    ///
    /// The keyring's, the box's, and what is wrong with a customer's key.
    pub async fn unlock(
        &self,
        sealed: &Sealed,
        customer: Option<&Customer>,
    ) -> Result<ObjectKeys, Fault> {
        let dek = self.open_box(sealed, customer).await?;
        Ok(sealed.committed.unlock(&dek)?)
    }

    /// The keys that an upload id leads to; whether it holds is theirs to tell.
    pub(in crate::pipeline) async fn unlock_upload(
        &self,
        carried: (ObjectId, &KeyBox),
        customer: Option<&Customer>,
    ) -> Result<ObjectKeys, Fault> {
        let dek = self.open_key_box(carried, customer).await.map_err(Fault::of_upload)?;
        Ok(ObjectKeys::of_new(&dek, carried.0))
    }

    /// The data key of an object.
    ///
    /// # Errors
    ///
    /// As [`Place::unlock`], without the commitment.
    pub async fn open_box(
        &self,
        sealed: &Sealed,
        customer: Option<&Customer>,
    ) -> Result<Dek, Fault> {
        let id = sealed.committed.object_id();
        self.open_key_box((id, &sealed.key_box), customer).await
    }

    async fn open_key_box(
        &self,
        (id, key_box): (ObjectId, &KeyBox),
        customer: Option<&Customer>,
    ) -> Result<Dek, Fault> {
        match (key_box.needs_customer_key(), customer) {
            (true, None) => return Err(Fault::CustomerKeyMissing),
            (false, Some(_)) => return Err(Fault::CustomerKeyUnneeded),
            (true, Some(_)) | (false, None) => {}
        }
        let wrapped = key_box.bucket_key();
        let is_named = self.sealing.keyrings.contains(&wrapped.ring);
        let ring = if is_named { self.keyrings.find(&wrapped.ring) } else { None };
        let unknown = || keyring::Error::UnknownRing { ring: wrapped.ring.clone() };
        let ring = ring.ok_or_else(unknown)?;
        let aliases = self.sealing.aliases.iter().map(String::as_str);
        for bucket in std::iter::once(self.bucket.as_str()).chain(aliases) {
            let key = match ring.unwrap(bucket, wrapped).await {
                Ok(key) => key,
                // It was wrapped for another bucket.
                Err(keyring::Error::Broken(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let wrapping = Wrapping {
                id,
                name: self.name(bucket),
                customer: customer.map(|customer| &customer.key),
            };
            match wrapping.open(key_box, &key) {
                Ok(dek) => return Ok(dek),
                Err(_) if customer.is_some() => return Err(Fault::CustomerKeyWrong),
                Err(_) => {}
            }
        }
        Err(Broken::Box.into())
    }

    /// How replies say that this object is encrypted.
    pub(in crate::pipeline) fn encryption(
        &self,
        key_box: &KeyBox,
        customer: Option<&Customer>,
    ) -> Encryption {
        let wrapped = key_box.bucket_key();
        match self.keyrings.find(&wrapped.ring) {
            Some(ring) => Encryption::of(ring, &wrapped.version, customer),
            None => Encryption::default(),
        }
    }

    fn ring(&self, name: &str) -> Result<&Keyring, keyring::Error> {
        let unknown = || keyring::Error::UnknownRing { ring: name.to_owned() };
        self.keyrings.find(name).map(AsRef::as_ref).ok_or_else(unknown)
    }

    fn name<'n>(&'n self, bucket: &'n str) -> ObjectName<'n> {
        ObjectName { bucket, key: self.key.as_str() }
    }
}

impl Encryption {
    fn of(ring: &Keyring, version: &str, customer: Option<&Customer>) -> Self {
        let customer_md5 = customer.map(|customer| {
            let mut headers = HeaderMap::new();
            customer.present(&mut headers);
            headers
        });
        let kms_key_id = ring.kms_key_id(version).and_then(|id| HeaderValue::from_str(id).ok());
        Self { customer_md5, kms_key_id }
    }

    /// Puts it into a reply.
    pub(in crate::pipeline) fn present(self, reply: &mut HeaderMap) {
        match self.customer_md5 {
            Some(headers) => reply.extend(headers),
            None => present(reply, self.kms_key_id.as_ref()),
        }
    }
}
