"""Every setting has a test that changes it and sees another behaviour; here stands which.

Two tests where one shows the behaviour and the other that the setting gets there.
"""

from __future__ import annotations

import ast
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import get_type_hints

import pytest

from dialer.settings import HIDDEN, SecretSettings, Settings
from dialer.sip.trunkconfig import TrunkConfig

TESTS = Path(__file__).parents[1]

BEHAVIOUR = "unit/test_settings_behaviour.py"
SETTINGS = "unit/test_settings.py"
PASSWORD = f"{SETTINGS}::test_the_trunks_password_comes_from_the_environment_or_a_file"
STORE = "unit/store/test_store_settings.py"
GROUPED = "unit/store/test_store_group.py"
POSTGRES = "unit/store/test_store_postgres.py"
COMPOSED = f"{BEHAVIOUR}::test_the_composition_root_hands_every_setting_on"
VERDICTS = "unit/policy/test_policy_verdict.py::test_every_setting_changes_a_verdict"
SCHEDULER = f"{BEHAVIOUR}::test_the_schedulers_settings_change_its_work"
QUEUE = "unit/test_scheduler.py"
TURNS = f"{BEHAVIOUR}::test_every_setting_of_turns_changes_the_call"
TRANSFER = f"{BEHAVIOUR}::test_every_setting_of_transfer_changes_the_call"
ARCHIVE = f"{BEHAVIOUR}::test_every_setting_of_the_archive_changes_it"
KEPT = "unit/archive"
SWEPT = f"{KEPT}/test_archive_sweeper.py"
BACKUPS = "unit/test_backups.py"
CARE = "unit/test_backupcare.py"
STORED = f"{KEPT}/test_archive_settings.py::test_where_and_as_whom_it_stores"
INTAKE = "unit/intake/test_intake_reader.py"
JUDGED = "unit/reports/test_reports_month.py::test_the_goal_and_the_cap"
REPORTED = "unit/test_cli_report.py::test_the_settings_judge_the_month"
LETTERS = "unit/test_cli_outreach.py::test_a_visit_in_vain_becomes_a_letter_and_then_an_end"
SIP = "unit/sip/test_sip_settings.py"
NETWORK = "unit/sip/test_sip_network.py"
STREAMS = "unit/sip/test_sip_streams.py"
TLS_FILES = f"{STREAMS}::test_a_tls_server_of_ours_shows_its_certificate_and_a_renewed_one"
CLIENT_FILES = f"{STREAMS}::test_our_client_certificate_is_shown_to_who_asks"
DIALOGS = "unit/sip/test_sip_dialog_settings.py"
IDENTITY = f"{SIP}::test_how_the_trunk_calls_itself_and_the_number"
RESTS = f"{SIP}::test_how_long_an_ailing_trunk_rests"
PJSUA = "unit/sip/test_sip_pjsua.py"
TRUNKS = "unit/sip/test_sip_trunk_settings.py"
GROUP = "unit/sip/test_sip_trunkgroup.py"
OWN_SOCKET = f"{TRUNKS}::test_a_line_of_its_own_has_a_socket_of_its_own"
HANDED_ON = f"{TRUNKS}::test_what_the_call_itself_heeds_is_handed_on"
PASSWORDS = f"{SETTINGS}::test_each_trunk_has_a_password_of_its_own_and_never_another_ones"
MEDIA = "unit/media/test_media_settings.py"
STOPPED = f"{MEDIA}::test_how_long_a_stopped_process_is_waited_for"
PROGRESS = "unit/media/test_media_progress.py::test_every_threshold_changes_what_is_heard"
CONDUCTOR = "unit/test_conductor_progress.py"
ASR = "unit/asr/test_asr_settings.py"
STARTED = f"{ASR}::test_each_worker_is_started_with_the_model"
RESTARTED = f"{ASR}::test_a_dead_worker_is_started_later_each_time"
BOOK = "unit/tts/test_tts_book.py::test_a_recording_wins_and_the_own_synthesis_comes_last"
VOICE = "unit/tts/test_tts_build.py::test_voice_and_speed_reach_the_program"
SHERPA = "unit/tts/test_tts_sherpa.py"
OWN_VOICE = f"{SHERPA}::test_clips_are_built_for_the_telephone"

