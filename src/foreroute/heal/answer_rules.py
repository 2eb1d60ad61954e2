"""What providers and proxies say in an error answer, as an ordered table.

Limits of one request stand before rate limits, and money before rates, because their messages quote the same
words; who may not use something stands before who was not recognised, because both speak of keys.
"""

from typing import Final

from foreroute.core.failure import FailureClass as F
from foreroute.heal.rules import Rules

# fmt: off
_OF_ONE_REQUEST: Final[Rules] = (
    (F.CONTEXT_LENGTH_EXCEEDED, (
        "context length", "context_length", "context size", "context window", "context_window",
        "context limit", "context overflow", "context_size", "maximum context", "too large",
        "prompt is too long", "prompt too long", "input is too long", "input too long", "string too long",
        "larger than max", ("maximum", "tokens", "exceed"), ("input length", "exceed"),
        ("token count", "exceed"), ("range of input length",), ("input token", "exceed"),
        ("tokens", "max_new_tokens"), ("prompt", "exceeds the"), ("tokens", "longer than the model"),
        ("supports at most", "tokens"), "maximum prompt length",
        "exceeds the token limit", "exceeded model token limit", "reduce the length", "reduce length",
        "maximum allowed length", "maximum allowed number of output tokens",
        "longer than the maximum", ("must have less than", "tokens"), "超长", "token limit", "maximum input length", "too many input tokens",
    )),
    (F.CONTENT_FILTERED, (
        "content_filter", "content filter", "contentfilter", "content management policy", "content policy",
        "content_policy", "responsibleai", "responsible ai", "inappropriate content", "prompt was blocked",
        "prompt_blocked", ("blocked by", "rule"), "safety system", "safety reasons", "safety settings",
        "safety filter", "due to safety", "safety policy", "blockreason", "block_reason", "blocked content",
        "prohibited content", "prohibited_content", "prohibited use", "content exists risk",
        "data_inspection", "moderation", "flagged", "harmful content", "unsafe content", "sensitive content",
        "sensitive word", "sensitive information", "usage policies", "usage policy", "guardrail",
        "recitation", "considered high risk", "content violat", "violates our", "敏感", "sensitivecontent", "不安全", "违规", "content is blocked",
    )),
)
_DOWN: Final[Rules] = (
    (F.COLD_START, (("waiting for", "to start"),)),
    (F.BACKEND_DEAD, (
        "out of memory", "cuda error", "cuda oom", "cublas", "cudnn", "outofmemory", "enginedead",
        "engine dead", "enginecore", "engine core", "engine process", "engine loop", ("engine", "died"),
        ("engine", "is dead"), ("engine", "already dead"), ("worker", "died"), ("worker", "exited"),
        ("worker", "crash"), "system memory", "process has terminated", "runner crashed", "llama runner",
        "failed to start", "segmentation fault", "signal: killed", "core dumped", "device-side assert",
        "hip error", "nccl", "oom-kill", "oomkill", "oom killed", "crashloop", "failed to allocate",
        "unable to allocate", "insufficient memory", "not enough memory", "accelerator error",
        "acceleratorerror", "exit code", "exit status", "server process exited",
        "unable to load model", "failed to load model", "starting runner", "stub process",
        "runner process", "model has crashed", "no longer running", "backend crashed",
    )),
    (F.COLD_START, (
        "loading model", "model is loading", "model loading", "loading the model", "currently loading",
        "still loading", "being loaded", "loading weights", "warming up", "warm-up", "warmup", "cold start",
        "cold boot", "model is not ready", "model not ready", "not ready yet", "not yet ready",
        "still initializing", "is initializing", "is starting", "starting up", "spinning up", "waking up",
        "scaled to zero", "scale to zero", "scaling up", "is being deployed", "estimated_time",
    )),
    (F.RATE_LIMITED, (
        ("quota", "per minute"), ("quota", "per_minute"), ("quota", "perminute"), ("quota", "per second"),
        ("quota", "per_second"),
    )),
    (F.QUOTA_EXHAUSTED, (
        "insufficient_quota", "insufficient quota", ("insufficient", "balance"), ("insufficient", "credit"),
        "insufficient funds", "credit balance", "out of credit", "no credits", "add credits", "buy credits",
        "purchase credits", "more credits", "run out of", "billing", "bill is overdue", "overdue",
        "arrear", "payment required", "payment method", "current quota", "allocated quota", "quota_exhausted",
        "usage limit", "usage_limit", "spending limit", "spend limit", "spending cap", "hard limit",
        "budget has", "budget exceeded", "exceeded budget", "over budget", "budget limit", "max budget", "per day", "per_day", "perday", "daily", "monthly", "weekly limit",
        "upgrade your plan", "upgrade to", "good standing", "recharge", "top up", "topup", "add funds",
        "free trial", "trial has", "余额", "欠费", "额度", "exhausted your", "exceeded your quota",
        "no quota", "per month", "/ month",
        "calls / day", "account balance", "balance is", "not active, current state", "inactive subscription",
        "日调用", "no remaining",
    )),
)
_DENIED: Final[Rules] = (
    (F.RATE_LIMITED, (("permission", "rate limit"), ("denied", "rate limit"), "rate-limited")),
    (F.PERMISSION_OR_REGION_DENIED, (
        "not have permission", "missing permission", "insufficient permission", "missing scope",
        "must be verified", "verify organization", "unsupported_country", "country, region",
        "country region", "available in your", "supported in your", "your country", "your region",
        ("location", "not supported"), ("region", "not supported"), ("region", "not available"),
        "permission_denied", "permission denied", "permission_error", "not authorized to", "no access to",
        ("have access to", "bedrock"), ("have access to", "specified model"), "request not allowed",
        "not allowed to", "operation not allowed", "request_forbidden", "has not been used in project",
        "ip address", "ip_not", "not whitelisted", "allowlist", "whitelist", "gated", "data policy",
        "accessdenied", "you have been blocked",
        "firewall rules", "lacks the required", "not activated the model", "has not activated", "no permission",
        "is not open", "ip_not_authorized",
    )),
    (F.AUTHENTICATION, (
        "invalid api key", "incorrect api key", "no api key", "missing api key", "invalid x-api-key",
        "invalid_api_key", "api_key_invalid", "wrong api key", ("api key", "invalid"), ("api key", "valid"),
        ("api key", "expired"), ("api key", "revoked"), ("api key", "disabled"), ("api key", "missing"),
        ("api key", "not found"), ("api key", "required"), "api key format", "provide an api key",
        "api_key client option", "subscription key", "no credentials", "missing credentials",
        "invalid credentials", "authentication credentials", "could not validate credentials",
        "authentication required", "authentication_error", "authenticationerror", "authentication fail",
        "invalid authentication", "failed to authenticate", "not authenticated", "unauthenticated",
        "unauthorized", "invalid token", "invalid access token", "invalid bearer", "bearer token",
        "token has expired", "token expired", "token is expired", "security token", "invalid signature", "signature does not match", "signature expired",
        "authorization required", "authorization header", "no auth credentials", "user not found",
        "account_deactivated", "login", "please log in",
        "missing authentication", "locate credentials", "default credentials", "access token invalid",
        "access token expired", "invalid api token", "reauthenticate", "身份验证", "鉴权", "token非法", "已过期", "无效的令牌",
    )),
)
_MISFIT: Final[Rules] = (
    (F.UNSUPPORTED_FEATURE, (
        ("no endpoints found", "support"), ("tool", "not support"), ("tool", "n't support"), ("function", "not support"),
        ("function call", "n't support"), ("image", "not support"), ("vision", "not support"), ("response_format", "support"),
        ("stream", "not support"), ("modalit", "support"), ("thinking", "not support"), ("reasoning", "not support"),
        ("temperature", "not support"), ("parameter", "not support"), ("parameter", "n't support"),
        "does not support", "doesn't support", "do not support", "unsupported parameter", "unsupportedparam",
        "unsupported_parameter", "unsupported value", "unsupported_value", "not supported with this model",
        "not supported for this model", "not supported by this model", "unsupported language",
        "unsupported api", "unsupported_api", "format is not supported", "unsupported operation",
        "operation is unsupported", "unsupported media", "unsupported file", "unsupported content",
        "tool choice requires", "not implemented", "unimplemented", "is unsupported", "not a multimodal model",
        "does not work with the specified model", "operationnotsupported",
    )),
    (F.MODEL_NOT_FOUND, (
        "model_not_found", ("model", "does not exist"), ("model", "not exist"), ("model", "not found"),
        ("model", "no longer"), ("model", "decommission"), ("model", "deprecated"), ("model", "legacy"),
        ("model", "retired"), ("model", "end of life"), ("model", "can not be found"),
        ("model", "cannot be found"), ("model", "discontinued"), ("model", "sunset"), ("model", "try pulling"),
        ("model identifier", "invalid"), ("model", "not available"), ("model", "is not supported"),
        ("not_found_error", "model"), ("deployment", "does not exist"), ("deployment", "not found"),
        "not a valid model", "invalid model", "unknown model", "unsupported model", "unrecognized model",
        "model_not_supported", "model_not_available", "model_gone", "model is not supported",
        "no such model", "deploymentnotfound", "no endpoints found", "inference profile",
        "on-demand throughput", "模型不存在",
    )),
    (F.PERMISSION_OR_REGION_DENIED, (
        "access denied", "not authorized", "have access to", "forbidden", "access to this resource",
    )),
)
_BUSY: Final[Rules] = (
    (F.OVERLOADED, ("reset reason: overflow",)),
    (F.CONNECTION_REFUSED_OR_RESET, ("upstream connect error", "reset reason: connection", "connection_termination")),
    (F.OVERLOADED, (
        "overload", "at capacity", "no capacity", "over capacity", "capacity error", "insufficient capacity",
        "capacity constraint", "capacity_exhausted", "high demand", "high traffic", "high load", "heavy load",
        "server is busy", "server busy", "too busy", "is busy", "temporarily unavailable",
        "temporarily unable", "currently unavailable", "service unavailable", "service_unavailable",
        "serviceunavailable", "no deployments available", "no available", "no healthy upstream",
        "no server is available", "queue is full", "queue full", "queue size", "no slot", "slot unavailable", "capacity exceeded",
        "pending requests exceeded", "try again later, the model", "unable to process your request", "system busy", "饱和", "繁忙",
        "worker local total request limit",
    )),
    (F.RATE_LIMITED, (
        "rate limit", "rate_limit", "ratelimit", "rate-limit", "too many requests", "too_many_requests",
        "toomanyrequests", "too many tokens", "too many concurrent", "concurrency limit",
        "concurrent requests", "throttl", "resource_exhausted", "resource exhausted", "resourceexhausted",
        "resource has been exhausted", "requests_per_", "tokens_per_", "requests per", "tokens per",
        "quota exceeded", "request limit", "qps", "并发", "slow down", "频繁", "速率",
    )),
    (F.TIMEOUT_READ, ("upstream request timeout", "upstream timed out", "gateway time-out", "gateway timeout", "timed out", "timeout error", "deadline exceeded")),
    (F.INVALID_REQUEST, (
        "invalid_request", "bad request", "invalid request", "invalid argument", "invalid_argument",
        "invalidparameter", "validation error", "validationexception", "unknown field", "unknown parameter",
        "unrecognized request argument", "missing required", "field required", "extra inputs", "is required",
        "must be", "must have", "should be", "should have", "expected",
    )),
    (F.SERVER_ERROR, (
        "internal server error", "internalservererror", "internal error", "internal to", "server_error",
        "api_error", "bad gateway", "degraded function", "exception calling", "server had an error",
        "unexpected error", "something went wrong", "unknown error", "provider returned error",
        "upstream error", "upstream request failed", "upstream_error",
    )),
)
# fmt: on

ANSWERS: Final[Rules] = (*_OF_ONE_REQUEST, *_DOWN, *_DENIED, *_MISFIT, *_BUSY)
