//! One order: from the account to key and chain (RFC 8555 §7.4).

use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeHandle, ChallengeType, Identifier, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use mail::Domain;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use crate::answers::Offered;
use crate::error::said;
use crate::{AcmeError, Answers, Challenge};

/// How often, and how long, an authority is asked whether it is done.
const POLLING: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.7).timeout(Duration::from_secs(120));
/// One name has one authorization; an authority that sends many is not
/// followed.
const MAX_AUTHORIZATIONS: usize = 4;

/// An answer that is given until the authority has seen it.
enum Given {
    Http(#[expect(dead_code, reason = "it is held, not read")] Offered),
    Tls(#[expect(dead_code, reason = "it is held, not read")] tls::Armed),
}

/// Key and chain, PEM, for this name. The key is new.
pub(crate) async fn order(
    account: &Account,
    name: &Domain,
    replaces: Option<CertificateIdentifier<'static>>,
    (challenge, answers): (Challenge, &Answers),
) -> Result<String, AcmeError> {
    let identifiers = [Identifier::Dns(name.as_str().to_owned())];
    let mut new = NewOrder::new(&identifiers);
    if let Some(old) = replaces {
        new = new.replaces(old);
    }
    let mut order = account.new_order(&new).await?;
    let given = answer(&mut order, name, challenge, answers).await?;
    if order.state().status != OrderStatus::Ready && order.poll_ready(&POLLING).await? != OrderStatus::Ready {
        return Err(refused(&mut order).await);
    }
    drop(given);
    let key = KeyPair::generate().map_err(tls::TlsError::from)?;
    order.finalize_csr(&request(name, &key)?).await?;
    let chain = order.poll_certificate(&POLLING).await?;
    Ok(format!("{}{chain}", key.serialize_pem()))
}

/// Puts the answers in place, and tells the authority to look.
async fn answer(
    order: &mut Order,
    name: &Domain,
    challenge: Challenge,
    answers: &Answers,
) -> Result<Vec<Given>, AcmeError> {
    let mut given = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if given.len() >= MAX_AUTHORIZATIONS {
            return Err(AcmeError::Authority("it wants too many authorizations".to_owned()));
        }
        match authorization.status {
            // Still known from an earlier order.
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            other => return Err(AcmeError::Authority(format!("the authorization is {other:?}"))),
        }
        let (kind, word) = match challenge {
            Challenge::Http01 => (ChallengeType::Http01, "http-01"),
            Challenge::TlsAlpn01 => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
        };
        let mut handle = authorization.challenge(kind).ok_or(AcmeError::NoSuchChallenge(word))?;
        given.push(give(&handle, name, challenge, answers)?);
        handle.set_ready().await?;
    }
    Ok(given)
}

fn give(
    handle: &ChallengeHandle<'_>,
    name: &Domain,
    challenge: Challenge,
    answers: &Answers,
) -> Result<Given, AcmeError> {
    let proof = handle.key_authorization();
    Ok(match challenge {
        Challenge::Http01 => Given::Http(answers.http.offer(&handle.token, proof.as_str())),
        Challenge::TlsAlpn01 => {
            let digest = <[u8; 32]>::try_from(proof.digest().as_ref());
            let digest = digest.map_err(|_| AcmeError::Authority("a digest of another length".to_owned()))?;
            Given::Tls(answers.tls.arm(name, digest)?)
        }
    })
}

/// What the authority says about a challenge that has failed.
async fn refused(order: &mut Order) -> AcmeError {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return AcmeError::Authority(said(&problem.to_string()));
        }
    }
    AcmeError::Authority("the order has failed without a reason".to_owned())
}

fn request(name: &Domain, key: &KeyPair) -> Result<Vec<u8>, AcmeError> {
    let build = || {
        let mut params = CertificateParams::new([name.as_str().to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(key)?.der().to_vec())
    };
    build().map_err(|error: rcgen::Error| tls::TlsError::from(error).into())
}
