//! What strangers have to prove that they know.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// The secrets of a service; none of them is ever shown.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Who has it may ask for checks. Without one, nobody may.
    pub token: Option<SecretString>,
    /// Who has one of these may tell of events; several, so that one can follow another. Without any, nobody may.
    pub webhook: Vec<SecretString>,
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

impl Secrets {
    /// Whether a text was [signed](https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries) with one
    /// of the secrets: HMAC-SHA256, in hexadecimal digits. Every secret is tried, whichever is right.
    pub(super) fn signed(&self, text: &[u8], signature: &str) -> bool {
        let Some(signature) = hexadecimal(signature) else { return false };
        let tried = self.webhook.iter().map(|secret| is_signature(secret, text, &signature));
        tried.fold(Choice::from(0), std::ops::BitOr::bitor).into()
    }
}

/// Whether a signature is that of a text. A [`Choice`] comes of comparing all bytes alone, so nothing here can end at the first
/// wrong one.
fn is_signature(secret: &SecretString, text: &[u8], signature: &[u8; 32]) -> Choice {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
    let bytes = mac.expect("HMAC takes keys of any length").chain_update(text).finalize().into_bytes();
    bytes.as_slice().ct_eq(signature)
}

impl Secrets {
    /// Whether a text is one of the secrets, as [GitLab](https://docs.gitlab.com/user/project/integrations/webhooks/) sends it.
    pub(super) fn has_webhook(&self, told: &str) -> bool {
        let digest = |text: &str| -> [u8; 32] { Sha256::digest(text.as_bytes()).into() };
        let told = digest(told);
        self.webhook.iter().filter(|secret| digest(secret.expose_secret()).ct_eq(&told).into()).count() > 0
    }

    /// Whether one of the signatures, with blanks between, is that of a text by one of the secrets, as
    /// [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md) has it:
    /// `v1,` and the HMAC-SHA256 in base64, the key of which is itself in base64 behind `whsec_`.
    pub(super) fn signed_as_standard(&self, text: &[u8], signatures: &str) -> bool {
        let given: Vec<Vec<u8>> = (signatures.split(' ').filter_map(|one| one.strip_prefix("v1,")))
            .filter_map(|signature| STANDARD.decode(signature).ok())
            .collect();
        let is_of = |secret: &SecretString| {
            let mac = Hmac::<Sha256>::new_from_slice(&standard_key(secret.expose_secret()));
            let mac = mac.expect("HMAC takes keys of any length").chain_update(text);
            given.iter().filter(|signature| mac.clone().verify_slice(signature).is_ok()).count() > 0
        };
        self.webhook.iter().filter(|secret| is_of(secret)).count() > 0
    }
}

fn standard_key(secret: &str) -> Vec<u8> {
    let decoded = secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    decoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

/// The signature of a text, as GitHub sends it in `X-Hub-Signature-256`.
pub fn sign(secret: &str, text: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    let bytes = mac.chain_update(text).finalize().into_bytes();
    bytes.iter().fold("sha256=".to_owned(), |digits, byte| format!("{digits}{byte:02x}"))
}

/// The signature of a text, as [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
/// has it in `webhook-signature`. The text is the id, the time and the body, with dots between.
pub fn sign_as_standard(secret: &str, text: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(&standard_key(secret)).expect("HMAC takes keys of any length");
    format!("v1,{}", STANDARD.encode(mac.chain_update(text).finalize().into_bytes()))
}

/// The bytes of a SHA-256 in hexadecimal digits.
fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The [example](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md) that the
    /// libraries of the specification are tested with.
    #[test]
    fn a_standard_signature_is_of_the_id_the_time_and_the_text() {
        let of = |secret: &str| Secrets { token: None, webhook: vec!["another-one".into(), secret.into()] };
        let ours = of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let text = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(sign_as_standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", text), right);
        assert!(ours.signed_as_standard(text, right));
        assert!(ours.signed_as_standard(text, &format!("v1,AAAA v2,x {right}")));
        for wrong in ["", "v1,", "v1,AAAA", &right[3..], &right.replace("v1", "v1a"), &right.replace('g', "h")] {
            assert!(!ours.signed_as_standard(text, wrong), "{wrong}");
        }
        assert!(!ours.signed_as_standard(&text[1..], right));
        assert!(!of("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").signed_as_standard(text, right));
        assert!(of("the-token").has_webhook("the-token") && !of("the-token").has_webhook("the-tokem"));
        assert!(!of("the-token").has_webhook(""));
    }

    /// The [example](https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation)
    /// of GitHub's documentation.
    #[test]
    fn a_signature_is_of_the_whole_text_and_of_one_of_the_secrets() {
        let secrets = |all: &[&str]| Secrets { token: None, webhook: all.iter().map(|text| (*text).into()).collect() };
        let right = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let ours = "It's a Secret to Everybody";
        for all in [&[ours][..], &["another", ours], &[ours, "another"]] {
            assert!(secrets(all).signed(b"Hello, World!", right), "{all:?}");
            assert!(secrets(all).signed(b"Hello, World!", &right.to_uppercase()), "{all:?}");
            assert!(!secrets(all).signed(b"Hello, World?", right), "{all:?}");
        }
        let longer = format!("{right}0");
        for wrong in ["", "7", &right[..62], &longer, &right.replace('e', "g"), &right.replacen('7', "8", 1)] {
            assert!(!secrets(&[ours]).signed(b"Hello, World!", wrong), "{wrong}");
        }
        assert_eq!(sign(ours, b"Hello, World!"), format!("sha256={right}"));
        assert!(!secrets(&[]).signed(b"Hello, World!", right));
        assert!(!secrets(&["another"]).signed(b"Hello, World!", right));
    }

    /// How long it takes is told by `tests/real/run abuse`; that all bytes are compared, by the type.
    #[test]
    fn signatures_are_compared_in_constant_time() {
        let compare: fn(&SecretString, &[u8], &[u8; 32]) -> Choice = is_signature;
        let (secret, text) = (SecretString::from("s3cret-s3cret-s3cret"), b"Hello, World!");
        let signed = sign(secret.expose_secret(), text);
        let right = hexadecimal(signed.strip_prefix("sha256=").unwrap()).unwrap();
        assert!(bool::from(compare(&secret, text, &right)));
        for place in 0..right.len() {
            let mut wrong = right;
            wrong[place] ^= 1;
            assert!(!bool::from(compare(&secret, text, &wrong)), "byte {place}");
        }
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        let secrets = Secrets { token: Some("0123456789abcdef".into()), webhook: Vec::new() };
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
