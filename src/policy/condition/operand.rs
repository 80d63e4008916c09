//! The values of a condition, typed. Invariant: a value of the document is parsed at load or refused;
//! a value of the request that is not of the type equals nothing.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ipnet::{IpNet, Ipv4Net};
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

use super::operator::{Comparison, Relation};
use crate::policy::{
    Keys,
    pattern::Pattern,
    variable::{self, BadVariable, Reading},
};

/// One value of the document. `Null` has its own place: it looks at no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Arn(Pattern),
    Binary(Box<[u8]>),
    Bool(bool),
    Date(Relation, OffsetDateTime),
    Ip(IpNet),
    Null(bool),
    Numeric(Relation, i128),
    StringEquals(Pattern),
    StringEqualsIgnoreCase(Pattern),
    StringLike(Pattern),
}

impl Operand {
    /// `None` where the text is not of the type that the operator compares.
    pub(super) fn parse(
        comparison: Comparison,
        text: &str,
        has_variables: bool,
    ) -> Option<(Self, Vec<BadVariable>)> {
        let pattern = |wildcards, operand: fn(Pattern) -> Self| {
            let reading = Reading { wildcards, variables: has_variables };
            let (pattern, bad) = variable::compile(text, reading);
            Some((operand(pattern), bad))
        };
        let typed = match comparison {
            Comparison::Arn => return pattern(true, Self::Arn),
            Comparison::StringEquals => return pattern(false, Self::StringEquals),
            Comparison::StringEqualsIgnoreCase => {
                return pattern(false, Self::StringEqualsIgnoreCase);
            }
            Comparison::StringLike => return pattern(true, Self::StringLike),
            Comparison::Binary => Self::Binary(STANDARD.decode(text).ok()?.into_boxed_slice()),
            Comparison::Bool => Self::Bool(boolean(text)?),
            Comparison::Date(relation) => Self::Date(relation, instant(text)?),
            Comparison::Ip => Self::Ip(network(text)?),
            Comparison::Null => Self::Null(boolean(text)?),
            Comparison::Numeric(relation) => Self::Numeric(relation, decimal(text)?),
        };
        Some((typed, Vec::new()))
    }

    /// Whether a value of the request matches.
    pub(super) fn matches(&self, value: &str, keys: &Keys<'_>) -> bool {
        match self {
            Self::Arn(pattern) => pattern.matches_arn(value, keys),
            // Binary values of a request are given in base64, too: keys are text.
            Self::Binary(wanted) => {
                STANDARD.decode(value).is_ok_and(|found| found.as_slice() == &**wanted)
            }
            Self::Bool(wanted) => boolean(value) == Some(*wanted),
            Self::Date(relation, wanted) => {
                instant(value).is_some_and(|found| relation.holds(&found, wanted))
            }
            Self::Ip(network) => value
                .parse::<IpAddr>()
                .is_ok_and(|address| network.contains(&address.to_canonical())),
            Self::Null(is_absent) => !is_absent,
            Self::Numeric(relation, wanted) => {
                decimal(value).is_some_and(|found| relation.holds(&found, wanted))
            }
            Self::StringEquals(pattern) | Self::StringLike(pattern) => pattern.matches(value, keys),
            Self::StringEqualsIgnoreCase(pattern) => pattern.equals_ignoring_case(value, keys),
        }
    }

    /// The pattern, where the type has one.
    pub(super) fn pattern(&self) -> Option<&Pattern> {
        match self {
            Self::Arn(pattern)
            | Self::StringEquals(pattern)
            | Self::StringEqualsIgnoreCase(pattern)
            | Self::StringLike(pattern) => Some(pattern),
            Self::Binary(_)
            | Self::Bool(_)
            | Self::Date(..)
            | Self::Ip(_)
            | Self::Null(_)
            | Self::Numeric(..) => None,
        }
    }
}

fn boolean(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

/// An integer or decimal number in units of 10⁻¹⁸: exact where a float is not.
fn decimal(text: &str) -> Option<i128> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > WHOLE_DIGITS_MAX || !is_digits(whole) {
        return None;
    }
    if fraction.len() > FRACTION_DIGITS || !is_digits(fraction) {
        return None;
    }
    let scale = 10_i128.pow(u32::try_from(FRACTION_DIGITS - fraction.len()).ok()?);
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<i128>().ok()? };
    let unit = 10_i128.pow(u32::try_from(FRACTION_DIGITS).ok()?);
    let number = whole.parse::<i128>().ok()? * unit + fraction * scale;
    Some(if is_negative { -number } else { number })
}

/// ISO 8601 in W3C's profiles (`2024`, `2024-05`, `2024-05-01`, with time and zone) or seconds since
/// the epoch. Four digits are a year.
pub(crate) fn instant(text: &str) -> Option<OffsetDateTime> {
    if text.len() != YEAR_DIGITS
        && let Ok(seconds) = text.parse::<i64>()
    {
        return OffsetDateTime::from_unix_timestamp(seconds).ok();
    }
    let Some((day, rest)) = text.split_once('T') else {
        return Some(date(text)?.midnight().assume_utc());
    };
    let is_whole_day = day.len() == "2024-05-01".len();
    let zone_at = rest.find(['Z', '+', '-']).filter(|_| is_whole_day)?;
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    Some(date(day)?.with_time(time(clock)?).assume_offset(offset(zone)?))
}

fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, YEAR_DIGITS)?;
    let month = parts.next().map_or(Some(1), |month| digits(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| digits(day, 2))?;
    if parts.next().is_some() {
        return None;
    }
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
}

