"""Why parts of a LiteLLM configuration have no counterpart, by the section that holds them."""

from typing import Final

_CLIENTS_SAY: Final = "requests go on as clients write them: nothing is added to them or taken away"
_BY_CLASS: Final = "what is tried again follows from the class of the failure"
_ONE_STORE: Final = "metrics, money and keys are in the store: see `store` (no Redis is needed)"
_NO_CACHE: Final = "answers are not cached"
_TAGS: Final = "there is no routing by tag: make a route of its own, and a key that may use it"
_NO_ALERTS: Final = "alert on /metrics: see docs/observability.md"
_LOGS: Final = "attempts go to /metrics, the store and OpenTelemetry; no prompt or answer is kept"
_PRICE_ONLY: Final = "prices are those of tokens"
_CLOUD: Final = "for a cloud's own API, which is not spoken"
_KEYS_DB: Final = "keys and their spend are in the store; `foreroute keys` manages them"
_OWN_SECTION: Final = "nothing like it is there"

_PARAMS: Final = {
    "api_version": "the v1 API that is used needs none",
    "organization": "the header is not sent: use a key of that organization or project",
    "extra_headers": "channels have no headers of their own",
    "headers": "channels have no headers of their own",
    "extra_body": _CLIENTS_SAY,
    "max_retries": "tries are counted by route: `routes[].attempts_max`",
    "num_retries": "tries are counted by route: `routes[].attempts_max`",
    "tags": _TAGS,
    "tag_regex": _TAGS,
    "itpm": "a quota is of tokens, input and output together: `limits.tokens_per_minute`",
    "otpm": "a quota is of tokens, input and output together: `limits.tokens_per_minute`",
    "max_budget": "budgets are of months, keys and teams, not of channels",
    "budget_duration": "budgets are of months, keys and teams, not of channels",
    "mock_response": "for tests there is `foreroute demo`",
    "input_cost_per_second": _PRICE_ONLY,
    "output_cost_per_second": _PRICE_ONLY,
    "cache_control_injection_points": _CLIENTS_SAY,
    **dict.fromkeys(
        (
            *("temperature", "max_tokens", "max_completion_tokens", "top_p", "n", "stop", "seed", "user"),
            *("presence_penalty", "frequency_penalty", "response_format", "tools", "tool_choice", "stream"),
            *(
                "reasoning_effort",
                "thinking",
                "drop_params",
                "additional_drop_params",
                "allowed_openai_params",
            ),
            *("merge_reasoning_content_in_choices", "modify_params", "metadata"),
        ),
        _CLIENTS_SAY,
    ),
    **dict.fromkeys(
        (
            *("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_profile_name"),
            *("aws_role_name", "aws_session_name", "vertex_project", "vertex_credentials"),
        ),
        _CLOUD,
    ),
    **dict.fromkeys(
        ("azure_ad_token", "tenant_id", "client_id", "client_secret", "azure_username", "azure_password"),
        "channels know keys only, no Entra tokens: give the channel an api_key",
    ),
}
_INFO: Final = {
    "base_model": "the channel has a price of its own",
    "mode": "a channel serves what its dialect has, and its upstream answers",
    "db_model": "models are in the configuration file",
    **dict.fromkeys(
        ("access_groups", "team_id", "team_public_model_name"), "keys list the routes that they may use"
    ),
    **dict.fromkeys(("max_tokens", "max_input_tokens", "max_output_tokens"), "the upstream keeps its limits"),
    **dict.fromkeys(("description", "metadata", "health_check_model", "litellm_provider"), _OWN_SECTION),
}
_ROUTER: Final = {
    "routing_strategy_args": "shares follow weights, delays and forecasts: see `guardrails` and `loop`",
    "retry_policy": _BY_CLASS,
    "model_group_retry_policy": _BY_CLASS,
    "allowed_fails_policy": "every class that speaks against the channel counts: see `breaker`",
    "retry_after": "a channel's Retry-After is kept; another channel is tried at once",
    "disable_cooldowns": "breakers cannot be switched off; see `breaker` for when they open",
    "enable_pre_call_checks": "a channel that refuses a prompt for its length is followed by another one",
    "optional_pre_call_checks": "prompts with the same beginning can stay on a channel: `routes[].sticky`",
    "enable_tag_filtering": _TAGS,
    "max_fallbacks": "a request ends after `routes[].attempts_max` tries, on whatever channel",
    "provider_budget_config": "budgets are of months, keys and teams, not of providers",
    "enable_health_check_routing": "channels that are out are always left out, and probed: `gateway.probe`",
    "alerting_config": _NO_ALERTS,
    "set_verbose": "see `log.level`",
    "debug_level": "see `log.level`",
    "stream_timeout": "is by channel: see `timeouts.first_chunk`",
    "default_litellm_params": _CLIENTS_SAY,
    "default_max_parallel_requests": "is by channel: `limits.concurrency`",
    "client_ttl": "connections are kept as long as they work",
    "polling_interval": "requests wait in line for a free channel: `gateway.queue`",
    **dict.fromkeys(
        ("redis_host", "redis_port", "redis_password", "redis_url", "redis_db", "redis_ssl"), _ONE_STORE
    ),
    **dict.fromkeys(("cache_responses", "cache_kwargs", "caching_groups"), _NO_CACHE),
}
_LITELLM: Final = {
    **dict.fromkeys(("drop_params", "modify_params", "add_function_to_prompt"), _CLIENTS_SAY),
    **dict.fromkeys(
        ("cache", "cache_params", "enable_caching_on_provider_specific_optional_params"), _NO_CACHE
    ),
    **dict.fromkeys(
        (
            *("success_callback", "failure_callback", "service_callback", "callbacks", "audit_log_callbacks"),
            *("turn_off_message_logging", "redact_user_api_key_info", "langfuse_default_tags"),
            *("redact_messages_in_exceptions", "default_internal_user_params"),
        ),
        _LOGS,
    ),
    "ssl_verify": "certificates are always checked",
    "json_logs": "see `log.format`",
    "set_verbose": "see `log.level`",
    "upperbound_key_generate_params": _KEYS_DB,
    "default_team_settings": _KEYS_DB,
    "max_internal_user_budget": _KEYS_DB,
    "guardrails": "contents are not inspected",
    "allowed_fails": "is overridden by router_settings",
}
_GENERAL: Final = {
    **dict.fromkeys(
        (
            *("database_connection_pool_limit", "database_connection_timeout", "database_type"),
            *("disable_spend_logs", "disable_prisma_schema_update", "allow_requests_on_db_unavailable"),
            *("proxy_batch_write_at", "store_prompts_in_spend_logs", "maximum_spend_logs_retention_period"),
        ),
        _ONE_STORE,
    ),
    **dict.fromkeys(
        ("alerting", "alerting_threshold", "alert_types", "alert_to_webhook_url", "alerting_args"), _NO_ALERTS
    ),
    **dict.fromkeys(
        ("background_health_checks", "health_check_interval", "health_check_details"),
        "channels that are out are probed by themselves: `gateway.probe`",
    ),
    **dict.fromkeys(
        ("custom_auth", "enable_jwt_auth", "litellm_jwtauth"), "clients use keys: `foreroute keys`"
    ),
    "max_parallel_requests": "is by key: `foreroute keys create --parallel`",
    "global_max_parallel_requests": "is by channel: `limits.concurrency`",
    "pass_through_endpoints": "see `gateway.passthrough` for paths that are passed on",
    "allowed_routes": "paths that are not understood are passed on by `gateway.passthrough` only",
    "key_management_system": "secrets come from the environment",
    "key_management_settings": "secrets come from the environment",
    "forward_client_headers_to_llm_api": "only headers that a model needs are passed on",
    "infer_model_from_keys": "models are in the configuration file",
    "ui_access_mode": "the dashboard asks for `dashboard.admin_key`",
}
_TOP: Final = {
    "guardrails": "contents are not inspected",
    "mcp_servers": "MCP servers are not served",
    "callback_settings": _LOGS,
    "vector_store_registry": _OWN_SECTION,
    "search_tools": _OWN_SECTION,
    "prompts": _OWN_SECTION,
    "files_settings": "files are passed on to one channel: `gateway.passthrough`",
    "finetune_settings": _OWN_SECTION,
    "assistant_settings": _OWN_SECTION,
}

REASONS: Final = {
    "": _TOP,
    "litellm_params": _PARAMS,
    "model_info": _INFO,
    "router_settings": _ROUTER,
    "litellm_settings": _LITELLM,
    "general_settings": _GENERAL,
}
