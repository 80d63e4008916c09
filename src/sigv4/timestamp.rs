//! Times as signatures and errors write them. Invariant: only the one form of ISO 8601 that SigV4
//! defines is read, so that what is compared is what was signed.

use std::time::SystemTime;

use time::{
    OffsetDateTime, PrimitiveDateTime, UtcOffset,
    format_description::{BorrowedFormatItem, well_known::Rfc2822},
    macros::format_description,
};

/// Reads `20150830T123600Z`.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    // The parser would take signs and longer years, too.
    if text.len() != BASIC_BYTES {
        return None;
    }
    PrimitiveDateTime::parse(text, BASIC).ok().map(|at| at.assume_utc().into())
}

/// Reads a Date header (RFC 9110, 5.6.7; or as mail has it, with the zone as a number, RFC 5322, 3.3)
/// and writes it as `20150830T123600Z`.
pub(super) fn from_http_date(text: &str) -> Option<String> {
    if let Ok(at) = PrimitiveDateTime::parse(text, HTTP_DATE) {
        return at.format(BASIC).ok();
    }
    let at = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    at.checked_to_offset(UtcOffset::UTC)?.format(BASIC).ok()
}

/// Writes `20150830T123600Z`.
pub(super) fn basic(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(BASIC).unwrap_or_default()
}

/// Writes `2015-08-30T12:36:00Z`.
pub(super) fn extended(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(EXTENDED).unwrap_or_default()
}

/// The length of the date in a timestamp.
pub(super) const DATE_BYTES: usize = "20150830".len();

const BASIC_BYTES: usize = "20150830T123600Z".len();
const BASIC: &[BorrowedFormatItem<'static>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
const EXTENDED: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
const HTTP_DATE: &[BorrowedFormatItem<'static>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{basic, extended, from_http_date, parse};

    #[test]
    fn both_forms_say_the_same() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636);
        assert_eq!(parse("20150830T123600Z"), Some(at));
        assert_eq!(basic(at), "20150830T123600Z");
        assert_eq!(extended(at), "2015-08-30T12:36:00Z");
        for date in [
            "Sun, 30 Aug 2015 12:36:00 GMT",
            "Sun, 30 Aug 2015 12:36:00 +0000",
            "Sun, 30 Aug 2015 14:36:00 +0200",
        ] {
            assert_eq!(from_http_date(date).as_deref(), Some("20150830T123600Z"), "{date}");
        }
        assert_eq!(from_http_date("Fri, 31 Dec 9999 23:59:59 -0100"), None);
    }

    #[test]
    fn other_forms_are_not_read() {
        for text in [
            "",
            "20150830",
            "2015-08-30T12:36:00Z",
            "20150830T123600z",
            "20150830T123600",
            "20150230T123600Z",
            "20150830T126000Z",
            "+2015830T123600Z",
            "20150830T1236000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
