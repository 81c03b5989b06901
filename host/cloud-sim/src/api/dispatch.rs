//! From a route to its handler.

use axum::body::Bytes;

use super::answer::Answer;
use super::call::Call;
use super::route::Route;
use super::{alerts, data, identities, proxy, tokens, transactions};
use crate::auth::Caller;
use crate::ids::{self, Ids};
use crate::query::Query;
use crate::state::State;
use crate::switches::Switches;

/// Handles an authorized call.
pub(super) fn handle(
    state: &mut State,
    caller: &Caller,
    route: &Route,
    query: &Query,
    body: &Bytes,
    switches: &Switches,
) -> Result<Answer, Answer> {
    let now = ids::now();
    let instance_id = &caller.key.instance_id;
    match route {
        Route::ListAlerts => return Ok(alerts::list(state, switches)),
        Route::ReadAlert(id) => return alerts::read(state, id),
        Route::RaiseAlert(id) => return alerts::raise(state, instance_id, now, id, body),
        Route::UpdateAlert(id) => return alerts::update(state, now, id, body),
        Route::ListStatuses => return Ok(alerts::list_statuses(state)),
        Route::CreateStatus => return alerts::create_status(state, now, body),
        Route::UpdateStatus(key) => return alerts::update_status(state, now, key, body),
        Route::DeleteStatus(key) => return alerts::delete_status(state, key),
        _ => {}
    }
    let ledger = state.ledger_mut(instance_id);
    let ledger = ledger.ok_or_else(|| Answer::cloud_error(404, "Instance not found"))?;
    handle_ledger(
        &mut Call {
            ledger,
            ids: Ids::Random,
            now,
            query,
            body,
            switches,
        },
        route,
    )
}

fn handle_ledger(call: &mut Call<'_>, route: &Route) -> Result<Answer, Answer> {
    match route {
        Route::DataList(listing) => data::list(call, *listing),
        Route::DataDetail(kind, id) => data::detail(call, *kind, id),
        Route::Filter(listing) => data::filter(call, *listing),
        Route::CoreList(kind) => Ok(proxy::list(call, *kind)),
        Route::CoreRead(kind, id) => proxy::read(call, *kind, id),
        Route::CreateLedger => proxy::create_ledger(call),
        Route::CreateBalance => proxy::create_balance(call),
        Route::LinkBalance(id) => proxy::link_balance(call, id),
        Route::BalanceAt(id) => proxy::balance_at(call, id),
        Route::BalanceLineage(id) => proxy::balance_lineage(call, id),
        Route::TransactionLineage(id) => proxy::transaction_lineage(call, id),
        Route::Metadata(id) => proxy::metadata(call, id),
        Route::CreateTransaction => transactions::create(call),
        Route::CreateBulk => transactions::create_bulk(call),
        Route::SettleTransaction(id) => transactions::settle(call, id),
        Route::RefundTransaction(id) => transactions::refund(call, id),
        Route::CreateIdentity => identities::create(call),
        Route::UpdateIdentity(id) => identities::update(call, id),
        Route::TokenizedFields(id) => tokens::tokenized_fields(call, id),
        Route::TokenizeField(id, field) => tokens::tokenize_one(call, id, field),
        Route::Tokenize(id) => tokens::tokenize_many(call, id),
        Route::DetokenizeField(id, field) => tokens::detokenize_one(call, id, field),
        Route::Detokenize(id) => tokens::detokenize_many(call, id),
        _ => Err(Answer::cloud_error(404, "Not found")),
    }
}
