"""Machine-readable signs of a failure: codes, types and statuses."""

from collections.abc import Mapping
from typing import Final

from foreroute.core.failure import FailureClass as F

# fmt: off
_CODES_OF: Final[Mapping[F, tuple[str, ...]]] = {
    F.QUOTA_EXHAUSTED: (
        "insufficientquota", "insufficientquotaerror", "exceededcurrentquotaerror",
        "billinghardlimitreached", "billingnotactive", "billingerror", "paymentrequired", "arrearage",
        "allocationquota", "commoditynotpurchased", "servicequotaexceededexception", "insufficientcredits",
        "insufficientbalance", "quotaexhausted", "creditsexhausted", "usagelimitreached", "accountoverdueerror",
    ),
    F.AUTHENTICATION: (
        "invalidapikey", "apikeyinvalid", "authenticationerror", "authenticationfailed", "unauthenticated",
        "unauthorized", "expiredtoken", "expiredtokenexception", "unrecognizedclientexception",
        "invalidsignatureexception", "invalidtoken", "tokenexpired", "tokennotfoundindb",
        "missingauthenticationtoken", "incompletesignature", "accountdeactivated", "invalidcredentials",
    ),
    F.PERMISSION_OR_REGION_DENIED: (
        "unsupportedcountryregionterritory", "regionerror", "permissionerror", "permissiondenied", "permissiondeniederror", "modelnotopen",
    ),
    F.MODEL_NOT_FOUND: (
        "modelnotfound", "modelnotfounderror", "modeldecommissioned", "deploymentnotfound", "invalidmodel",
        "resourcenotfoundexception", "modelnotsupported", "modelnotavailable", "modelgone", "invalidendpointormodel",
        "unknownmodel", "modelnotexist",
    ),
    F.CONTEXT_LENGTH_EXCEEDED: (
        "contextlengthexceeded", "requesttoolarge", "stringabovemaxlength", "exceedcontextsizeerror",
        "toolarge",
    ),
    F.UNSUPPORTED_FEATURE: (
        "unsupportedparameter", "unsupportedvalue", "unsupportedapiformodel", "unsupportedoperation",
        "unsupportedfileformat", "unsupportedparamserror", "operationnotsupported", "unsupportedmodel",
    ),
    F.CONTENT_FILTERED: (
        "contentfilter", "contentpolicyviolation", "contentpolicyviolationerror",
        "responsibleaipolicyviolation", "datainspectionfailed", "prohibitedcontent", "blocklist",
        "moderationblocked", "sensitivewordsdetected", "sensitivecontentdetected",
        "inputtextsensitivecontentdetected", "outputtextsensitivecontentdetected",
    ),
    F.OVERLOADED: (
        "overloadederror", "overloaded", "engineoverloadederror", "serverisoverloaded",
        "modelcapacityexhausted", "modelunavailable", "slowdown", "serveroverloaded", "overcapacity", "flextiercapacityexceeded",
    ),
    F.COLD_START: (
        "modelnotreadyexception",
    ),
    F.TIMEOUT_READ: (
        "modeltimeoutexception", "requesttimeout", "timeouterror",
    ),
    F.BACKEND_DEAD: (
        "asyncenginedeaderror", "enginedeaderror", "mqenginedeaderror",
    ),
    F.MALFORMED_RESPONSE: (
        "malformedresponse",
    ),
    F.STREAM_INTERRUPTED: (
        "streaminterrupted",
    ),
}
# fmt: on

CODES: Final[Mapping[str, F]] = {code: kind for kind, codes in _CODES_OF.items() for code in codes}
"""By the code or type of an error object, lower case, without `-`, `_`, `.` and spaces."""

STATUSES: Final[Mapping[int, F]] = {
    401: F.AUTHENTICATION,
    402: F.QUOTA_EXHAUSTED,
    403: F.PERMISSION_OR_REGION_DENIED,
    408: F.TIMEOUT_READ,
    413: F.CONTEXT_LENGTH_EXCEEDED,
    415: F.UNSUPPORTED_FEATURE,
    424: F.SERVER_ERROR,
    425: F.OVERLOADED,
    429: F.RATE_LIMITED,
    498: F.OVERLOADED,
    501: F.UNSUPPORTED_FEATURE,
    503: F.OVERLOADED,
    504: F.TIMEOUT_READ,
    521: F.CONNECTION_REFUSED_OR_RESET,
    522: F.TIMEOUT_CONNECT,
    523: F.CONNECTION_REFUSED_OR_RESET,
    524: F.TIMEOUT_READ,
    525: F.TLS_FAILURE,
    526: F.TLS_FAILURE,
    529: F.OVERLOADED,
}
"""What a status means when nothing more was said. Those that are missing are told by their hundred."""
