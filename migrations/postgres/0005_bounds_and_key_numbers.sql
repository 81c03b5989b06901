-- An index of many events takes longer than a statement may.
set local statement_timeout = 0;

-- Of each install only its newest events are remembered: they are looked for by its id.
create index webhook_events_by_install on webhook_events (app_slug, installed_app_id, received_at);

-- And old ones by their time.
create index webhook_events_by_time on webhook_events (event_type, received_at);

-- Which key each number of a master key stands for, by a mark that only this key makes: two keys of one number would each
-- seal what the other can't open. Taken for good by the key that seals.
create table key_numbers (
    kid  bigint not null primary key,
    mark bytea  not null
);
