//! The 55 cases, each with the tests that show it. A test checks that every one of them is there.

use crate::support::catalogue::assert_shown;

/// What a guest does, and below it where it is shown: a file of the project, and a test in it. Where a guest of
/// `guests/probes/hostile` does it on the real program, that is one of the `s1_…` tests, which take every guest in turn.
/// What a guest sends to connected services (H37) comes with connections: only the filter that will stand before it is
/// there, and tested.
const CATALOGUE: &str = "\
H01 a loop
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/tests.rs: h01_a_loop_ends_with_its_cpu_time_and_the_next_call_is_served
H02 a loop in a start function
    tests/it/hostile_guests/refused.rs: s1_what_can_not_be_served_is_refused_with_a_reason_and_a_healthy_app_answers
    host/src/runtime/tests.rs: h02_a_start_function_that_loops_is_refused_when_it_is_loaded
H03 endless recursion
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H04 calls of the host where none may be
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H05 memory up to 4 GiB
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/tests.rs: h05_memory_ends_at_the_ceiling_and_growing_further_is_refused_as_the_language_expects
H06 many memories, each within the cap
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/limits.rs: h06_the_memories_of_a_store_are_summed
H07 tables without an end
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/limits.rs: h07_the_tables_of_a_store_are_summed
H08 a huge memory or table from the start
    tests/it/hostile_guests/refused.rs: s1_what_can_not_be_served_is_refused_with_a_reason_and_a_healthy_app_answers
    host/src/runtime/plugin/tests.rs: h08_a_memory_over_the_apps_own_ceiling_is_refused
H09 floods of types, segments, imports and exports
    host/src/runtime/load/scan/tests.rs: h09_a_flood_of_types_is_refused
    host/src/runtime/load/scan/tests.rs: h09_a_flood_of_imports_and_exports_is_refused
    host/src/runtime/load/scan/tests.rs: h09_a_flood_of_functions_segments_and_globals_is_refused
H10 a compile bomb
    tests/it/compile.rs: h10_a_compile_bomb_ends_by_the_childs_limits_and_the_host_serves_the_others
    host/src/runtime/load/scan/tests.rs: h10_a_giant_function_and_a_flood_of_locals_are_refused
H11 a component over 64 MiB
    tests/it/hostile_guests/refused.rs: s1_what_can_not_be_served_is_refused_with_a_reason_and_a_healthy_app_answers
    host/src/runtime/package/tests.rs: h11_sizes_are_checked_before_reading
H12 what is no component
    tests/it/hostile_guests/refused.rs: s1_what_can_not_be_served_is_refused_with_a_reason_and_a_healthy_app_answers
    host/src/runtime/plugin/tests.rs: h12_what_is_no_component_is_named_with_what_helps
H13 imports that the host does not give
    tests/it/hostile_guests/refused.rs: s1_what_can_not_be_served_is_refused_with_a_reason_and_a_healthy_app_answers
    host/src/runtime/plugin/contract.rs: h13_every_import_that_is_not_given_is_named_with_a_recipe
H14 another contract
    tests/it/hostile_guests/refused.rs: s1_what_can_not_be_served_is_refused_with_a_reason_and_a_healthy_app_answers
    host/src/runtime/plugin/tests.rs: h14_exports_and_versions_are_checked
H15 crashes
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    tests/it/quarantine.rs: h15_what_keeps_failing_is_shut_for_those_who_meet_it_and_opens_by_one_call
    host/src/runtime/quarantine/tests.rs: h15_five_failures_in_a_minute_shut_an_install_out_for_thirty_seconds_and_nobody_else
H16 100 MB of last words
    tests/it/hostile_guests/calls.rs: h16_a_panic_with_a_message_of_8_mib_ends_the_call_and_its_words_are_cut
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H17 text that is no UTF-8, or no UTF-16
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H18 pointers and cases that do not exist
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H19 huge lists
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/tests/left_behind.rs: s4_a_thousand_calls_of_a_hostile_guest_leave_the_host_no_larger
H20 overlapping texts
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/tests/left_behind.rs: s4_a_thousand_calls_of_a_hostile_guest_leave_the_host_no_larger
H21 deeply nested JSON
    tests/it/hostile_guests/calls.rs: s1_calls_that_must_not_be_are_typed_refusals_and_cloud_hears_nothing_of_them
H22 ten million calls of the host
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/host/tests.rs: h22_the_ten_thousand_and_first_call_traps_and_while_loading_the_first
H23 a thousand Cloud calls
    tests/it/hostile_guests/calls.rs: h23_of_a_thousand_cloud_calls_cloud_sees_32
H24 a GiB of log
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/guest_log.rs: h24_a_call_has_a_share_of_the_log_and_one_line_says_that_it_is_used_up
    host/src/runtime/guest_log/share.rs: h24_an_app_writes_so_many_bytes_a_second_and_is_told_once_a_second_that_more_was_dropped
H25 a line that would be several
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/guest_log.rs: h25_a_line_can_not_forge_another_or_steer_a_terminal
H26 endless sleep
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    tests/it/hostile_guests/crowd.rs: s3_h26_a_thousand_sleepers_hold_no_thread
H27 waiting for none and for a million
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H28 handles without an end
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H29 forged handles
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H30 a borrow that is kept
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H31 2^40 random bytes
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/host/tests.rs: h31_random_bytes_are_bounded
H32 too many and broken headers
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/guest/answer.rs: h32_broken_headers_are_refused_even_where_they_would_be_dropped
H33 tricks with paths
    tests/it/hostile_guests/calls.rs: s1_calls_that_must_not_be_are_typed_refusals_and_cloud_hears_nothing_of_them
    host/src/runtime/host/tests/matrix.rs: h33_paths_that_are_no_documented_route_send_nothing
