import json

import pytest
from bench.peers import PEERS, Channel, Model, Peer
from bench.peers import foreroute as foreroute_peer
from bench.peers import litellm as litellm_peer
from bench.peers import portkey as portkey_peer

from foreroute.settings import parse_settings

A, B = Channel("m.a", "http://127.0.0.1:1/v1"), Channel("m.b", "http://127.0.0.1:2/v1")
MODEL = Model("m", (A, B))


def test_portkey_gets_each_order_of_the_channels_with_the_others_behind() -> None:
    config = portkey_peer.document(MODEL)
    orders = [[one["custom_host"] for one in order["targets"]] for order in config["targets"]]
    assert orders == [[A.base_url, B.base_url], [B.base_url, A.base_url]]
    assert {order["strategy"]["mode"] for order in config["targets"]} == {"fallback"}


def test_litellm_gets_the_channels_under_one_name_and_each_as_a_fallback() -> None:
    config = litellm_peer.document([MODEL])
    groups = [one["model_name"] for one in config["model_list"]]
    assert groups == ["m", "m.a", "m", "m.b"]
    assert config["router_settings"]["fallbacks"] == [{"m": ["m.a", "m.b"]}]
    assert len({one["model_info"]["id"] for one in config["model_list"]}) == 4


def test_foreroute_accepts_what_the_bench_writes() -> None:
    raw = json.dumps(foreroute_peer.document([MODEL], 0, 5)).encode()
    settings = parse_settings(raw, name="bench", environment={"BENCH_KEY": foreroute_peer.KEY})
    assert [channel.id for channel in settings.channels] == ["m.a", "m.b"]
    assert (settings.timeouts.first_chunk, settings.timeouts.stall) == (5.0, 5.0)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_is_pinned_and_installs_into_a_folder_of_its_own(peer: Peer) -> None:
    commands = peer.install()
    assert any("==" in part or '": "1.' in part for command in commands for part in command)
    assert any(peer.name in part for part in commands[0])
