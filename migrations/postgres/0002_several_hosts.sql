-- Work is leased while it is done, so that several hosts on one database never do it twice at once. A lease that is not
-- renewed ends by itself: its host is gone.
alter table outbox add column lease_by text collate "C";
alter table outbox add column lease_until bigint;

-- What follows is of PostgreSQL alone: a file of SQLite has one host, which knows its own changes.
-- Counts the changes that other hosts must hear of. Writers wait for each other, so the numbers rise in the order of
-- the commits.
create table changes (
    topic  text collate "C" not null primary key,
    number bigint not null
);
insert into changes (topic, number) values ('installs', 0), ('endpoints', 0);

-- The number of the last change that touched what hosts keep in memory: an install that became active, was active, or
-- is active and changed.
alter table installs add column change bigint not null default 0;
create index installs_by_change on installs (change);

create function airlock_note_install() returns trigger language plpgsql as $$
begin
    update changes set number = number + 1 where topic = 'installs' returning number into new.change;
    perform pg_notify('airlock', 'installs');
    return new;
end
$$;

create trigger installs_note before update on installs for each row
    when (old.status = 'active' or new.status = 'active')
    execute function airlock_note_install();

create function airlock_note_endpoints() returns trigger language plpgsql as $$
begin
    update changes set number = number + 1 where topic = 'endpoints';
    perform pg_notify('airlock', 'endpoints');
    return null;
end
$$;

create trigger endpoints_note after insert or update or delete on endpoints for each statement
    execute function airlock_note_endpoints();
