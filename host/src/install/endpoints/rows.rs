//! What a stored address is: its kind, and where its secret is sealed to.

use super::{EndpointKind, KINDS};
use crate::model::Slug;
use crate::store::endpoints::EndpointRow;

/// Where a secret is sealed to.
pub(super) fn place(kind: EndpointKind, slug: &Slug, revision: i64) -> [String; 5] {
    let revision = revision.to_string();
    [
        "endpoints",
        "secret",
        slug.as_str(),
        kind.as_str(),
        &revision,
    ]
    .map(ToOwned::to_owned)
}

/// Where the secret of a stored row is sealed to.
pub(in crate::install) fn place_of(row: &EndpointRow) -> [String; 5] {
    let revision = row.revision.to_string();
    [
        "endpoints",
        "secret",
        row.slug.as_str(),
        &row.kind,
        &revision,
    ]
    .map(ToOwned::to_owned)
}

/// None for a kind of address that this version does not know.
pub(super) fn kind_of(row: &EndpointRow) -> Option<EndpointKind> {
    KINDS.into_iter().find(|kind| kind.as_str() == row.kind)
}
