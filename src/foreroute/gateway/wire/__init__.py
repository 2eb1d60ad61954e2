"""The wire formats: what clients ask, what channels answer, what goes wrong, in OpenAI's and Anthropic's words."""
