//! TLS to attached servers: the system's own on a Mac, rustls elsewhere; certificates are trusted as
//! the system trusts them.

use reqwest::ClientBuilder;

/// `client` as far as it must be able to speak TLS. One that need not is made without the system's
/// certificates: reading them takes a while, and some machines have none.
pub fn prepared(client: ClientBuilder, needed: bool) -> ClientBuilder {
    install_cryptography();
    if needed {
        client
    } else {
        client.tls_certs_only([])
    }
}

#[cfg(target_os = "linux")]
fn install_cryptography() {
    // Fails where it is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(not(target_os = "linux"))]
fn install_cryptography() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_made_with_and_without_tls() {
        for needed in [false, true] {
            let client = prepared(reqwest::Client::builder(), needed).build();
            assert!(client.is_ok(), "{needed}: {client:?}");
        }
    }
}
