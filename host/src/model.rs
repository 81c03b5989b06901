//! The words of the host: identities, scopes, grants, time, and what is kept by install.
//!
//! The lowest floor. No input or output but the system clock, no async code, no wire formats.

pub mod id;
mod nearest;
pub mod per_install;
pub mod scope;
pub mod time;

pub use id::{
    AppId, EventKey, InstallId, InstanceId, InvalidId, OrganizationId, ResourceId, Slug, UserId,
};
pub use nearest::nearest;
pub use per_install::PerInstall;
pub use scope::{Denied, GrantedScopes, Grants, InvalidScopes, Permission};
pub use time::{Clock, ManualClock, SystemClock, UnixMillis};
