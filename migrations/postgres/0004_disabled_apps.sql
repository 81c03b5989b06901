-- The apps that the operator switched off by a command. What the configuration switches off does not stand here.
create table disabled_apps (
    app_slug text collate "C" not null primary key,
    since    bigint not null
);

-- Other hosts hear of it as they hear of addresses.
insert into changes (topic, number) values ('apps', 0);

create function airlock_note_apps() returns trigger language plpgsql as $$
begin
    update changes set number = number + 1 where topic = 'apps';
    perform pg_notify('airlock', 'apps');
    return null;
end
$$;

create trigger disabled_apps_note after insert or update or delete on disabled_apps for each statement
    execute function airlock_note_apps();
