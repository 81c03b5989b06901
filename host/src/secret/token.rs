//! Launch tokens and session cookies.
//!
//! `al1.<kid>.<payload>.<mac>` for a launch, `as1.` for a session: payload and MAC in base64url without padding,
//! the MAC is HMAC-SHA-256 over every ASCII byte before the last dot. The prefix is under the MAC, so the two kinds
//! can't be swapped, and there is no algorithm field to lie about. A known answer is a test.
//!
//! The order of checks is fixed: length, prefix, key id, MAC in constant time, and only then the payload.

mod issued;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::list::{SecretList, repeats};
use super::random_bytes;
use crate::model::{AppId, InstallId, InstanceId, UnixMillis, UserId};

pub use issued::{IssuedSession, LaunchToken, SessionId};

/// Longest token in bytes that is looked at.
const MAX_TOKEN: usize = 1024;
/// A launch token lives this long.
pub const LAUNCH_LIFE: Duration = Duration::from_mins(2);
/// No session outlives this, whatever the configuration says.
pub const LONGEST_SESSION: Duration = Duration::from_mins(15);
/// A token from this many seconds in the future is still taken: clocks differ.
const SKEW_SECONDS: i64 = 5;

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not one of ours, or altered, or of another kind.
    #[error("the token is not valid")]
    Invalid,
    /// Ours, and past its time.
    #[error("the token has expired")]
    Expired,
}

/// What a launch was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchClaims {
    /// The app as registered in Cloud.
    pub app: AppId,
    /// The installation.
    pub install: InstallId,
    /// The instance.
    pub instance: InstanceId,
    /// Who launched, where Cloud says so.
    pub user: Option<UserId>,
    /// The install's session generation at that time: ending sessions raises it.
    pub generation: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    typ: String,
    iss: String,
    app: String,
    iid: String,
    ins: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    sub: Option<String>,
    r#gen: i64,
    iat: i64,
    exp: i64,
    jti: String,
    /// Of a session: the launch it was made from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ljt: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Launch,
    Session,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Launch => "al1",
            Self::Session => "as1",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Session => "session",
        }
    }

    fn longest(self) -> Duration {
        match self {
            Self::Launch => LAUNCH_LIFE,
            Self::Session => LONGEST_SESSION,
        }
    }
}

/// A launch token that was verified: proof of a signed launch.
///
/// Claims that nobody signed are no launch:
///
/// ```compile_fail
/// # use airlock_host::model::UnixMillis;
/// # use airlock_host::secret::{LaunchClaims, VerifiedLaunch};
/// fn forge(claims: LaunchClaims, expires: UnixMillis) -> VerifiedLaunch {
///     VerifiedLaunch { claims, jti: String::new(), expires }
/// }
/// ```
///
/// ```
/// # use airlock_host::model::UnixMillis;
/// # use airlock_host::secret::{Signer, TokenError, VerifiedLaunch};
/// fn verify(signer: &Signer, token: &str, now: UnixMillis) -> Result<VerifiedLaunch, TokenError> {
///     signer.verify_launch(token, now)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct VerifiedLaunch {
    claims: LaunchClaims,
    jti: String,
    expires: UnixMillis,
}

impl VerifiedLaunch {
    /// What the launch was for.
    pub fn claims(&self) -> &LaunchClaims {
        &self.claims
    }

    /// The token's own id: a launch is used once.
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// When the token ends.
    pub fn expires(&self) -> UnixMillis {
        self.expires
    }
}

/// A session whose cookie was verified. Whether its install still lives is `install`'s question.
///
/// A launch token opens no portal by itself:
///
/// ```compile_fail
/// # use airlock_host::install::{ActiveInstall, Installs, SessionRefused};
/// # use airlock_host::secret::{PortalSession, VerifiedLaunch};
/// fn enter(installs: &Installs, launch: &VerifiedLaunch) -> Result<ActiveInstall, SessionRefused> {
///     installs.session_install(launch)
/// }
/// ```
///
/// ```
/// # use airlock_host::install::{ActiveInstall, Installs, SessionRefused};
/// # use airlock_host::secret::{PortalSession, VerifiedLaunch};
/// fn enter(installs: &Installs, session: &PortalSession) -> Result<ActiveInstall, SessionRefused> {
///     installs.session_install(session)
/// }
/// ```
#[derive(Debug, Clone)]
pub struct PortalSession {
    sid: SessionId,
    claims: LaunchClaims,
    launch_jti: String,
    expires: UnixMillis,
    log_name: String,
}

