"""Extract: the accounts of a ledger, and the rows of one account's statement.

Everything is imported here at the top: componentize-py runs the imports once, when it makes the component.
"""

from wit_world import exports
from wit_world.imports import context, http_types, log

import records
import statement
from answer import Problem, answered, problem_of, read_object

SCOPES = ["data:read"]
MAX_NOTE = 500


def me(_request):
    """Whom this call serves, for the page and for tests."""
    install = context.current()
    return {
        "install": install.installed_app_id,
        "instance": install.instance_id,
        "scopes": {scope: context.granted(scope) for scope in SCOPES},
    }


def accounts(request):
    return statement.accounts(page_of(request))


def rows(_request, account):
    return statement.rows(account)


def read_note(_request, account):
    note = records.find(f"note/{account}")
    if note is None:
        raise Problem(404, "not-found", "There is no note on this account.")
    return note


def write_note(request, account):
    """A note on an account, which must be there: the ledger is asked before anything is kept."""
    text = read_object(request.body).get("text")
    if not isinstance(text, str) or not 1 <= len(text.strip()) <= MAX_NOTE:
        raise Problem(422, "invalid", f"A note has 1 to {MAX_NOTE} characters.", field="text")
    statement.account(account)
    note = {"account": account, "text": text.strip(), "at": context.now()}
    records.put(f"note/{account}", note)
    log.write(log.Level.INFO, "Kept a note", [("account", account)])
    return note


def notes(_request):
    return {"items": records.all_of("note/")}


# By path, each method with its handler; None stands for one segment, which is handed on.
ROUTES = [
    (["me"], {"GET": me}),
    (["accounts"], {"GET": accounts}),
    (["accounts", None, "statement"], {"GET": rows}),
    (["accounts", None, "note"], {"GET": read_note, "PUT": write_note}),
    (["notes"], {"GET": notes}),
]


def page_of(request):
    text = dict(request.query).get("page", "1")
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
        raise Problem(422, "invalid", "The page is a number from 1.", field="page")
    return int(text)


def route(request):
    for path, methods in ROUTES:
        if len(path) != len(request.path):
            continue
        if all(part in (None, asked) for part, asked in zip(path, request.path)):
            break
    else:
        raise Problem(404, "not-found", "There is nothing at this address.")
    if request.method not in methods:
        raise Problem(405, "method-not-allowed", f"This address takes {', '.join(methods)}.")
    segments = [asked for part, asked in zip(path, request.path) if part is None]
    return methods[request.method](request, *segments)


class Portal(exports.Portal):
    """What the host calls: one request of the page."""

    def handle(self, session, request: http_types.Request) -> http_types.Response:
        try:
            return answered(200, "application/json", route(request))
        except Exception as error:  # Whatever it is, the page gets an answer.
            return problem_of(error)
