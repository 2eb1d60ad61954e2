"""llm-comply judges what comes through the gateway against the vendors' own specifications."""

import pytest

SUITES = {
    "openai-chat": ("gpt-5-fake", ()),
    "open-responses": ("gpt-5-fake", ()),
    "anthropic": ("claude-opus-fake", ("--no-bearer", "-H", "anthropic-version:2023-06-01")),
}


@pytest.mark.parametrize("form", SUITES)
async def test_every_test_passes(form, house, run_json, python):
    house.set("", reasoning_tokens=2)
    model, more = SUITES[form]
    header = ("--auth-header", "x-api-key") if form == "anthropic" else ()
    found = await run_json(
        *(python, "-m", "llm_comply.cli", "--format", form, "--json", "--timeout", "20"),
        *("-u", f"{house.url}/v1", "-k", "none", "-m", model, *header, *more),
    )
    assert found["summary"]["total"] >= 9
    assert [one for one in found["results"] if one["status"] != "passed"] == []
    assert house.attempts, "it went through the gateway"
