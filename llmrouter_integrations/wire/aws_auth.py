"""Who is asking: a Bedrock API key, or AWS credentials and a signature (SigV4) by botocore.

Credentials are those of the target's options, else whatever botocore's own chain finds
(environment, profile, SSO, container, instance). What the chain found is kept and renewed by
botocore; the instance metadata service gets one second and one try.
"""

from __future__ import annotations

import os
import re
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from llmrouter_integrations.errors import (
    AuthenticationError,
    ConfigurationError,
    MissingExtraError,
)

if TYPE_CHECKING:
    from llmrouter_integrations.wire.base import Endpoint

__all__ = ["authorisation", "region_of"]

SERVICE: Final = "bedrock"
REGION_ENV: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")
API_KEY_ENV: Final = "AWS_BEARER_TOKEN_BEDROCK"
METADATA_TIMEOUT_S: Final = 1
_HOST: Final = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
_LOCK: Final = Lock()
_FOUND: Final[dict[str | None, Any]] = {}
"""What botocore's chain found, by profile. Finding takes files and perhaps the network."""


def region_of(endpoint: Endpoint) -> str:
    """Give the AWS region: as the options say, as the URL shows, as the environment says.

    Raises:
        ConfigurationError: Nobody says.
    """
    if region := endpoint.options.get("region"):
        return str(region)
    if found := _HOST.match(urlsplit(endpoint.base_url).hostname or ""):
        return found.group(1)
    for name in REGION_ENV:
        if region := os.environ.get(name):
            return region
    raise ConfigurationError(
        f"target {endpoint.name!r} needs an AWS region: set options.region or AWS_REGION"
    )


def authorisation(
    endpoint: Endpoint, url: str, headers: list[tuple[str, str]], body: bytes
) -> list[tuple[str, str]]:
    """Give the headers that authorise a POST of exactly these bytes to exactly this URL.

    Args:
        endpoint: Whose key or credentials to use.
        url: As it will be sent, percent-encoded.
        headers: What else will be sent; ``x-amz-*`` and the content type are signed too.
        body: The bytes to be sent.

    Raises:
        AuthenticationError: There are neither key nor credentials, or they could not be renewed.
        MissingExtraError: A signature is needed and botocore is not installed.
    """
    explicit = endpoint.options.get("access_key_id")
    key = endpoint.api_key or (None if explicit else os.environ.get(API_KEY_ENV))
    if key:
        return [("authorization", f"Bearer {key}")]
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise MissingExtraError("AWS Bedrock", "bedrock", "botocore") from error
    signed = {
        name: value
        for name, value in headers
        if name.lower().startswith("x-amz-") or name.lower() == "content-type"
    }
    try:
        with _LOCK:  # botocore's lookup of credentials is not safe across threads
            credentials = _credentials(endpoint)
        if credentials is None:
            raise AuthenticationError(
                "found no AWS credentials: set AWS_BEARER_TOKEN_BEDROCK or an API key, or give "
                "AWS credentials by environment, profile or options",
                target=endpoint.name,
                sent=False,
            )
        frozen = credentials.get_frozen_credentials()
    except BotoCoreError as error:
        raise AuthenticationError(
            f"AWS credentials could not be had: {error}", target=endpoint.name, sent=False
        ) from error
    request = AWSRequest("POST", url, headers=signed, data=body)
    SigV4Auth(frozen, SERVICE, region_of(endpoint)).add_auth(request)
    return [
        (name.lower(), value)
        for name, value in request.headers.items()
        if name.lower() not in {sent.lower() for sent in signed}
    ]


def _credentials(endpoint: Endpoint) -> Any:
    options = endpoint.options
    if access_key := options.get("access_key_id"):
        from botocore.credentials import Credentials

        return Credentials(
            access_key, options.get("secret_access_key"), options.get("session_token")
        )
    profile = options.get("profile")
    found = _FOUND.get(profile)
    if found is None:
        from botocore.session import Session

        session = Session(profile=profile)
        session.set_config_variable("metadata_service_timeout", METADATA_TIMEOUT_S)
        session.set_config_variable("metadata_service_num_attempts", 1)
        found = session.get_credentials()
        if found is not None:
            _FOUND[profile] = found
    return found
