"""The official JavaScript client, in a process of its own."""

from tests.integration.suites.conftest import JAVASCRIPT


async def test_the_javascript_client_sees_what_it_expects(house, node, run_json):
    seen = await run_json(node, "smoke.mjs", f"{house.url}/v1", "gpt-5-fake", cwd=JAVASCRIPT)
    assert seen == {
        "chat": "I am gpt-a.",
        "stream": "I am gpt-a.",
        "tool": {"name": "weather", "arguments": '{"city":"value"}'},
        "schema": {"city": "value"},
        "embeddings": [3, 3],
        "response": "I am gpt-a.",
        "events": ["response.created", "response.completed"],
        "models": ["claude-opus-fake", "gpt-5-fake"],
        "error": {"status": 404, "code": "model_not_found", "param": "model", "id": "string"},
    }
