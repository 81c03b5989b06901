-- The same tables as in the SQLite folder, in the types of PostgreSQL: text is compared bytewise, numbers are 64 bits wide.
-- Times are milliseconds since the Unix epoch. An applied migration is never edited: add the next one.

-- One row for each attempt to install: an attempt that is not proven yet lives beside the accepted one.
create table installs (
    installed_app_id text collate "C" not null,
    attempt          bigint not null check (attempt > 0),
    app_slug         text collate "C" not null,
    app_id           text collate "C" not null,
    instance_id      text collate "C" not null,
    organization_id  text collate "C",
    status           text collate "C" not null check (status in
        ('pending', 'active', 'superseded', 'uninstalled', 'revoked', 'key_unreadable')),
    -- AES-256-GCM, bound to this row and its scopes. Ended installs have none.
    api_key_ct       bytea,
    api_key_prefix   text collate "C" not null,
    -- HMAC of the key: tells two attempts with the same key, opens nothing.
    key_fp           bytea not null,
    -- The granted scopes as the event gave them, sorted and joined by commas.
    granted          text collate "C" not null,
    -- Rises when sessions must end; tokens carry it.
    session_gen      bigint not null,
    -- Rises with each transition, which compares it.
    row_version      bigint not null default 1,
    -- How the key was proven: `answered` (2xx) or `forbidden` (403: live, but without data:read).
    proof            text collate "C" check (proof in ('answered', 'forbidden')),
    -- How often Cloud refused the key of this attempt (401 or 403).
    refusals         bigint not null default 0,
    created_at       bigint not null,
    verified_at      bigint,
    uninstalled_at   bigint,
    updated_at       bigint not null,
    primary key (installed_app_id, attempt),
    check (status in ('pending', 'active', 'revoked', 'key_unreadable') or api_key_ct is null)
);

-- An app has one accepted install in an instance. A pending row never displaces it.
create unique index installs_one_active on installs (app_id, instance_id) where status = 'active';
create index installs_by_place on installs (app_slug, instance_id, status);

-- Every event that was answered with 2xx, with a fingerprint of its body. A known event is answered again as it was.
create table webhook_events (
    app_slug         text collate "C" not null,
    idempotency_key  text collate "C" not null,
    attempt          bigint not null check (attempt > 0),
    event_type       text collate "C" not null check (event_type in ('install', 'uninstall')),
    installed_app_id text collate "C" not null,
    payload_fp       bytea not null,
    received_at      bigint not null,
    primary key (app_slug, idempotency_key, attempt)
);

-- Launch tokens that have been used; kept until their time is over.
create table launch_used (
    jti text collate "C" not null primary key,
    exp bigint not null
);
create index launch_used_by_exp on launch_used (exp);

-- Work behind an answered event. It carries no secret.
create table outbox (
    id               bigint generated always as identity primary key,
    installed_app_id text collate "C" not null,
    attempt          bigint not null,
    kind             text collate "C" not null check (kind in ('prove', 'installed', 'uninstalled')),
    -- Random: names the delivery to the guest and the references of what it posts, through all tries.
    run_id           text collate "C" not null,
    state            text collate "C" not null check (state in ('waiting', 'done', 'parked')),
    tries            bigint not null default 0,
    next_at          bigint not null,
    created_at       bigint not null,
    -- The last reason for another try, for the operator.
    reason           text collate "C",
    unique (installed_app_id, kind, attempt)
);
create index outbox_due on outbox (state, next_at);

-- The data key of each install's records, wrapped by a master key. Erasing it erases the records.
create table store_keys (
    installed_app_id text collate "C" not null primary key,
    data_key_ct      bytea not null,
    -- Running totals for the quota: counting them anew would read every value.
    records          bigint not null default 0,
    bytes            bigint not null default 0,
    created_at       bigint not null
);

-- A guest's records: sealed under the install's data key. Keys are in plain, so they must hold no personal data.
create table guest_store (
    installed_app_id text collate "C" not null references store_keys (installed_app_id) on delete cascade,
    key              text collate "C" not null,
    value_ct         bytea not null,
    -- Bytes of the key and the plain value, for the quota.
    size             bigint not null,
    version          bigint not null,
    updated_at       bigint not null,
    primary key (installed_app_id, key)
);

-- The secret parts of each app's two addresses, sealed.
create table endpoints (
    app_slug   text collate "C" not null,
    kind       text collate "C" not null check (kind in ('callback', 'portal')),
    -- Newest first by number; an older one stays valid until it is retired.
    revision   bigint not null,
    secret_ct  bytea not null,
    created_at bigint not null,
    primary key (app_slug, kind, revision)
);

-- Which `app_id` of Cloud belongs to which app, once an install has proven it.
create table app_pins (
    app_slug  text collate "C" not null primary key,
    app_id    text collate "C" not null unique,
    pinned_at bigint not null
);

-- One sealed, known text: tells a wrong master key at start, before anything is stored under it.
create table key_check (
    id       bigint not null primary key check (id = 1),
    check_ct bytea not null
);

-- How many values each master key has sealed. Counted from the version on that rotates keys.
create table key_usage (
    kid       bigint not null primary key,
    enc_count bigint not null
);

-- What happened to installs and addresses, for the operator. Rows are only added.
create table audit (
    id               bigint generated always as identity primary key,
    at               bigint not null,
    event            text collate "C" not null,
    app_slug         text collate "C",
    installed_app_id text collate "C",
    detail           text collate "C" not null default ''
);
