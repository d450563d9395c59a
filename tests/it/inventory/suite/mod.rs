//! What every inventory does, whatever it is stored in.

pub(crate) mod bindings;
pub(crate) mod changes;
pub(crate) mod control;
pub(crate) mod coverage;
pub(crate) mod diffs;
pub(crate) mod leases;
pub(crate) mod pages;
pub(crate) mod queue;
pub(crate) mod rescans;
pub(crate) mod runs;
pub(crate) mod selection;

/// Runs the suite on stages made by `$stage`, a function that returns a future of a `Stage`, or of
/// an optional one where the store may be missing.
macro_rules! inventory_suite {
    ($stage:path) => {
        inventory_suite!(@tests $stage; bindings:
            a_name_stays_with_its_registry_until_it_is_rehomed,
            what_is_not_bound_is_unknown,
            the_last_verification_is_kept,
        );
        inventory_suite!(@tests $stage; pages:
            a_page_tells_new_changed_and_unchanged_images_apart,
            an_image_seen_twice_in_a_run_counts_once,
            every_fact_of_an_image_is_kept,
            images_are_listed_in_order_from_any_place_on,
            one_digest_in_three_repositories_is_one_work_item,
            a_superseded_or_ended_run_can_write_nothing,
            a_run_is_reported_with_its_counts,
            integrations_do_not_see_each_other,
        );
        inventory_suite!(@tests $stage; coverage:
            the_narrowest_scope_decides_what_is_gone,
            without_proof_nothing_is_gone,
            a_proved_run_with_unread_scopes_judges_the_others,
            what_was_read_twice_is_gone_after_two_complete_runs_in_a_row,
            a_run_with_unread_scopes_neither_makes_nor_breaks_the_row,
            a_loss_of_many_is_held_until_a_second_complete_run,
            what_is_new_does_not_hide_a_loss,
            what_was_held_and_comes_back_was_never_gone,
            a_confirmed_loss_takes_no_fresh_one_along,
            an_image_that_shows_itself_in_between_is_not_gone,
            a_run_that_did_not_look_breaks_the_row,
            totals_confirm_what_was_held_at_once,
            a_digest_that_comes_back_has_its_history,
        );
        inventory_suite!(@tests $stage; queue:
            only_tagged_images_are_for_ingestion,
            an_image_follows_its_tags_into_the_queue_and_out_of_it,
            the_newest_push_comes_first_and_every_fifth_time_the_oldest_waiting,
            what_is_asked_for_by_hand_comes_first,
            what_is_gone_is_not_handed_over,
            the_speed_limit_is_spent_by_claims_alone,
            a_clock_set_back_delays_the_next_claim_by_one_period,
            a_failed_image_waits_and_is_tried_again,
            an_image_given_up_is_parked_until_it_is_asked_for,
            images_are_counted_by_state,
        );
        inventory_suite!(@tests $stage; leases:
            an_ended_lease_passes_on_and_its_late_answers_are_refused,
            a_late_answer_is_good_while_nobody_else_has_claimed,
            a_lease_is_answered_once,
            a_renewed_lease_lasts,
            an_image_that_never_comes_back_is_parked,
            an_answer_to_an_earlier_claim_is_none_to_a_request,
            what_is_in_hand_is_not_handed_over_again_on_request,
            a_clock_set_back_does_not_prolong_leases_and_pauses,
        );
        inventory_suite!(@tests $stage; changes:
            the_sink_is_told_only_of_images_that_it_knows,
            each_kind_of_change_is_told_in_order_until_it_was_told,
        );
        inventory_suite!(@tests $stage; runs:
            a_run_belongs_to_its_holder_while_the_lease_is_good,
            every_write_of_a_run_renews_its_lease,
            a_late_holder_writes_on_until_somebody_takes_over,
            who_takes_a_run_over_learns_what_is_done_and_what_is_left,
            a_run_begins_anew_after_twelve_hours_or_as_another_kind,
            a_clock_set_back_does_not_prolong_the_lease_of_a_run,
            what_vanished_before_a_scope_started_over_is_gone,
            a_skipped_scope_is_read_anew_by_who_takes_over,
            an_incremental_run_marks_nothing_as_gone_and_is_no_complete_run,
            what_an_incremental_run_sees_is_not_missing,
            only_a_successful_run_moves_the_change_mark,
            a_move_to_another_registry_forgets_what_was_told_of_the_first,
            a_report_counts_by_reason,
        );
        inventory_suite!(@tests $stage; diffs:
            a_run_tells_what_it_found_changed,
            the_changes_of_a_run_are_read_in_portions,
            fifty_runs_and_the_last_complete_one_are_kept,
            what_was_held_is_gone_on_an_operators_word,
            only_what_the_last_proved_run_held_back_can_be_confirmed,
        );
        inventory_suite!(@tests $stage; selection:
            what_the_selection_leaves_out_is_stored_and_waits_once_selected,
            a_selection_may_take_what_is_left_out_by_default,
            an_image_is_left_out_only_where_all_its_locations_are,
            what_is_known_in_a_scope_that_is_ruled_out_waits_no_more,
        );
        inventory_suite!(@tests $stage; rescans:
            what_was_ingested_is_due_again_after_the_set_time,
            rescans_come_last_and_the_longest_ago_first,
            rescans_spend_the_same_tokens,
            a_failed_rescan_is_tried_again_behind_what_is_new,
            what_is_left_out_or_gone_is_not_scanned_again,
        );
        inventory_suite!(@tests $stage; control:
            an_image_resolved_by_hand_is_scanned_before_any_sync,
            an_admitted_image_comes_first_and_what_is_known_of_it_stays,
            a_run_under_way_does_not_take_away_what_was_admitted,
            parked_images_are_queued_again_on_request,
            a_paused_integration_grants_nothing_until_it_is_resumed,
            the_queue_is_told_by_lane,
            the_next_grant_is_told_for_any_pace,
            a_removed_integration_leaves_nothing_and_its_name_is_free,
        );
    };
    (@tests $stage:path; $file:ident: $($test:ident,)+) => {
        mod $file {
            $(
                #[tokio::test]
                async fn $test() {
                    if let Some(stage) = Option::from($stage().await) {
                        $crate::inventory::suite::$file::$test(stage).await;
                    }
                }
            )+
        }
    };
}
