"""What the sidecar says of a call's agents, and that verification compares it with the rows."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from dialer.model import AgentLeg, CallId
from dialer.testing.archives import House, house

LEGS = (AgentLeg("李", 2000, 5500, ((3000, 4000),)), AgentLeg("赵", 5600, 5900))


async def told(one: House, call: CallId) -> object:
    return json.loads(await one.room.sidecar(call))["facts"]["agent_legs"]


async def test_agents_stand_there_with_their_times_in_the_recording(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        call = await one.call(agent="赵", transferred=True, agent_legs=LEGS)
        alone = await one.call()
        await one.settle()
        assert await told(one, call) == [
            {"agent": "李", "joined_ms": 2000, "left_ms": 5500, "held": [{"from_ms": 3000, "to_ms": 4000}]},
            {"agent": "赵", "joined_ms": 5600, "left_ms": 5900, "held": []},
        ]
        assert await told(one, alone) == []
        assert await one.verify() == []


async def test_a_changed_time_of_an_agent_is_named(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        await one.call(agent="赵", transferred=True, agent_legs=LEGS)
        await one.settle()
        with sqlite3.connect(tmp_path / "dialer.sqlite") as database:
            database.execute("UPDATE attempts SET agent_legs = replace(agent_legs, '5500', '4500')")
        (found,) = await one.verify()
        assert found.en == "agent_legs[0].left_ms is 4500 in the database and was 5500 when it was sealed"


async def test_a_call_of_an_earlier_version_knows_the_agents_name_alone(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        call = await one.call(agent="赵", transferred=True)
        await one.settle()
        assert await told(one, call) == [{"agent": "赵"}]
        assert await one.verify() == []