H34 an instance of its own choice
    tests/it/hostile_guests/calls.rs: s1_calls_that_must_not_be_are_typed_refusals_and_cloud_hears_nothing_of_them
    host/src/runtime/host/tests/matrix.rs: h34_an_instance_that_the_guest_names_sends_nothing
H35 writes with the right to read
    tests/it/hostile_guests/calls.rs: s1_calls_that_must_not_be_are_typed_refusals_and_cloud_hears_nothing_of_them
    host/src/runtime/host/tests/matrix.rs: h35_while_a_read_is_served_only_reads_are_sent
H36 headers of the host's own
    tests/it/hostile_guests/calls.rs: s1_calls_that_must_not_be_are_typed_refusals_and_cloud_hears_nothing_of_them
H37 addresses inside the host's network
    host/src/cloud/outside/tests.rs: h37_a_name_that_is_rebound_is_looked_at_again_and_mixed_answers_lose_their_inner_part
    host/src/cloud/outside/tests.rs: h37_the_systems_own_name_for_this_machine_is_refused
H38 a hunt for the key
    tests/it/hostile_guests/calls.rs: s1_calls_that_must_not_be_are_typed_refusals_and_cloud_hears_nothing_of_them
    tests/it/canary.rs: the_api_key_is_nowhere_and_other_secrets_are_not_in_the_log
    host/src/cloud/transport/tests.rs: h38_an_answer_with_the_key_in_it_is_withheld
    host/src/runtime/tests/calls.rs: h38_an_answer_that_holds_the_installs_key_is_withheld
H39 a canary left for the next tenant
    tests/it/hostile_guests/tenants.rs: s5_h39_two_tenants_in_turns_see_nothing_of_each_other
    host/src/runtime/tests/left_behind.rs: s5_h39_tenants_in_turns_see_nothing_of_each_other_with_pooled_instances
    host/src/runtime/tests/left_behind.rs: s5_h39_tenants_in_turns_see_nothing_of_each_other_with_instances_on_demand
H40 odd keys and huge values in the store
    tests/it/hostile_guests/calls.rs: s1_calls_that_must_not_be_are_typed_refusals_and_cloud_hears_nothing_of_them
    host/src/install/tests/quota.rs: h40_an_install_has_ten_thousand_keys_and_64_mib
H41 answers that would set what is the host's
    tests/it/hostile_guests/calls.rs: h41_an_answer_sets_no_header_of_the_hosts
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/guest/answer.rs: h41_headers_outside_the_list_are_dropped
H42 scripts injected into the page
    tests/browser/hostile-inject.test.mjs: h42 a script that is injected into a portal's page does not run
H43 a clock to measure others by
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
    host/src/runtime/host/tests.rs: the_clocks_of_a_guest_are_coarse
H44 files that change while they are read
    host/src/runtime/package/tests.rs: h44_links_and_pipes_are_refused_wherever_they_stand
    host/src/runtime/load/watch/tests.rs: h44_a_bad_file_never_replaces_a_good_one_and_a_mended_package_serves_again
    host/src/runtime/load/watch/tests.rs: h44_a_file_that_may_not_be_read_is_named_where_the_system_refuses_it
    host/src/runtime/load/watch/tests.rs: h44_a_package_that_is_removed_while_it_is_read_leaves_the_old_one_until_the_grace_is_over
H45 a spoilt cache of compiled code
    tests/it/compile.rs: h45_the_second_start_takes_code_from_the_cache_and_a_spoilt_file_is_compiled_anew
    host/src/runtime/load/cache/tests.rs: h45_a_flipped_bit_in_any_region_is_distrusted
    host/src/runtime/load/cache/tests.rs: h45_what_others_could_have_written_is_distrusted
H46 reloads without an end
    tests/it/reload/many.rs: h46_replacements_without_end_fail_no_call_and_keep_no_memory
    tests/it/reload/many.rs: h46_packages_that_arrive_together_are_compiled_one_after_the_other
H47 bulk operations
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H48 clients that leave
    tests/it/hostile_guests/crowd.rs: h48_clients_that_leave_in_the_middle_leave_nothing_behind
    host/src/runtime/tests.rs: h48_an_abandoned_call_gives_its_permit_back
H49 asynchronous functions, streams, futures
    tests/it/hostile_guests/refused.rs: s1_what_can_not_be_served_is_refused_with_a_reason_and_a_healthy_app_answers
H50 a thousand requests at once
    tests/it/hostile_guests/crowd.rs: h50_of_a_thousand_requests_at_once_an_app_runs_16_and_the_rest_is_told_to_come_again
    host/src/runtime/admission.rs: h50_past_running_and_waiting_a_call_is_refused_at_once
H51 short calls that look idle
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H52 ending the program
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H53 reading its input
    tests/it/hostile_guests/stopped.rs: s1_every_hostile_call_ends_with_its_own_outcome_and_a_healthy_app_answers_after_it
H54 numbers that overflow
    tests/it/hostile_guests/calls.rs: s1_calls_that_must_not_be_are_typed_refusals_and_cloud_hears_nothing_of_them
H55 a hook that loops
    tests/it/hooks.rs: w1_h55_events_are_answered_while_a_guest_loops_in_its_hook
";

#[test]
fn every_case_of_the_catalogue_is_shown_by_a_test_that_exists() {
    assert_shown('H', 55, CATALOGUE);
}