fn time(text: &str) -> Option<Time> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let mut parts = clock.split(':');
    let hour = u8::try_from(digits(parts.next()?, 2)?).ok()?;
    let minute = u8::try_from(digits(parts.next()?, 2)?).ok()?;
    let second = parts.next();
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let second = second.map_or(Some(0), |second| digits(second, 2))?;
    let nanosecond = fraction.map_or(Some(0), nanoseconds)?;
    Time::from_hms_nano(hour, minute, u8::try_from(second).ok()?, nanosecond).ok()
}

fn nanoseconds(fraction: &str) -> Option<u32> {
    let missing = NANOSECOND_DIGITS.checked_sub(fraction.len())?;
    let value = digits(fraction, fraction.len())?;
    Some(value * 10_u32.pow(u32::try_from(missing).ok()?))
}

fn offset(text: &str) -> Option<UtcOffset> {
    let (sign, clock) = match text.as_bytes().first()? {
        b'Z' => return (text == "Z").then_some(UtcOffset::UTC),
        b'-' => (-1, text.strip_prefix('-')?),
        _ => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = clock.split_once(':')?;
    let hours = i8::try_from(digits(hours, 2)?).ok()?;
    let minutes = i8::try_from(digits(minutes, 2)?).ok()?;
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

fn digits(text: &str, count: usize) -> Option<u32> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// A CIDR block, its host bits ignored, or an address. IPv4 in IPv6 counts as IPv4.
fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network.trunc(),
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    if let (IpAddr::V4(address), Some(prefix)) =
        (network.addr().to_canonical(), network.prefix_len().checked_sub(MAPPED_BITS))
        && matches!(network, IpNet::V6(_))
    {
        return Ipv4Net::new(address, prefix).ok().map(IpNet::V4);
    }
    Some(network)
}

/// An i128 holds 38 digits.
const WHOLE_DIGITS_MAX: usize = 19;
const FRACTION_DIGITS: usize = 18;
const NANOSECOND_DIGITS: usize = 9;
const YEAR_DIGITS: usize = 4;
/// Length of `::ffff:0:0/96`, under which IPv6 holds IPv4.
const MAPPED_BITS: u8 = 96;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(comparison: Comparison, wanted: &str, found: &str, expected: bool) {
        let (operand, _) = Operand::parse(comparison, wanted, true).expect("an operand");
        let matched = operand.matches(found, &Keys::default());
        assert_eq!(matched, expected, "{comparison:?} {wanted:?} {found:?}");
    }

    #[test]
    fn numbers_compare_exactly() {
        let equal = Comparison::Numeric(Relation::Equal);
        check(equal, "10", "10.0", true);
        check(equal, "9007199254740993", "9007199254740992", false);
        check(equal, "-0.5", "-0.50", true);
        check(equal, "0", "", false);
        check(Comparison::Numeric(Relation::Less), "1.2", "1.1", true);
        check(Comparison::Numeric(Relation::Less), "10", "9", true);
        check(Comparison::Numeric(Relation::GreaterOrEqual), "-1", "-1", true);
        for text in ["", ".", "1.", ".5", "1e3", "+1", " 1", "1_0", "12345678901234567890"] {
            assert_eq!(Operand::parse(equal, text, true), None, "{text:?}");
        }
    }

    #[test]
    fn dates_compare_as_instants() {
        let equal = Comparison::Date(Relation::Equal);
        check(equal, "2024", "2024-01-01T00:00:00Z", true);
        check(equal, "2024-05", "2024-05-01", true);
        check(equal, "2024-05-01T02:30+02:30", "1714521600", true);
        check(equal, "2024-05-01T00:00:00.250Z", "2024-05-01T00:00:00.25Z", true);
        check(Comparison::Date(Relation::Greater), "2024-05-01", "2024-05-01T00:00:01Z", true);
        check(equal, "2024", "yesterday", false);
        for text in ["", "2024-13", "2024-05-01T00:00:00", "2024T00:00Z", "2024-05-01T24:01Z"] {
            assert_eq!(Operand::parse(equal, text, true), None, "{text:?}");
        }
    }

    #[test]
    fn addresses_match_networks_of_their_family() {
        let ip = Comparison::Ip;
        check(ip, "203.0.113.7/24", "203.0.113.9", true);
        check(ip, "203.0.113.7", "203.0.113.9", false);
        check(ip, "::ffff:203.0.113.0/120", "203.0.113.9", true);
        check(ip, "203.0.113.0/24", "::ffff:203.0.113.9", true);
        check(ip, "2001:DB8::/32", "2001:db8:0:0::1", true);
        check(ip, "0.0.0.0/0", "2001:db8::1", false);
        check(ip, "::/0", "203.0.113.9", false);
        check(ip, "0.0.0.0/0", "unknown", false);
        assert_eq!(Operand::parse(ip, "123", true), None);
        assert_eq!(Operand::parse(ip, "10.0.0.0/33", true), None);
    }

    #[test]
    fn booleans_and_bytes() {
        check(Comparison::Bool, "True", "tRUE", true);
        check(Comparison::Bool, "false", "", false);
        check(Comparison::Binary, "QQ==", "QQ==", true);
        check(Comparison::Binary, "QQ==", "A", false);
        assert_eq!(Operand::parse(Comparison::Bool, "yes", true), None);
        assert_eq!(Operand::parse(Comparison::Binary, "?", true), None);
    }

    #[test]
    fn strings() {
        check(Comparison::StringEquals, "AES256", "aes256", false);
        check(Comparison::StringEquals, "a*", "ab", false);
        check(Comparison::StringEqualsIgnoreCase, "ÄES", "äes", true);
        check(Comparison::StringEqualsIgnoreCase, "a", "ab", false);
        check(Comparison::StringLike, "a*", "a/\nb", true);
    }
}
