"""What can be called, and what clients can ask for."""

from decimal import Decimal
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from foreroute.core.channel import Dialect, Reach
from foreroute.core.routes import Select
from foreroute.core.series import Metric
from foreroute.settings.section import Name, Section
from foreroute.settings.serving import TimeoutSettings
from foreroute.settings.units import Duration, Ratio, Usd


class RegionSettings(Section):
    """A region, and how far the others are."""

    name: Name
    """As channels, clients and `gateway.region` name it."""
    round_trip: dict[str, Duration] = Field(default_factory=dict)
    """Round-trip times to other regions, both ways: `{eu-west: 80ms}`."""


class LimitSettings(Section):
    """The provider's quota for this channel, as far as it is known."""

    requests_per_minute: int | None = Field(None, ge=1)
    """Unset: unknown, which is not unlimited."""
    tokens_per_minute: int | None = Field(None, ge=1)
    """Input and output together."""
    concurrency: int | None = Field(None, ge=1)
    """Requests in flight at a time; more of them spill over to other channels."""


class PriceSettings(Section):
    """What a channel costs, in US dollars. Wins over the price book. All zero: it is free."""

    input_usd_per_mtok: Usd | None = None
    """A million prompt tokens. Goes with `output_usd_per_mtok`."""
    output_usd_per_mtok: Usd | None = None
    """A million answer tokens, reasoning included. Unset, as input: `usd_per_hour` is all that there is to pay."""
    cached_input_usd_per_mtok: Usd | None = None
    """Unset: as input."""
    cache_write_usd_per_mtok: Usd | None = None
    """Unset: as input."""
    reasoning_usd_per_mtok: Usd | None = None
    """Unset: as output."""
    request_usd: Usd = Decimal(0)
    """Each request, beside its tokens."""
    input_audio_usd_per_mtok: Usd | None = None
    """A million audio tokens of the prompt. Unset, as for all the parts below: as the tokens around them."""
    output_audio_usd_per_mtok: Usd | None = None
    """A million audio tokens of the answer."""
    input_image_usd_per_mtok: Usd | None = None
    """A million image tokens of the prompt."""
    output_image_usd_per_mtok: Usd | None = None
    """A million image tokens of the answer."""
    image_usd: Usd | None = None
    """Each picture of an answer that reports no tokens. Unset, as for all the pieces below: such an answer is unpriced."""
    audio_usd_per_hour: Usd | None = None
    """An hour of audio that is sold by its length."""
    rerank_usd: Usd | None = None
    """Each search unit of a reranker."""
    web_search_usd: Usd | None = None
    """Each web search that the provider makes for an answer."""
    usd_per_hour: Usd | None = None
    """A machine of your own. An attempt pays for the time that it took one of its `limits.concurrency` places (unset:
    one); what nobody uses is in no report."""
    tiers: dict[str, Usd] = Field(default_factory=dict)
    """Service tiers and what they cost relative to the prices above: `{flex: 0.5, priority: 1.75}`. A request for a
    tier that is not named is unpriced."""

    @model_validator(mode="after")
    def _is_a_price(self) -> "PriceSettings":
        known = [self.input_usd_per_mtok is not None, self.output_usd_per_mtok is not None]
        others = (self.usd_per_hour, self.image_usd, self.audio_usd_per_hour, self.rerank_usd)
        if any(known) != all(known) or not (any(known) or any(one is not None for one in others)):
            raise ValueError(
                "a price is input_usd_per_mtok and output_usd_per_mtok, or usd_per_hour, or both; or that of what is "
                "sold in other units: image_usd, audio_usd_per_hour or rerank_usd"
            )
        return self


class FreeSettings(Section):
    """What a channel gives away before it charges. Every attempt in the ledger counts, and every token of it."""

    requests_per_day: int | None = Field(None, ge=1)
    """Attempts of a day that cost nothing."""
    tokens_per_day: int | None = Field(None, ge=1)
    """Tokens of a day, input and output together, that cost nothing. Of an attempt that goes beyond, the rest is paid."""
    requests_per_month: int | None = Field(None, ge=1)
    """Attempts of a calendar month that cost nothing."""
    tokens_per_month: int | None = Field(None, ge=1)
    """Tokens of a calendar month that cost nothing."""
    time_zone: str = "UTC"
    """Whose midnight begins a day and a month."""

    @model_validator(mode="after")
    def _gives(self) -> "FreeSettings":
        if not any(
            (self.requests_per_day, self.tokens_per_day, self.requests_per_month, self.tokens_per_month)
        ):
            raise ValueError(
                "says nothing that is free: give requests_per_day, tokens_per_day, requests_per_month or tokens_per_month"
            )
        return self


