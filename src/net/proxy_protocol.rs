//! The PROXY protocol, version 2, binary form
//! (<https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>, 2.2). Read only from networks that
//! the configuration trusts, where it is required. Invariant: not one byte after the header is taken.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Reads one header. `None` for LOCAL (a load balancer's own health checks) and for address families
/// that say nothing of a client: the socket's own address stands.
///
/// # Errors
///
/// Anything else than a version 2 header for a stream, or one above `BYTES_MAX`.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut head = [0; 16];
    stream.read_exact(&mut head).await?;
    let [signature @ .., command, family, length_high, length_low] = head;
    if signature != SIGNATURE {
        return Err(refused("the connection does not begin with a PROXY v2 header"));
    }
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    if length > BYTES_MAX {
        return Err(refused("the PROXY v2 header is too long"));
    }
    let mut body = [0; BYTES_MAX];
    let body = body.get_mut(..length).ok_or_else(|| refused("the PROXY v2 header is too long"))?;
    stream.read_exact(body).await?;
    match (command, family) {
        (COMMAND_PROXY, TCP_OVER_IPV4) => ipv4(body).map(Some).ok_or_else(truncated),
        (COMMAND_PROXY, TCP_OVER_IPV6) => ipv6(body).map(Some).ok_or_else(truncated),
        (COMMAND_LOCAL, _) | (COMMAND_PROXY, UNSPECIFIED | STREAM_OVER_UNIX) => Ok(None),
        (COMMAND_PROXY, _) => Err(refused("the PROXY v2 header is not for a TCP connection")),
        _ => Err(refused("the PROXY v2 header has an unknown version or command")),
    }
}

/// Source address, destination address, source port, destination port.
fn ipv4(body: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = body.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let (port, _) = rest.split_first_chunk::<2>()?;
    Some((Ipv4Addr::from(*source), u16::from_be_bytes(*port)).into())
}

fn ipv6(body: &[u8]) -> Option<SocketAddr> {
    let (source, rest) = body.split_first_chunk::<16>()?;
    let (_, rest) = rest.split_first_chunk::<16>()?;
    let (port, _) = rest.split_first_chunk::<2>()?;
    Some((Ipv6Addr::from(*source), u16::from_be_bytes(*port)).into())
}

fn refused(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn truncated() -> io::Error {
    refused("the PROXY v2 header ends before its addresses")
}

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const COMMAND_LOCAL: u8 = 0x20;
const COMMAND_PROXY: u8 = 0x21;
const UNSPECIFIED: u8 = 0x00;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
const STREAM_OVER_UNIX: u8 = 0x31;
/// Addresses (36 bytes at most for IP) and type-length-value fields, which are skipped.
const BYTES_MAX: usize = 2048;

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, SIGNATURE, read};

    fn header(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    async fn check(header: &[u8], expected: Result<Option<&str>, &str>) {
        let mut stream = header;
        let read = read(&mut stream).await;
        let expected = expected.map(|a| a.map(|a| a.parse().unwrap())).map_err(str::to_owned);
        assert_eq!(read.map_err(|error| error.to_string()), expected);
    }

    #[tokio::test]
    async fn addresses_and_what_says_nothing_of_a_client() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x1f, 0x90, 0, 80, 0x04, 0, 1, 9];
        check(&header(0x21, 0x11, &v4), Ok(Some("192.0.2.7:8080"))).await;
        let mut v6 = [0; 36];
        (v6[0], v6[1], v6[15], v6[33]) = (0x20, 0x01, 5, 99);
        check(&header(0x21, 0x21, &v6), Ok(Some("[2001::5]:99"))).await;
        check(&header(0x20, 0, &[]), Ok(None)).await;
        check(&header(0x20, 0x11, &v4), Ok(None)).await;
        check(&header(0x21, 0, &[4, 0, 1, 9]), Ok(None)).await;
        check(&header(0x21, 0x31, &[0; 216]), Ok(None)).await;
    }

    #[tokio::test]
    async fn what_follows_the_header_is_left() {
        let bytes = [header(0x20, 0, &[4, 0, 1, 9]), b"GET /".to_vec()].concat();
        let mut stream = bytes.as_slice();
        read(&mut stream).await.unwrap();
        assert_eq!(stream, b"GET /");
    }

    #[tokio::test]
    async fn everything_else_is_refused() {
        check(b"GET / HTTP/1.1\r\n", Err("the connection does not begin with a PROXY v2 header"))
            .await;
        check(b"PROXY TCP4 192.0.2.7", Err("the connection does not begin with a PROXY v2 header"))
            .await;
        check(&header(0x21, 0x11, &[1, 2]), Err("the PROXY v2 header ends before its addresses"))
            .await;
        for command in [0x31, 0x22] {
            let error = "the PROXY v2 header has an unknown version or command";
            check(&header(command, 0x11, &[0; 12]), Err(error)).await;
        }
        for family in [0x12, 0x22, 0x10, 0x41] {
            let error = "the PROXY v2 header is not for a TCP connection";
            check(&header(0x21, family, &[0; 36]), Err(error)).await;
        }
        let long = header(0x21, 0x11, &vec![0; BYTES_MAX + 1]);
        check(&long, Err("the PROXY v2 header is too long")).await;
    }
}
