//! The `<AccessControlPolicy>` document, as backends write it
//! (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html>). Invariant: a grant that
//! cannot be read whole is an error, so that none is ever left out.

use super::{
    MalformedXml, Pieces,
    answers::{element, skip, text},
    malformed,
};

/// Who may do what with an object, besides what policies say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessControl {
    /// The owner's canonical id, where the backend tells one.
    pub owner: Option<String>,
    /// In the order of the document.
    pub grants: Vec<Grant>,
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// To whom, as a header names them: `id`, `uri` or `emailAddress`.
    pub kind: &'static str,
    /// Which of them.
    pub grantee: String,
    /// As the document spells it: `FULL_CONTROL`, `READ`, …
    pub permission: String,
}

impl AccessControl {
    /// Whether nobody but the owner has anything: what an object has of which nothing is said.
    pub fn is_private(&self) -> bool {
        self.grants.iter().all(|grant| {
            grant.kind == "id"
                && grant.permission == "FULL_CONTROL"
                && self.owner.as_ref().is_none_or(|owner| *owner == grant.grantee)
        })
    }
}

/// Reads the document.
///
/// # Errors
///
/// See the invariant of this file.
pub fn access_control(document: &[u8]) -> Result<AccessControl, MalformedXml> {
    let mut pieces = Pieces::of(document)?;
    let root = element(&mut pieces)?.filter(|root| root == "AccessControlPolicy");
    root.ok_or_else(|| malformed("its root is not `AccessControlPolicy`"))?;
    let mut access = AccessControl::default();
    while let Some(name) = element(&mut pieces)? {
        match name.as_str() {
            "Owner" => access.owner = owner(&mut pieces)?,
            "AccessControlList" => grants(&mut pieces, &mut access.grants)?,
            _ => skip(&mut pieces)?,
        }
    }
    Ok(access)
}

fn owner(pieces: &mut Pieces<'_>) -> Result<Option<String>, MalformedXml> {
    let mut id = None;
    while let Some(name) = element(pieces)? {
        match name.as_str() {
            "ID" => id = Some(text(pieces, &name)?).filter(|id| !id.is_empty()),
            _ => skip(pieces)?,
        }
    }
    Ok(id)
}

fn grants(pieces: &mut Pieces<'_>, grants: &mut Vec<Grant>) -> Result<(), MalformedXml> {
    while let Some(name) = element(pieces)? {
        match name.as_str() {
            "Grant" => grants.push(grant(pieces)?),
            name => return Err(malformed(&format!("`{name}` stands among the grants"))),
        }
    }
    Ok(())
}

fn grant(pieces: &mut Pieces<'_>) -> Result<Grant, MalformedXml> {
    let (mut to, mut permission) = (None, None);
    while let Some(name) = element(pieces)? {
        match name.as_str() {
            "Grantee" => to = grantee(pieces)?,
            "Permission" => permission = Some(text(pieces, &name)?),
            name => return Err(malformed(&format!("a grant has a `{name}`"))),
        }
    }
    let (kind, grantee) = to.ok_or_else(|| malformed("a grant is to nobody"))?;
    let permission = permission.ok_or_else(|| malformed("a grant is of nothing"))?;
    Ok(Grant { kind, grantee, permission })
}

fn grantee(pieces: &mut Pieces<'_>) -> Result<Option<(&'static str, String)>, MalformedXml> {
    let mut to = None;
    while let Some(name) = element(pieces)? {
        let kind = match name.as_str() {
            "ID" => "id",
            "URI" => "uri",
            "EmailAddress" => "emailAddress",
            _ => {
                skip(pieces)?;
                continue;
            }
        };
        if to.replace((kind, text(pieces, &name)?)).is_some() {
            return Err(malformed("a grant is to more than one"));
        }
    }
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(grants: &str) -> String {
        format!(
            "<AccessControlPolicy xmlns=\"x\"><Owner><ID>me</ID><DisplayName>Me</DisplayName></Owner>\
             <AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
        )
    }

    fn grant(grantee: &str, permission: &str) -> String {
        format!(
            "<Grant><Grantee xmlns:xsi=\"y\" xsi:type=\"Group\">{grantee}</Grantee>\
             <Permission>{permission}</Permission></Grant>"
        )
    }

    #[test]
    fn grants_are_read() {
        let own = grant("<ID>me</ID><DisplayName>Me</DisplayName>", "FULL_CONTROL");
        let access = access_control(document(&own).as_bytes()).unwrap();
        assert!(access.is_private());
        let all = grant("<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>", "READ");
        let access = access_control(document(&(own + &all)).as_bytes()).unwrap();
        assert!(!access.is_private());
        assert_eq!(access.owner.as_deref(), Some("me"));
        let last = access.grants.last().unwrap();
        let expected = ("uri", "http://acs.amazonaws.com/groups/global/AllUsers", "READ");
        assert_eq!((last.kind, &*last.grantee, &*last.permission), expected);
        let other = grant("<ID>you</ID>", "FULL_CONTROL");
        assert!(!access_control(document(&other).as_bytes()).unwrap().is_private());
        assert!(access_control(document("").as_bytes()).unwrap().is_private());
    }

    #[test]
    fn half_a_grant_is_none() {
        for grants in [
            grant("", "READ"),
            grant("<ID>a</ID><URI>b</URI>", "READ"),
            "<Grant><Grantee><ID>a</ID></Grantee></Grant>".to_owned(),
            "<Other><ID>a</ID></Other>".to_owned(),
        ] {
            assert!(access_control(document(&grants).as_bytes()).is_err(), "{grants}");
        }
        for document in ["", "<Error></Error>", "<AccessControlPolicy>"] {
            assert!(access_control(document.as_bytes()).is_err(), "{document}");
        }
    }
}
