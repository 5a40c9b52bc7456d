"""The 40 scenarios of delivery-engineering.md section 10, and the tests that show each of them.

A table and not a promise: every test that it names has to be there.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
# What happens, and the tests that show what must come of it.
SCENARIOS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "SIGKILL after commit, before 250",
        (
            "e2e/test_crash.py::test_killed_around_the_commit",
            "messages/test_idempotency.py::test_the_same_key_sends_once",
        ),
    ),
    2: ("SIGKILL before commit", ("e2e/test_crash.py::test_killed_around_the_commit",)),
    3: (
        "SIGKILL while leased, before MAIL",
        (
            "e2e/test_crash.py::test_killed_around_an_attempt",
            "delivery/test_peers.py::test_another_process_takes_over_what_a_dead_one_held",
        ),
    ),
    4: (
        "SIGKILL after the dot, before the reply is stored",
        ("e2e/test_crash.py::test_killed_around_an_attempt",),
    ),
    5: (
        "the peer closes after the dot",
        (
            "delivery/test_attempts.py::test_a_lost_reply_to_the_message_waits_longer",
            "delivery/test_attempts.py::test_after_a_lost_reply_the_same_bytes_are_sent_again",
        ),
    ),
    6: (
        "the peer answers the dot after 400 s (also: bench.deliver --variants slow)",
        (
            "mail/smtp/test_client_limits.py::test_the_reply_to_the_message_may_take_longer_than_the_transaction",
            "delivery/test_attempts.py::test_a_long_attempt_keeps_its_lease",
        ),
    ),
    7: (
        "two workers, 10,000 rows",
        (
            "queue/test_queue.py::test_of_two_workers_each_row_is_finished_by_one_and_a_stale_lease_finishes_nothing",
        ),
    ),
    8: (
        "ENOSPC or EIO on write",
        ("e2e/test_store_failures.py::test_what_cannot_be_stored_is_refused_for_now_and_nothing_leaves",),
    ),
    9: (
        "the store cannot be written in the middle of delivery",
        ("e2e/test_store_failures.py::test_what_cannot_be_stored_is_refused_for_now_and_nothing_leaves",),
    ),
    10: (
        "SIGTERM with an open DATA",
        (
            "e2e/test_crash.py::test_sigterm_with_a_message_half_way_waits_for_its_reply",
            "e2e/test_crash.py::test_sigterm_finishes_what_is_in_flight",
        ),
    ),
    11: (
        "the first MX refuses, the second takes it",
        (
            "delivery/test_destinations.py::test_when_the_first_host_refuses_the_second_gets_it",
            "delivery/test_destinations.py::test_an_attempt_tells_of_every_host_it_saw",
        ),
    ),
    12: ("no MX answers", ("delivery/test_shaping.py::test_a_dead_site_is_not_dialled_for_each_recipient",)),
    13: ("null MX", ("delivery/test_destinations.py::test_a_null_mx_is_permanent_and_nobody_is_called",)),
    14: ("no MX, only A", ("delivery/test_destinations.py::test_without_mx_the_domain_itself_is_the_host",)),
    15: (
        "SERVFAIL against NXDOMAIN",
        (
            "delivery/test_destinations.py::test_a_domain_that_is_not_found_is_tried_again",
            "delivery/test_destinations.py::test_a_domain_that_is_still_not_there_later_never_will_be",
            "delivery/test_destinations.py::test_failures_of_dns_between_prove_nothing",
        ),
    ),
    16: (
        "an MX that is 127.0.0.1 or ourselves",
        (
            "delivery/test_destinations.py::test_private_hosts_are_not_called_unless_allowed",
            "delivery/test_destinations.py::test_only_hosts_preferred_to_ourselves_are_tried",
        ),
    ),
    17: (
        "5.7.1 over IPv6, fine over IPv4",
        ("delivery/test_destinations.py::test_who_dislikes_one_family_is_asked_from_the_other_at_first",),
    ),
    18: (
        "421 on MAIL after three messages",
        (
            "delivery/test_attempts.py::test_a_server_that_takes_three_messages_a_connection_gets_all",
            "delivery/test_shaping.py::test_enough_for_now_halves_the_connections_and_costs_no_attempt",
        ),
    ),
    19: (
        "RCPT answered 250, 450 and 550",
        (
            "mail/smtp/test_client.py::test_each_recipient_has_its_own_outcome",
            "delivery/test_attempts.py::test_recipients_of_one_message_have_their_own_outcomes",
        ),
    ),
    20: (
        "452 from the third RCPT (delivery has one recipient a transaction: record 0010)",
        ("mail/smtp/test_client_limits.py::test_no_more_recipients_than_the_server_takes",),
    ),
    21: (
        "all RCPT refused, then 354",
        ("mail/smtp/test_client.py::test_all_refused_yet_354_gets_a_lone_dot_and_the_connection_stays",),
    ),
    22: (
        "STARTTLS with a bad certificate",
        (
            "delivery/test_tls.py::test_a_bad_certificate_encrypts_all_the_same",
            "delivery/test_tls.py::test_required_tls_waits_for_a_good_certificate",
        ),
    ),
    23: (
        "a handshake of garbage",
        ("delivery/test_tls.py::test_a_broken_handshake_goes_in_clear_only_where_it_may_and_is_remembered",),
    ),
    24: (
        "an MTA-STS policy that is not met, enforced and only tested",
        (
            "delivery/test_policies.py::test_a_host_that_the_policy_does_not_name_gets_nothing",
            "delivery/test_policies.py::test_enforced_means_a_good_certificate_or_no_mail",
            "delivery/test_policies.py::test_what_is_only_tested_is_delivered",
        ),
    ),
    25: (
        "DANE: match, mismatch, of no use, SERVFAIL",
        (
            "delivery/test_policies.py::test_a_pinned_certificate_is_taken_and_no_other",
            "delivery/test_policies.py::test_a_mismatch_defers_and_nothing_goes_in_clear",
            "delivery/test_policies.py::test_pins_of_no_use_still_require_encryption",
            "delivery/test_policies.py::test_pins_that_cannot_be_looked_up_defer",
        ),
    ),
    26: (
        "a thousand domains on one site",
        ("delivery/test_shaping.py::test_a_thousand_domains_on_one_site_share_its_connections",),
    ),
    27: (
        "a rate, kept evenly",
        (
            "delivery/test_shaping.py::test_a_rate_is_kept_evenly",
            "delivery/shaping/test_limits.py::test_a_rate_is_even_spacing",
        ),
    ),
    28: ("[TSS04]", ("delivery/test_shaping.py::test_a_site_that_blocks_us_is_left_alone_and_others_flow",)),
    29: (
        "a loud tenant and a quiet one",
        ("delivery/test_shaping.py::test_a_quiet_account_does_not_wait_for_a_loud_one",),
    ),
    30: (
        "the retry schedule to its end",
        ("delivery/test_attempts.py::test_the_schedule_is_kept_and_its_end_is_old",),
    ),
    31: (
        "DSN with a valid, a forged and an expired token",
        (
            "reports/test_reports.py::test_a_report_of_a_delivered_message_is_a_delayed_bounce",
            "reports/test_reports.py::test_forged_and_expired_addresses_are_ignored",
        ),
    ),
    32: (
        "a complaint without its recipient",
        ("reports/test_reports.py::test_a_complaint_finds_its_recipient_where_the_report_hides_it",),
    ),
    33: (
        "a bounce to nobody, or to a bounce",
        (
            "reports/test_reports.py::test_nothing_goes_out_because_of_a_report",
            "e2e/test_hostile.py::test_nothing_is_ever_sent_because_of_a_bounce",
        ),
    ),
    34: (
        "false ends of a message",
        (
            "mail/smtp/test_smuggling.py::test_where_newlines_are_strict_it_is_refused_or_one_message",
            "mail/smtp/test_smuggling.py::test_where_newlines_are_forgiven_it_is_one_message_of_clean_lines",
            "inbound/test_abuse.py::test_no_false_end_smuggles_a_second_message",
        ),
    ),
    35: (
        "commands injected behind STARTTLS",
        (
            "mail/smtp/test_tls_and_auth.py::test_what_follows_starttls_in_the_same_packet_is_not_executed",
            "inbound/test_abuse.py::test_what_is_injected_before_tls_is_not_executed",
        ),
    ),
    36: (
        "a million headers, ten thousand parts, 100 MB, NUL",
        (
            "inbound/test_abuse.py::test_odd_and_huge_messages",
            "inbound/test_abuse.py::test_parts_in_parts_have_a_bound",
            "e2e/test_hostile.py::test_a_hundred_megabytes_are_refused_in_bounded_memory",
        ),
    ),
    37: (
        "60 failed logins from one address",
        (
            "mail/smtp/test_logins.py::test_ten_a_minute_then_fifty_a_day",
            "mail/smtp/test_logins.py::test_waiting_grows_after_the_third",
            "messages/test_submission.py::test_guessing_is_slowed_then_refused_and_hurts_nobody_else",
        ),
    ),
    38: ("51 Received headers", ("inbound/test_abuse.py::test_odd_and_huge_messages",)),
    39: (
        "two DKIM signatures, tracking and dots",
        (
            "delivery/test_dkim.py::test_customer_and_platform_both_verify_with_dots_and_tracking",
            "mail/test_dkim.py::test_adding_a_signed_field_breaks_the_signature",
        ),
    ),
    40: (
        "click tokens that were changed, machines that fetch",
        (
            "tracking/test_copies.py::test_tokens_are_good_for_their_kind_host_and_key_alone",
            "e2e/test_tracking.py::test_a_token_is_good_on_its_host_alone",
            "e2e/test_tracking.py::test_machines_are_told_apart",
            "tracking/test_recorder.py::test_clicks_of_scanners",
        ),
    ),
}


@pytest.mark.parametrize("number", range(1, 41))
def test_each_scenario_has_its_tests(number: int) -> None:
    for named in SCENARIOS[number][1]:
        file, _, name = named.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        functions = {
            each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in functions, named