class ChannelSettings(Section):
    """One way of getting a model's answer."""

    id: Name
    """Your own name for it: routes, reports and headers use it."""
    provider: Name
    """The provider's name in the price book, such as `openai`, `azure`, `aws`, `google`, `anthropic`."""
    cloud: Name | None = None
    """Where it runs; unset: as the provider."""
    region: Name
    """Where it runs; one of `regions` if there are any."""
    model: str = Field(min_length=1)
    """The model name that the upstream expects."""
    account: Name | None = None
    """One of `clouds`: proves who is calling instead of an `api_key`, and says where the model is served."""
    base_url: str = Field("", validate_default=True)
    """Up to and including the version: `https://api.openai.com/v1`. May be left out with an `account`."""
    dialect: Dialect = Dialect.OPENAI
    """What it speaks: `openai` serves chat, responses, embeddings …; `anthropic` serves messages."""
    adapter: Name | None = None
    """For a provider that speaks neither: who translates, such as `bedrock` or `gemini`. Serves chat only, needs the
    extra `adapters`; `base_url` is then the provider's own, without a version."""
    reach: Reach | None = None
    """Where its connections may lead, whatever its name is resolved to: `public` (no private address), `private` (a network
    of yours) or `any` (also link-local addresses and metadata services). Unset: `private` for a private address, a single
    word, or a name that ends in `.internal`, `.local` and the like; else `public`."""
    api_key: SecretStr | None = None
    """From the environment: `${OPENAI_API_KEY}`."""
    limits: LimitSettings = LimitSettings()
    """The provider's quota."""
    price: PriceSettings | None = None
    """Unset: the price book's."""
    free: FreeSettings | None = None
    """What is free of charge before the price holds."""
    quality: Ratio = 1.0
    """Your own rating of its answers."""
    timeouts: TimeoutSettings | None = None
    """Unset: the common ones."""

    @field_validator("base_url")
    @classmethod
    def _is_known(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("account") is None:
            raise PydanticCustomError("missing", "is required")
        return value


class ObjectiveSettings(Section):
    """What users may expect: `metric` of each minute stays under `limit`."""

    metric: Metric = Metric.FIRST_CHUNK_P95
    """What is held against the limit."""
    limit: Duration
    """The objective is missed above this."""


class TargetSettings(Section):
    """One channel of a route."""

    channel: Name
    """The `id` of a channel."""
    weight: float = Field(1.0, ge=0.0)
    """Share within its priority, relative to the others."""
    priority: int = Field(0, ge=0)
    """0 serves first; higher numbers when it cannot."""


class RouteSettings(Section):
    """One public model name and the channels behind it."""

    model: Name
    """The name that clients ask for."""
    objective: ObjectiveSettings | None = None
    """Without one, forecasts move nothing on this route."""
    targets: tuple[TargetSettings, ...] = Field(min_length=1)
    """Who serves it."""
    prefer: Literal["weights", "nearest"] = "weights"
    """`weights` shares traffic among all targets of a priority; `nearest` lets a farther region serve only when the
    nearer ones cannot (needs `gateway.region`)."""
    quality_min: Ratio = 0.0
    """The optimum of costs gives no share to channels whose `quality` is below it."""
    regions: tuple[Name, ...] = ()
    """Its requests are served in these regions alone, whatever fails; empty: in any. Keys, teams and `residency` can
    narrow that further."""
    attempts_max: int = Field(3, ge=1, le=10)
    """Tries of one request, the first included."""
    fallbacks: tuple[Name, ...] = ()
    """Other routes to try, in this order, when no channel of this one has answered."""
    sticky: bool = False
    """Prompts with the same beginning go to the same channel, which may have it cached."""
    hedge_after: Duration | None = None
    """When nothing has come after this long, a second channel is asked too, and the faster one serves. Both bill."""
    select: Select = Select.BALANCED
    """How one channel is chosen: `balanced` by shares, load and slowdown; `shares` by shares alone; or the best first
    by `price`, `latency` or `throughput`."""