WISHES = "unit/access/test_access_requests.py::test_the_settings_bound_a_wish"
LOCKS = "unit/access/test_access_accounts.py::test_wrong_passwords_lock_and_a_right_one_forgives"
PAGES = "web/test_web_settings.py"
NUMBER_KEY = f"{SETTINGS}::test_the_secret_of_numbers_comes_from_the_environment_or_a_file"
FINES = f"{PAGES}::test_the_sums_beside_the_findings"
MQTT = "unit/bus/test_bus_mqtt.py"
BROKER_PASSWORD = f"{SETTINGS}::test_the_brokers_password_comes_from_the_environment_or_a_file"
SERVED = f"{PAGES}::test_where_the_pages_are_served"

PROOFS = {
    "site.node": f"{BEHAVIOUR}::test_a_node_takes_back_its_own_claims_only",
    "site.database": COMPOSED,
    "site.log_level": f"{BEHAVIOUR}::test_the_daemon_logs_at_its_log_level",
    "site.rehearsal_numbers": (
        "unit/test_housecall.py::test_only_the_houses_own_telephones_are_rung "
        "wire/test_wire_answers.py::test_a_rehearsal_rings_a_telephone_of_the_house_and_leaves_no_row"
    ),
    "site.drain_s": f"{BEHAVIOUR}::test_how_long_live_calls_may_take_at_the_end",
    "secrets.trunk_password_env": PASSWORD,
    "secrets.trunk_password_file": PASSWORD,
    "secrets.database_url_env": f"{SETTINGS}::test_the_databases_url_comes_from_the_environment",
    "secrets.agents_file": f"{SETTINGS}::test_the_agents_phones_come_from_a_file",
    "calling.windows": VERDICTS,
    "calling.government_windows": VERDICTS,
    "calling.zone": VERDICTS,
    "calling.ring_s": VERDICTS,
    "calling.no_18x_ring_after_s": VERDICTS,
    "calling.attempts_per_pass": VERDICTS,
    "calling.max_passes": VERDICTS,
    "calling.daily_cap": VERDICTS,
    "calling.appointment_outside_windows": VERDICTS,
    "calling.appointment_hours": VERDICTS,
    "calling.appointment_tolerance_s": VERDICTS,
    "calling.appointment_extra_attempt": VERDICTS,
    "calling.uncounted_retry_s": VERDICTS,
    "calling.deadline_types": VERDICTS,
    "calling.tier_tables": VERDICTS,
    "calling.tier_table": VERDICTS,
    "calling.busy_recheck_s": VERDICTS,
    "calling.fault_recheck_s": VERDICTS,
    "scheduler.heartbeat_s": SCHEDULER,
    "scheduler.lease_s": f"{BEHAVIOUR}::test_how_long_a_claim_holds_and_how_often_it_is_renewed",
    "scheduler.cps": SCHEDULER,
    "scheduler.lines": SCHEDULER,
    "scheduler.batch": SCHEDULER,
    "scheduler.calls_per_agent": f"{QUEUE}::test_a_call_is_begun_only_where_an_agent_could_take_it_over",
    "scheduler.refused_recheck_s": f"{BEHAVIOUR}::test_how_soon_a_refusal_is_asked_again",
    "scheduler.store_backoff_s": SCHEDULER,
    "scheduler.store_backoff_max_s": SCHEDULER,
    "trunks.name": f"{SIP}::test_logs_and_errors_name_the_trunk",
    "trunks.host": f"{SIP}::test_calls_go_to_the_trunks_host_and_port",
    "trunks.port": f"{SIP}::test_calls_go_to_the_trunks_host_and_port",
    "trunks.type": f"{SIP}::test_only_a_register_type_waits_for_its_registration",
    "trunks.driver": f"{PJSUA}::test_a_trunk_with_the_driver_gets_a_pjsip_process_of_its_own",
    "trunks.pjsua2_python": f"{PJSUA}::test_the_interpreter_of_the_setting_is_started",
    "trunks.pjsua2_calls": f"{PJSUA}::test_no_more_calls_than_pjsip_was_built_for",
    "trunks.transport": f"{TRUNKS}::test_messages_go_by_the_transport_of_the_trunk",
    "trunks.bind_host": OWN_SOCKET,
    "trunks.bind_port": OWN_SOCKET,
    "trunks.bind_device": f"{TRUNKS}::test_a_socket_of_ones_own_takes_what_the_trunk_says",
    "trunks.advertised_host": OWN_SOCKET,
    "trunks.media_host": f"{TRUNKS}::test_the_offer_names_the_media_host_of_the_line",
    "trunks.username": IDENTITY,
    "trunks.password_env": PASSWORDS,
    "trunks.password_file": PASSWORDS,
    "trunks.realm": f"{SIP}::test_only_the_trunks_realm_gets_the_password",
    "trunks.domain": IDENTITY,
    "trunks.outbound_proxy": f"{TRUNKS}::test_everything_goes_to_the_outbound_proxy_and_names_it",
    "trunks.caller_id": IDENTITY,
    "trunks.display_name": IDENTITY,
    "trunks.identity": f"{TRUNKS}::test_who_calls_is_told_in_the_header_of_the_setting",
    "trunks.hide_caller_id": f"{TRUNKS}::test_a_hidden_caller_is_known_to_the_carrier_only",
    "trunks.campaigns": f"{TRUNKS}::test_a_campaign_shows_its_own_number",
    "trunks.number_format": IDENTITY,
    "trunks.numbers": f"{TRUNKS}::test_numbers_are_written_by_the_first_rule",
    "trunks.allow": f"{TRUNKS}::test_only_allowed_numbers_are_dialled",
    "trunks.deny": f"{TRUNKS}::test_only_allowed_numbers_are_dialled",
    "trunks.lines": f"{SIP}::test_no_more_calls_than_lines",
    "trunks.cps": f"{TRUNKS}::test_no_more_calls_in_a_second_than_cps",
    "trunks.priority": f"{GROUP}::test_priority_and_weight_share_the_calls_out",
    "trunks.weight": f"{GROUP}::test_priority_and_weight_share_the_calls_out",
    "trunks.srtp": HANDED_ON,
    "trunks.dtmf": HANDED_ON,
    "trunks.follow_redirects": HANDED_ON,
    "trunks.register_expires_s": f"{SIP}::test_how_long_a_registration_is_asked_for",
    "trunks.options_interval_s": f"{TRUNKS}::test_a_carrier_that_says_nothing_is_asked",
    "trunks.no_response_s": f"{SIP}::test_how_long_a_silent_carrier_is_waited_for",
    "trunks.faults_to_rest": f"{TRUNKS}::test_how_many_doubtful_faults_are_borne",
    "trunks.backoff_s": RESTS,
    "trunks.max_backoff_s": RESTS,
    "sip.bind_host": f"{SIP}::test_messages_leave_from_the_bound_host",
    "sip.bind_port": f"{SIP}::test_messages_leave_from_the_bound_port",
    "sip.bind_device": f"{NETWORK}::test_an_interface_is_bound_to_or_the_reason_said",
    "sip.advertised_port": f"{NETWORK}::test_peers_are_told_the_advertised_ports",
    "sip.advertised_tls_port": f"{NETWORK}::test_peers_are_told_the_advertised_ports",
    "sip.tcp": f"{NETWORK}::test_tcp_is_spoken_or_not",
    "sip.udp_max_bytes": f"{NETWORK}::test_which_requests_go_by_tcp_for_their_size",
    "sip.tls_port": f"{NETWORK}::test_the_tls_port_that_is_listened_on",
    "sip.tls_certificate_file": TLS_FILES,
    "sip.tls_key_file": TLS_FILES,
    "sip.tls_ca_file": f"{STREAMS}::test_a_wrong_certificate_is_refused_and_explained",
    "sip.tls_client_certificate_file": CLIENT_FILES,
    "sip.tls_client_key_file": CLIENT_FILES,
    "sip.connect_timeout_s": f"{STREAMS}::test_a_peer_that_takes_no_handshake_is_given_up",
    "sip.keepalive_s": f"{STREAMS}::test_a_silent_connection_of_ours_gets_keep_alives",
    "sip.idle_s": f"{STREAMS}::test_an_idle_connection_is_closed",
    "sip.max_connections": f"{STREAMS}::test_no_more_connections_than_max_connections",
    "sip.max_message_bytes": f"{STREAMS}::test_a_longer_message_than_max_message_bytes_ends_the_connection",
    "sip.nameservers": f"{NETWORK}::test_the_name_servers_that_are_asked",
    "sip.dns_timeout_s": f"{NETWORK}::test_how_long_a_silent_name_server_is_waited_for",
    "sip.dscp": f"{NETWORK}::test_packets_and_connections_carry_the_dscp",
    "sip.advertised_host": f"{SIP}::test_peers_are_told_the_advertised_host",
    "sip.user_agent": f"{SIP}::test_the_user_agent_header",
    "sip.max_calls": f"{SIP}::test_calls_beyond_the_limit_are_refused",
    "sip.follow_refer": "unit/sip/test_sip_moves.py::test_a_refer_is_followed_where_the_setting_says_so",
    "sip.session_expires_s": f"{DIALOGS}::test_the_session_timer_that_is_asked_for",
    "sip.min_se_s": f"{DIALOGS}::test_the_shortest_session_timer_that_is_taken",
    "sip.comfort_noise": f"{DIALOGS}::test_comfort_noise_is_offered",
    "sip.srtp": f"{DIALOGS}::test_keys_for_a_phone_on_tls",
    "registrar.realm": f"{SIP}::test_phones_are_asked_for_the_realm_and_found_in_it",
    "registrar.min_expires_s": f"{SIP}::test_shorter_registrations_are_refused",
    "registrar.max_expires_s": f"{SIP}::test_longer_registrations_are_shortened",
    "registrar.algorithms": f"{SIP}::test_phones_are_asked_for_the_algorithms_of_the_setting",
    "registrar.max_contacts": f"{SIP}::test_one_phone_too_many_takes_the_oldests_place",
    "media.host": f"{MEDIA}::test_audio_comes_in_at_the_host",
    "media.advertised_host": f"{MEDIA}::test_the_offer_names_the_advertised_host",
    "media.processes": "unit/media/test_media_plane.py::test_calls_are_shared_out",
    "media.port_low": f"{MEDIA}::test_streams_have_the_ports_of_the_range",
    "media.port_high": f"{MEDIA}::test_streams_have_the_ports_of_the_range",
    "media.port_rest_s": f"{MEDIA}::test_a_used_port_rests",
    "media.rtp_timeout_s": f"{MEDIA}::test_how_long_a_silent_wire_is_borne",
    "media.dscp": f"{MEDIA}::test_packets_carry_the_dscp_of_the_settings",
    "media.rtcp": f"{MEDIA}::test_reports_and_their_port_are_a_setting",
    "media.rtcp_interval_s": f"{MEDIA}::test_how_often_a_call_reports",
    "media.comfort_noise_s": f"{MEDIA}::test_comfort_noise_in_our_silence",
    "media.realtime_priority": f"{MEDIA}::test_the_media_process_asks_for_its_realtime_priority",
    "media.niceness": f"{MEDIA}::test_the_media_process_asks_for_its_niceness",
    "media.vad_mode": f"{MEDIA}::test_the_detectors_mode_decides_on_soft_speech_in_noise",
    "media.speech_floor_dbov": f"{MEDIA}::test_what_is_under_the_floor_is_no_speech",
    "media.speech_drop_db": f"{MEDIA}::test_background_talk_does_not_keep_an_answer_from_ending",
    "media.pre_roll_s": f"{MEDIA}::test_audio_from_before_the_speech_goes_along",
    "media.bridge_delay_frames": f"{MEDIA}::test_a_bridged_voice_is_held_back",
    "media.key_s": f"{MEDIA}::test_a_key_lasts_as_long_as_set",
    "media.key_gap_s": f"{MEDIA}::test_the_pause_between_two_keys",
    "media.clip_cache_mb": f"{MEDIA}::test_a_small_cache_reads_a_clip_again",
    "media.record_flush_s": f"{MEDIA}::test_what_a_crash_after_three_seconds_leaves",
    "media.start_timeout_s": f"{MEDIA}::test_how_long_the_start_may_take",
    "media.reply_timeout_s": STOPPED,
    "media.disk_timeout_s": STOPPED,
    "media.watchdog_s": f"{MEDIA}::test_how_long_a_silent_process_lives",
    "progress.use": f"{CONDUCTOR}::test_how_call_progress_is_used",
    "progress.tone_floor_dbov": PROGRESS,
    "progress.tone_purity": PROGRESS,
    "progress.speech_floor_dbov": PROGRESS,
    "progress.machine_floor_dbov": PROGRESS,
    "progress.person_speech_s": PROGRESS,
    "progress.person_silence_s": PROGRESS,
    "progress.machine_speech_s": PROGRESS,
    "progress.beep_min_s": PROGRESS,
    "progress.beep_max_s": PROGRESS,
    "progress.beep_wait_s": PROGRESS,
    "progress.decide_s": PROGRESS,
    "recogniser.model_dir": STARTED,
    "recogniser.engine": "unit/asr/test_asr_dtmf_only.py::test_the_setting_chooses_the_engine",
    "recogniser.workers": STARTED,
    "recogniser.deadline_s": f"{ASR}::test_how_long_an_utterance_waits_for_a_worker",
    "recogniser.start_deadline_s": f"{ASR}::test_how_long_a_worker_may_load_its_model",
    "recogniser.chunk_s": f"{ASR}::test_speech_reaches_the_engine_in_pieces",
    "recogniser.restart_delay_s": RESTARTED,
    "recogniser.restart_delay_max_s": RESTARTED,
    "listening.min_speech_s": f"{MEDIA}::test_shorter_sounds_are_no_speech {COMPOSED}",
    "listening.max_speech_s": f"{MEDIA}::test_a_longer_answer_is_cut {COMPOSED}",
    "turns.no_input_s": TURNS,
    "turns.utterance_s": TURNS,
    "turns.end_silence_s": TURNS,
    "turns.long_end_silence_s": TURNS,
    "turns.free_end_silence_s": TURNS,
    "turns.free_speech_s": TURNS,
    "turns.barge_guard_s": TURNS,
    "turns.play_limit_s": TURNS,
    "turns.hold_limit_s": TURNS,
    "turns.long_stop_s": TURNS,
    "turns.max_repeats": TURNS,
    "turns.max_unclear": TURNS,
    "turns.min_confidence": TURNS,
    "turns.yes_min_confidence": TURNS,
    "turns.max_unknown_ratio": TURNS,
    "turns.yes_max_unknown_ratio": TURNS,
    "turns.min_evidence": TURNS,
    "turns.yes_min_evidence": TURNS,
    "turns.min_duration_s": TURNS,
    "turns.min_level_dbov": TURNS,
    "prompts.recorded": BOOK,
    "prompts.synthetic": BOOK,
    "prompts.built": BOOK,
    "prompts.synthesiser": f"{SHERPA}::test_with_a_voice_of_ones_own_the_shipped_one_is_silent",
    "prompts.espeak": VOICE,
    "prompts.voice": VOICE,
    "prompts.words_per_minute": VOICE,
    "prompts.voice_dir": OWN_VOICE,
    "prompts.speaker": OWN_VOICE,
    "prompts.speed": OWN_VOICE,
    "store.busy_timeout_s": f"{STORE}::test_how_long_a_locked_database_is_waited_for",
    "store.busy_retries": f"{STORE}::test_how_long_a_locked_database_is_waited_for",
    "store.gather_s": f"{GROUPED}::test_callers_share_a_transaction",
    "store.group_size": f"{GROUPED}::test_callers_share_a_transaction",
    "store.connections": f"{POSTGRES}::test_how_many_transactions_run_at_once",
    "store.connect_timeout_s": f"{POSTGRES}::test_a_server_that_does_not_answer",
    "store.statement_timeout_s": f"{POSTGRES}::test_a_statement_that_takes_too_long",
    "store.quick_check": f"{STORE}::test_damage_is_looked_for_at_the_start",
    "store.customer_busy_wait_s": f"{STORE}::test_how_long_the_customers_other_task_waits",
    "store.excluding_rules": f"{STORE}::test_which_rules_exclude_for_good",
    "archive.root": ARCHIVE,
    "archive.min_free_bytes": ARCHIVE,
    "archive.retain_years": ARCHIVE,
    "archive.zone": ARCHIVE,
    "archive.key_file": f"{KEPT}/test_archive_examine.py::test_an_untouched_archive_fits",
    "archive.key_command": f"{KEPT}/test_archive_cipher.py::test_recordings_rest_enciphered_by_the_service",
    "archive.sign_key_file": f"{KEPT}/test_archive_settings.py::test_which_key_signs",
    "archive.longer": f"{KEPT}/test_archive_sweeper.py::test_longer_by_class",
    "archive.expire_after_days": f"{SWEPT}::test_what_was_listed_goes_by_itself_only_where_that_is_set",
    "archive.expire_cap": f"{SWEPT}::test_a_batch_over_the_cap_is_refused_whole",
    "archive.audit_tolerance_s": f"{KEPT}/test_archive_settings.py::test_how_much_shorter_a_recording_may_be",
    "archive.s3_bucket": STORED,
    "archive.s3_endpoint": STORED,
    "archive.s3_region": STORED,
    "archive.s3_prefix": STORED,
    "archive.s3_key_id_env": STORED,
    "archive.s3_key_env": STORED,
    "backup.folder": f"{BACKUPS}::test_a_backup_is_whole_without_secrets_and_only_the_newest_stay",
    "backup.keep": f"{BACKUPS}::test_a_backup_is_whole_without_secrets_and_only_the_newest_stay",
    "backup.at": f"{CARE}::test_at_and_max_age_hours_say_when",
    "backup.max_age_hours": f"{CARE}::test_at_and_max_age_hours_say_when",
    "intake.max_bytes": f"{INTAKE}::test_limits",
    "intake.max_unpacked_bytes": f"{INTAKE}::test_a_bomb_is_not_unpacked",
    "intake.max_rows": f"{INTAKE}::test_limits",
    "intake.max_columns": f"{INTAKE}::test_limits",
    "intake.country": f"{INTAKE}::test_limits",
    "reports.open_ticket_is_success": REPORTED,
    "reports.success_goal": f"{JUDGED} {REPORTED}",
    "reports.visit_letter_cap": f"{JUDGED} {REPORTED}",
    "reports.sample_rate": REPORTED,
    "reports.sample_floor": REPORTED,
    "letters.service_phone": LETTERS,
    "letters.return_address": LETTERS,
    "secrets.number_key_env": NUMBER_KEY,
    "secrets.number_key_file": NUMBER_KEY,
    "access.max_hours": WISHES,
    "access.max_calls": WISHES,
    "access.session_hours": f"{PAGES}::test_how_long_a_sign_in_lasts",
    "access.max_failures": LOCKS,
    "access.lock_minutes": LOCKS,
    "access.disc_bytes": "web/test_bundles.py::test_a_burn_set_in_discs",
    "quality.items": f"{PAGES}::test_the_items_of_the_score_card",
    "quality.minor_yuan": FINES,
    "quality.moderate_yuan": FINES,
    "quality.serious_yuan": FINES,
    "quality.falsified_yuan": FINES,
    "web.host": SERVED,
    "web.port": SERVED,
    "web.certificate_file": SERVED,
    "web.key_file": SERVED,
    "mqtt.host": f"{MQTT}::test_no_host_means_no_broker_and_the_port_follows_tls",
    "mqtt.port": f"{MQTT}::test_no_host_means_no_broker_and_the_port_follows_tls",
    "mqtt.tls": f"{MQTT}::test_tls_and_whom_it_trusts",
    "mqtt.ca_file": f"{MQTT}::test_tls_and_whom_it_trusts",
    "mqtt.certificate_file": f"{MQTT}::test_a_broker_that_asks_for_a_certificate_gets_ours",
    "mqtt.key_file": f"{MQTT}::test_a_broker_that_asks_for_a_certificate_gets_ours",
    "mqtt.username": f"{MQTT}::test_user_and_password",
    "mqtt.password_env": BROKER_PASSWORD,
    "mqtt.password_file": BROKER_PASSWORD,
    "mqtt.topic": f"{MQTT}::test_topic_and_quality_of_service",
    "mqtt.qos": f"{MQTT}::test_topic_and_quality_of_service",
    "mqtt.keepalive_s": f"{MQTT}::test_keepalive_reaches_the_broker",
    "mqtt.timeout_s": f"{MQTT}::test_how_long_a_silent_broker_is_waited_for",
    "mqtt.backoff_s": f"{MQTT}::test_how_soon_it_is_tried_again",
    "mqtt.max_backoff_s": f"{MQTT}::test_how_soon_it_is_tried_again",
    "mqtt.give_up_hours": f"{MQTT}::test_what_nobody_took_for_too_long_is_given_up",
    "transfer.agents": TRANSFER,
    "transfer.ring_s": TRANSFER,
    "transfer.accept_s": TRANSFER,
    "transfer.accept_key": TRANSFER,
    "transfer.max_agents": TRANSFER,
}


