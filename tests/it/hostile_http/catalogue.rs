//! The fifty cases, each with the tests that show it. A test checks that every one of them is there.

use crate::support::catalogue::assert_shown;

/// What a request does, and below it where it is shown: a file of the project, and a test in it. No address of the
/// program panics, so the route that does (I48) exists in its test alone.
const CATALOGUE: &str = "\
I01 a wrong or no secret
    tests/it/events.rs: i01_a_wrong_secret_is_an_unknown_path
    tests/it/hostile_http/flood.rs: w6_i01_a_flood_of_wrong_secrets_costs_no_statement
I02 a look at the right address
    tests/it/events.rs: i02_a_look_at_the_two_addresses_does_nothing
I03 another content type
    tests/it/events.rs: i03_i07_an_event_is_json_as_it_is
I04 broken, deep or ambiguous JSON
    tests/it/event_fields.rs: i04_a_malformed_body_is_400
    host/src/install/event.rs: i04_broken_json_is_malformed
I05 a body over 64 KiB
    tests/it/events.rs: i05_a_body_over_64_kib_is_413_with_length_or_chunked
I06 CL and TE, two CL, obs-fold
    tests/it/hostile_http/framing.rs: i06_a_request_whose_end_is_a_matter_of_opinion_is_400_and_the_connection_ends
    host/src/listener/head.rs: i06_what_leaves_the_end_of_a_request_open_is_malformed
I07 a gzip body
    tests/it/events.rs: i03_i07_an_event_is_json_as_it_is
I08 a trickle of headers
    tests/it/hostile_http/slow.rs: i08_a_trickle_of_headers_is_closed_at_5_s
I09 a connection that sends nothing
    tests/it/hostile_http/slow.rs: i09_a_connection_that_sends_nothing_is_closed_at_5_s
I10 a trickle of body
    tests/it/hostile_http/slow.rs: i10_a_trickle_of_body_is_408_when_its_time_is_over
I11 a reader that never reads
    tests/it/hostile_http/slow.rs: i11_a_reader_that_never_reads_is_closed_after_10_s
I12 more connections than there is room for
    tests/it/hostile_http/crowd.rs: i12_1024_connections_in_all_and_64_of_one_address
    host/src/listener/seats.rs: i12_an_address_has_so_many_and_all_together_so_many
I13 HTTP/2 in any form
    tests/it/hostile_http/framing.rs: i13_http_2_is_not_spoken_and_what_is_no_http_gets_no_further
I14 a forged install
    tests/it/lifecycle.rs: i14_a_forged_install_is_stored_and_never_active_without_a_live_key
I15 a forged install over an active one
    tests/it/lifecycle.rs: i15_i17_a_forged_install_over_an_active_one_changes_nothing
    tests/it/takeover.rs: i15_a_known_install_can_not_be_told_again_in_another_instance
I16 one event 100 times at once
    tests/it/lifecycle.rs: i16_an_event_that_comes_100_times_at_once_has_one_effect
I17 one event key with another body
    tests/it/lifecycle.rs: i15_i17_a_forged_install_over_an_active_one_changes_nothing
I18 an event key that fits nothing
    tests/it/event_fields.rs: i18_i26_i27_i28_a_wrong_field_is_422_and_is_named
    host/src/install/event.rs: i18_the_key_must_fit_the_kind_and_the_install
I19 the uninstall of an unknown install
    tests/it/lifecycle.rs: i19_i20_an_uninstall_is_taken_whether_or_not_there_is_an_install
I20 an uninstall twice
    tests/it/lifecycle.rs: i19_i20_an_uninstall_is_taken_whether_or_not_there_is_an_install
I21 a late duplicate of an install
    tests/it/lifecycle.rs: i21_a_late_duplicate_of_the_install_does_not_bring_it_back
I22 an install after its uninstall
    tests/it/lifecycle.rs: i22_an_install_after_its_uninstall_is_active_only_with_a_live_key
I23 a new install beside an active one
    tests/it/lifecycle.rs: i23_a_reinstall_supersedes_once_the_old_key_is_dead
I24 a fresh key after a cancelled install
    tests/it/hostile_http/events.rs: i24_a_fresh_key_after_a_cancelled_install_is_a_second_attempt_that_proves_itself
I25 an install and its uninstall at once
    tests/it/lifecycle.rs: i25_an_install_and_its_uninstall_at_once_end_uninstalled_or_wait_for_proof
