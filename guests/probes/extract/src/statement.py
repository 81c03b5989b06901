"""Accounts, and the rows of a statement, out of what the ledger lists."""

import json

from wit_world.imports import cloud_types, data

# Rows on a page of what Cloud lists.
PAGE = 100


def accounts(number):
    found = json.loads(data.list("balances", [], cloud_types.Page(number, 20)))
    return {"total": found["total"], "items": [account_row(one) for one in found["data"]]}


def account(account_id):
    return json.loads(data.get("balances", account_id))


def account_row(one):
    return {"id": one["balance_id"], "currency": one["currency"], "balance": one.get("balance", 0)}


def rows(account_id):
    """Money in and out in the order in which it was posted, each row with the sum so far. Python's numbers are exact."""
    shown = account(account_id)
    moves = [(one, -1) for one in applied("source_eq", shown)]
    moves += [(one, 1) for one in applied("destination_eq", shown)]
    moves.sort(key=lambda move: (move[0]["created_at"], move[0]["transaction_id"]))
    items, total = [], 0
    for one, sign in moves:
        amount = sign * int(one["precise_amount"])
        total += amount
        items.append(
            {
                "id": one["transaction_id"],
                "at": one["created_at"],
                "reference": one["reference"],
                "amount": amount,
                "sum": total,
            }
        )
    return {"account": account_row(shown), "items": items}


def applied(side, shown):
    """Every applied transaction with the account on that side. Those of the ledger's own accounts name an indicator, such as
    `@World`, of which there is one for each currency."""
    name = shown.get("indicator") or shown["balance_id"]
    filters = [(side, name), ("currency_eq", shown["currency"]), ("status_eq", "APPLIED")]
    found, number = [], 0
    while True:
        number += 1
        page = json.loads(data.list("transactions", filters, cloud_types.Page(number, PAGE)))
        found += page["data"]
        if not page["data"] or len(found) >= page["total"]:
            return found