impl PortalSession {
    /// The session's name in addresses.
    pub fn sid(&self) -> &SessionId {
        &self.sid
    }

    /// What it was launched for.
    pub fn claims(&self) -> &LaunchClaims {
        &self.claims
    }

    /// The id of the launch token it was made from.
    pub fn launch_jti(&self) -> &str {
        &self.launch_jti
    }

    /// When it ends.
    pub fn expires(&self) -> UnixMillis {
        self.expires
    }

    /// A keyed hash of the session's name, for guests and logs: it names the session and opens nothing.
    pub fn log_name(&self) -> &str {
        &self.log_name
    }
}

/// Signs and verifies tokens. The first secret signs, all of them verify.
#[derive(Clone)]
pub struct Signer(Arc<ArcSwap<SigningKeys>>);

type SigningKeys = Vec<(String, Zeroizing<Vec<u8>>)>;

impl Signer {
    /// From a list of session secrets, newest first.
    pub fn new(secrets: SecretList) -> Self {
        let keys = secrets.into_keys().into_iter();
        Self::over(
            keys.map(|(id, key)| (format!("s{id}"), Zeroizing::new(key.to_vec())))
                .collect(),
        )
    }

    fn over(keys: SigningKeys) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(keys)))
    }

    /// Takes the secrets of another signer in place of its own, in every clone at once.
    pub fn replace(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }

    /// The names of the secrets, newest first; `s0` is `SESSION_SECRET`.
    pub fn names(&self) -> Vec<String> {
        self.0.load().iter().map(|(name, _)| name.clone()).collect()
    }

    /// From one secret used as it is: `SESSION_SECRET`, at least 32 bytes.
    pub fn from_session_secret(secret: &SecretString) -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the configured secret is read here, once"
        )]
        let bytes = secret.expose_secret().as_bytes();
        let distinct = bytes
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        // 32 equal bytes are long and still no secret, nor is a short text over and over.
        (bytes.len() >= 32 && distinct >= 8 && !repeats(bytes))
            .then(|| Self::over(vec![("s0".to_owned(), Zeroizing::new(bytes.to_vec()))]))
    }

    /// Issues a launch token that lives two minutes.
    pub fn issue_launch(&self, claims: &LaunchClaims, now: UnixMillis) -> LaunchToken {
        let payload = payload(
            Kind::Launch,
            claims,
            now.seconds(),
            LAUNCH_LIFE,
            random_jti(),
            None,
        );
        LaunchToken(self.sign(Kind::Launch, &payload))
    }

    /// Verifies a launch token that must still be fresh.
    pub fn verify_launch(
        &self,
        token: &str,
        now: UnixMillis,
    ) -> Result<VerifiedLaunch, TokenError> {
        let launch = self.verify_launch_any_age(token, now)?;
        if launch.expires <= now {
            return Err(TokenError::Expired);
        }
        Ok(launch)
    }

    /// Verifies a launch token without asking whether its time is over: only for a frame that comes again with
    /// the cookie that was made from this token.
    pub fn verify_launch_any_age(
        &self,
        token: &str,
        now: UnixMillis,
    ) -> Result<VerifiedLaunch, TokenError> {
        let (claims, payload) = self.verify(Kind::Launch, token, now)?;
        let expires = UnixMillis::new(payload.exp.saturating_mul(1000));
        Ok(VerifiedLaunch {
            claims,
            jti: payload.jti,
            expires,
        })
    }

    /// Makes a session from a launch. `ttl` is capped at 15 minutes.
    pub fn issue_session(
        &self,
        launch: &VerifiedLaunch,
        now: UnixMillis,
        ttl: Duration,
    ) -> IssuedSession {
        let jti = random_jti();
        let sid = SessionId::of(&jti);
        let ttl = ttl.min(LONGEST_SESSION);
        let payload = payload(
            Kind::Session,
            &launch.claims,
            now.seconds(),
            ttl,
            jti,
            Some(launch.jti.clone()),
        );
        let expires = UnixMillis::new(payload.exp.saturating_mul(1000));
        IssuedSession {
            sid,
            cookie: Zeroizing::new(self.sign(Kind::Session, &payload)),
            expires,
        }
    }

    /// Verifies a session cookie.
    pub fn verify_session(
        &self,
        cookie: &str,
        now: UnixMillis,
    ) -> Result<PortalSession, TokenError> {
        let (claims, payload) = self.verify(Kind::Session, cookie, now)?;
        let expires = UnixMillis::new(payload.exp.saturating_mul(1000));
        if expires <= now {
            return Err(TokenError::Expired);
        }
        let sid = payload
            .jti
            .get(..SessionId::LENGTH)
            .and_then(SessionId::parse)
            .ok_or(TokenError::Invalid)?;
        let launch_jti = payload.ljt.ok_or(TokenError::Invalid)?;
        let log_name = self.log_name(&sid);
        Ok(PortalSession {
            sid,
            claims,
            launch_jti,
            expires,
            log_name,
        })
    }

    fn log_name(&self, sid: &SessionId) -> String {
        let keys = self.0.load();
        let Some((_, key)) = keys.first() else {
            return String::new();
        };
        let mac = mac(
            key,
            &[b"session-log-name\0".as_slice(), sid.as_str().as_bytes()].concat(),
        );
        BASE64
            .encode(mac.finalize().into_bytes())
            .chars()
            .take(16)
            .collect()
    }

    fn sign(&self, kind: Kind, payload: &Payload) -> String {
        // Plain structs of text and numbers always serialize; the constructors guarantee a first key.
        let json = serde_json::to_vec(payload).unwrap_or_default();
        let keys = self.0.load();
        let Some((key_id, key)) = keys.first() else {
            return String::new();
        };
        let signed = format!("{}.{key_id}.{}", kind.prefix(), BASE64.encode(json));
        let tag = BASE64.encode(mac(key, signed.as_bytes()).finalize().into_bytes());
        format!("{signed}.{tag}")
    }

    fn verify(
        &self,
        kind: Kind,
        token: &str,
        now: UnixMillis,
    ) -> Result<(LaunchClaims, Payload), TokenError> {
        let payload = self
            .verified_payload(kind, token)
            .ok_or(TokenError::Invalid)?;
        let life = payload
            .exp
            .checked_sub(payload.iat)
            .ok_or(TokenError::Invalid)?;
        let longest = i64::try_from(kind.longest().as_secs()).unwrap_or(i64::MAX);
        let sound = payload.typ == kind.name()
            && payload.iss == "airlock"
            && payload.iat <= now.seconds().saturating_add(SKEW_SECONDS)
            && (1..=longest).contains(&life);
        if !sound {
            return Err(TokenError::Invalid);
        }
        let claims = LaunchClaims {
            app: AppId::parse(&payload.app).map_err(|_| TokenError::Invalid)?,
            install: InstallId::parse(&payload.iid).map_err(|_| TokenError::Invalid)?,
            instance: InstanceId::parse(&payload.ins).map_err(|_| TokenError::Invalid)?,
            user: payload
                .sub
                .as_ref()
                .map(UserId::parse)
                .transpose()
                .map_err(|_| TokenError::Invalid)?,
            generation: payload.r#gen,
        };
        Ok((claims, payload))
    }

    fn verified_payload(&self, kind: Kind, token: &str) -> Option<Payload> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (signed, tag) = token.rsplit_once('.')?;
        let (key_id, payload) = signed
            .strip_prefix(kind.prefix())?
            .strip_prefix('.')?
            .split_once('.')?;
        let keys = self.0.load();
        let (_, key) = keys.iter().find(|(known, _)| known == key_id)?;
        let tag = BASE64.decode(tag).ok()?;
        mac(key, signed.as_bytes()).verify_slice(&tag).ok()?;
        serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} secrets, [redacted])", self.0.load().len())
    }
}

fn mac(key: &[u8], bytes: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(bytes);
    mac
}

fn random_jti() -> String {
    BASE64.encode(random_bytes::<16>())
}

fn payload(
    kind: Kind,
    claims: &LaunchClaims,
    now: i64,
    life: Duration,
    jti: String,
    ljt: Option<String>,
) -> Payload {
    Payload {
        typ: kind.name().to_owned(),
        iss: "airlock".to_owned(),
        app: claims.app.to_string(),
        iid: claims.install.to_string(),
        ins: claims.instance.to_string(),
        sub: claims.user.as_ref().map(ToString::to_string),
        r#gen: claims.generation,
        iat: now,
        exp: now.saturating_add(i64::try_from(life.as_secs()).unwrap_or(i64::MAX)),
        jti,
        ljt,
    }
}

#[cfg(test)]
mod tests;
