//! What strangers have to prove that they know.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The secrets of a service; none of them is ever shown.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Who has it may ask for checks. Without one, nobody may.
    pub token: Option<SecretString>,
}

impl Secrets {
    /// Whether a request brings the token, as `Authorization: Bearer TOKEN`. How long the answer takes tells nothing of how
    /// much of it was right, or of how long it is: digests are compared, all of their bytes.
    pub(super) fn has_token(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return false };
        let Some(told) = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes())) else { return false };
        let digest = |bytes: &[u8]| -> [u8; 32] { Sha256::digest(bytes).into() };
        digest(token.expose_secret().as_bytes()).ct_eq(&digest(told)).into()
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let secrets = Secrets { token: Some("0123456789abcdef".into()) };
        let has = |secrets: &Secrets, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            secrets.has_token(&headers)
        };
        for value in ["Bearer 0123456789abcdef", "bearer 0123456789abcdef"] {
            assert!(has(&secrets, value), "{value}");
            assert!(!has(&Secrets::default(), value), "{value}");
        }
        for value in
            ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdeff", "Basic 0123456789abcdef"]
        {
            assert!(!has(&secrets, value), "{value}");
        }
        assert!(!secrets.has_token(&HeaderMap::new()));
        assert!(!format!("{secrets:?}").contains("0123"));
    }
}