I26 odd scopes
    tests/it/event_fields.rs: i26_i29_scopes_are_a_sorted_set_and_unknown_fields_are_taken
    tests/it/event_fields.rs: i18_i26_i27_i28_a_wrong_field_is_422_and_is_named
I27 odd keys
    tests/it/event_fields.rs: i18_i26_i27_i28_a_wrong_field_is_422_and_is_named
    host/src/secret/api_key.rs: i27_empty_long_and_unprintable_keys_are_refused
I28 odd ids
    tests/it/event_fields.rs: i18_i26_i27_i28_a_wrong_field_is_422_and_is_named
I29 more or fewer fields than known
    tests/it/event_fields.rs: i26_i29_scopes_are_a_sorted_set_and_unknown_fields_are_taken
    tests/it/launch.rs: i29_a_launch_with_and_without_organization_and_user_is_taken
I30 a launch of what may not be launched
    tests/it/launch.rs: i30_every_launch_that_is_refused_is_the_one_404
I31 a forged launch
    tests/it/hostile_http/events.rs: i31_a_forged_launch_is_the_one_404_and_makes_no_token
I32 a flood of launches
    tests/it/hostile_http/flood.rs: i32_a_flood_of_launches_is_429_and_minting_writes_nothing
I33 an event while Cloud hangs
    tests/it/proof.rs: i33_events_are_answered_while_cloud_is_down_and_settled_when_it_is_back
    tests/it/launch.rs: i33_a_launch_while_cloud_is_down_asks_to_come_again
I34 an event while the database is locked
    tests/it/hostile_http/events.rs: i34_a_database_locked_for_6_s_is_503_in_time_and_the_event_can_come_again
I35 a client that leaves before the answer
    tests/it/hostile_http/events.rs: i35_a_client_that_leaves_before_the_answer_leaves_all_or_nothing
I36 a kill between commit and answer
    tests/it/hostile_http/events.rs: i36_an_event_whose_answer_a_kill_took_is_answered_when_it_comes_again
I37 a token that is old, edited or another's
    tests/it/exchange.rs: t1_an_expired_token_is_410_and_an_edited_one_401
    host/src/secret/token/tests.rs: i37_signed_tokens_with_a_long_life_or_from_the_future_are_refused
I38 a launch address fetched, previewed, twice
    tests/it/session.rs: i38_looking_at_a_launch_address_uses_nothing_up
    tests/it/exchange.rs: t2_of_64_exchanges_of_one_token_at_once_exactly_one_succeeds
I39 a session of another app, install or tab
    tests/it/session.rs: i39_a_session_opens_nothing_but_its_own_address
I40 a cross-site request with the cookie
    tests/it/cross_site.rs: i40_only_the_hosts_own_pages_reach_a_portals_api
    tests/it/cross_site.rs: i40_a_launch_token_is_exchanged_by_the_hosts_own_page_alone
I41 framing by others, also nested
    tests/browser/cookies.test.mjs: no stranger can frame the portal, not even around a page that may
I42 a forged Host or X-Forwarded-Host
    tests/it/cross_site.rs: i42_a_request_for_another_name_is_421_on_every_address
I43 a forged X-Forwarded-For
    tests/it/hostile_http/clients.rs: i43_a_forwarded_address_is_believed_of_a_trusted_proxy_alone
    host/src/web/client.rs: i43_forwarded_addresses_are_believed_of_trusted_proxies_alone_and_from_the_right
I44 dots, disguised slashes, 64 KiB of address
    tests/it/hostile_http/framing.rs: i44_an_address_of_64_kib_is_414_and_odd_targets_find_nothing
    tests/it/cross_site.rs: i44_addresses_under_api_have_one_spelling
I45 1,000 headers
    tests/it/hostile_http/framing.rs: i45_a_thousand_headers_or_32_kib_of_them_are_431
I46 a service worker's script
    tests/it/cross_site.rs: i46_a_service_worker_script_is_never_served
I47 the operator's addresses on the public listener
    tests/it/cli_serve.rs: i47_the_operators_listener_wants_its_token_and_a_local_name
I48 a panic
    host/src/web/tests.rs: i48_a_panic_is_a_500_with_a_request_id_only
I49 a clock that jumps
    tests/it/hostile_http/clocks.rs: i49_a_clock_that_jumps_opens_nothing_longer_than_it_was_signed_for
I50 upgrades, expectations, trailers
    tests/it/hostile_http/framing.rs: i50_upgrades_tunnels_expectations_and_trailers_are_refused
";

#[test]
fn every_case_of_the_catalogue_is_shown_by_a_test_that_exists() {
    assert_shown('I', 50, CATALOGUE);
}
