"""What a broker is told: topics, what is retained, and nothing personal."""

from __future__ import annotations

import json
import re
import typing
from dataclasses import fields
from datetime import UTC, date, datetime

from dialer import proof
from dialer.bus import topics
from dialer.events import ArchiveRootSigned, CallEnded, Event, TrunkDown, TrunkUp
from dialer.model import CallId, Disposition, TaskId

NOW = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)


def test_an_event_goes_to_its_topic_once_with_its_id() -> None:
    (one,) = topics.told("huifang", "n1", 17, CallEnded(NOW, CallId(4), TaskId(2), Disposition.COMPLETED))
    assert (one.topic, one.retain) == ("huifang/event/call-ended", False)
    assert json.loads(one.payload) == {
        "id": 17, "event": "CallEnded", "node": "n1", "at": "2026-11-10T02:00:00Z", "call_id": 4,
        "task_id": 2, "outcome": "completed",
    }  # fmt: skip


def test_a_signed_root_is_retained_under_its_day_as_it_lies_in_the_folder() -> None:
    event = ArchiveRootSigned(
        NOW, date(2026, 11, 9), 1, 9, "ab", "cd", "ef", statement='{"day":"2026-11-09"}'
    )
    once, kept = topics.told("acme/huifang", "n1", 3, event)
    assert (once.topic, once.retain) == ("acme/huifang/event/archive-root-signed", False)
    assert (kept.topic, kept.retain) == ("acme/huifang/root/2026-11-09", True)
    assert json.loads(kept.payload) == {"text": event.statement, "signature": "cd", "public_key": "ef"}
    assert proof.signature_fits("x", "cd", "ef") is False


def test_a_trunks_state_stands_under_its_node_and_name() -> None:
    down, up = TrunkDown(NOW, "联通/1+#", "503 Full"), TrunkUp(NOW, "联通/1+#")
    for event in (down, up):
        once, kept = topics.told("huifang", "n 1", 0, event)
        assert (once.retain, kept.retain) == (False, True)
        assert kept.topic == "huifang/trunk/n%201/联通%2F1%2B%23"
        assert json.loads(kept.payload)["id"] is None


def test_a_number_in_a_carriers_words_is_masked() -> None:
    numbers = "486 Busy 13812345678", "no route to +8613812345678 here", "138-1234-5678", "2345678"
    for why in numbers:
        for message in topics.told("huifang", "n1", 0, TrunkDown(NOW, "t", why)):
            said = json.loads(message.payload)["why"]
            assert re.findall(r"[0-9*]*[*][0-9*]*", said) == ["****5678"]
            assert "45678" not in said


def test_no_event_has_a_place_for_a_number_a_name_or_words() -> None:
    personal = ("number", "phone", "holder", "policy", "words", "customer")
    for kind in typing.get_args(Event):
        for one in fields(kind):
            assert not any(word in one.name for word in personal), f"{kind.__name__}.{one.name}"