@cache
def definitions(file: str) -> dict[str, ast.stmt]:
    """The module's own functions, classes and tables, by name."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse((TESTS / file).read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
    return found


def words(node: ast.AST) -> set[str]:
    """Identifiers, keywords, and words of texts; docstrings don't count."""
    found: set[str] = set()
    prose = {
        id(inner.value)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant)
    }
    for inner in ast.walk(node):
        match inner:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word):
                found.add(word)
            case ast.keyword(arg=str(word)):
                found.add(word)
            case ast.Constant(value=str(text)) if id(inner) not in prose:
                found.update("".join(c if c.isidentifier() or c.isdigit() else " " for c in text).split())
    return found


def mentioned(file: str, test: str) -> set[str]:
    """Words of a test and of what it uses of its own file: tables of cases, helpers, fixtures."""
    own = definitions(file)
    seen: set[str] = set()
    todo, found = [test], set[str]()
    while todo:
        name = todo.pop()
        if name not in seen and name in own:
            seen.add(name)
            new = words(own[name])
            found |= new
            todo += new
    return found


def test_every_setting_is_proved_and_no_other() -> None:
    kinds = {**get_type_hints(Settings), "secrets": SecretSettings, "trunks": TrunkConfig}
    settable = {
        f"{table}.{field.name}"
        for table, kind in kinds.items()
        for field in fields(kind)
        if field.name not in HIDDEN.get(table, ())
    }
    assert set(PROOFS) == settable


@pytest.mark.parametrize(
    ("setting", "proof"),
    [(setting, proof) for setting, proofs in PROOFS.items() for proof in proofs.split()],
)
def test_the_proof_is_there_and_speaks_of_the_setting(setting: str, proof: str) -> None:
    file, _, test = proof.partition("::")
    assert test.startswith("test_")
    assert isinstance(definitions(file).get(test), ast.FunctionDef | ast.AsyncFunctionDef), f"no {proof}"
    name = setting.partition(".")[2]
    assert name in mentioned(file, test), f"{proof} never says {name}"
