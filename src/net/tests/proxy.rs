//! PROXY v2: who may speak it, must, and may not.

use super::{GET_AND_CLOSE, Served, settings, who};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FROM_192_0_2_7: &[u8] = &[0x21, 0x11, 0, 12, 192, 0, 2, 7, 10, 0, 0, 1, 0x1f, 0x90, 0, 80];

async fn answer(trusted: &str, header: &[&[u8]]) -> String {
    let mut settings = settings();
    settings.proxy_protocol_from = vec![trusted.parse().unwrap()];
    let served = Served::by(settings, None, who).await;
    served.exchange(&[header.concat().as_slice(), GET_AND_CLOSE].concat()).await
}

#[tokio::test]
async fn a_trusted_header_names_the_client() {
    let answer = answer("127.0.0.0/8", &[SIGNATURE, FROM_192_0_2_7]).await;
    assert!(answer.contains("address: 192.0.2.7:8080"), "{answer}");
}

#[tokio::test]
async fn an_ipv4_client_in_the_clothes_of_ipv6_is_undressed() {
    let mut header = [&[0x21, 0x21, 0, 36][..], &[0; 36]].concat();
    header[4 + 10..4 + 16].copy_from_slice(&[0xff, 0xff, 192, 0, 2, 7]);
    let answer = answer("127.0.0.0/8", &[SIGNATURE, &header]).await;
    assert!(answer.contains("address: 192.0.2.7:0"), "{answer}");
}

#[tokio::test]
async fn a_health_check_has_the_address_of_its_socket() {
    let answer = answer("127.0.0.0/8", &[SIGNATURE, &[0x20, 0, 0, 0]]).await;
    assert!(answer.contains("address: 127.0.0.1:"), "{answer}");
}

#[tokio::test]
async fn where_it_is_required_nothing_else_is_served() {
    let v1 = b"PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\n";
    for header in [&b""[..], v1, b"garbage that is long enough"] {
        let mut settings = settings();
        settings.proxy_protocol_from = vec!["127.0.0.0/8".parse().unwrap()];
        let served = Served::by(settings, None, who).await;
        let answer = served.try_exchange(&[header, GET_AND_CLOSE].concat()).await;
        assert_eq!(answer, "", "after {header:?}");
    }
}

#[tokio::test]
async fn from_elsewhere_it_is_no_header_but_a_bad_request() {
    let answer = answer("192.0.2.0/24", &[SIGNATURE, FROM_192_0_2_7]).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
