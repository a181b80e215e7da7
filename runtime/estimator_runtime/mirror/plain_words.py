"""What went wrong with a store, in one line that holds no credentials.

A client's message may show the whole request: its address with a signature in the query, or headers. Of an address
only host and path are kept, and the values of the variables that hold secrets are replaced wherever they occur.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_SECRET_VARIABLE: Final = re.compile(
    r"(AWS|AZURE|GOOGLE)_\w*(KEY|TOKEN|SECRET|SAS|PASSWORD)\w*", re.IGNORECASE
)
CONNECTION_STRING: Final = "AZURE_STORAGE_CONNECTION_STRING"
"""The variable that names an account of Azure with its key or signature."""
_SECRET_PART: Final = re.compile(r"(?:AccountKey|SharedAccessSignature)=([^;]+)")
_FILE: Final = re.compile(r"_FILE$", re.IGNORECASE)
_QUERY: Final = re.compile(r"(https?://[^\s?\"]+)\?[^\s\",)]*")
_USER: Final = re.compile(r"(https?://)[^/\s@]+@")
_CODE: Final = re.compile(r"<Code>([^<]{1,100})</Code>")
_ENDPOINT: Final = "AWS_ENDPOINT_URL, AZURE_STORAGE_ENDPOINT or GOOGLE_BASE_URL"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A failure that a person mends.

    Attributes:
        hint: what to do.
        certain: whether no later request of this process can succeed; otherwise somebody may be mending it just now.
    """

    hint: str
    certain: bool


_MISTAKES: Final = (
    # The client's own words, and the codes that stores send.
    (r"builder error|RelativeUrlWithoutBase|relative URL|invalid (URL|port|format)|URL scheme", f"{_ENDPOINT} must be http:// or https:// and a host", True),
    (r"UnknownIssuer|invalid peer certificate|BadSignature|NotValidForName", "name the authorities of the store's certificate in AWS_CA_BUNDLE, and the host that it is for in the endpoint", True),
    (r"AuthorizationHeaderMalformed|PermanentRedirect|IllegalLocationConstraint|region .{0,40}is wrong", "set AWS_REGION to the bucket's region", True),
    (r"InvalidBucketName|InvalidResourceName|OutOfRangeInput", "no bucket or container can be called so", True),
    (r"Account must be specified", f"set AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or {CONNECTION_STRING}", True),
    (r"Invalid Access Key|SAS query pair", "copy the key or the signature as the account shows it, whole", True),
    (r"variant `external_account`", "files of workload identity federation are not read: use a service account's", True),
    (r"open service account file|decode service account file", "mount the file that GOOGLE_APPLICATION_CREDENTIALS names, of type service_account or authorized_user", True),
    (r"NoSuchBucket|ContainerNotFound|bucket does not exist", "make the bucket or container, or name another one", False),
    (r"InvalidAccessKeyId|SignatureDoesNotMatch|AuthenticationFailed|InvalidAuthenticationInfo", "look at the access key and its secret", False),
    (r"AuthenticationRequired|InvalidSecurity|invalid_grant|invalid_client", "look at the credentials: the file that names them, or the service account", False),
    (r"169\.254\.169\.254|metadata\.google\.internal", "no credentials are in the environment, and the machine has none to give: give them by envFrom or a service account; those of a profile by `aws configure export-credentials --format env`", False),
    (r"empty path segment|illegal character sequence", "a key there has a part that is empty (two slashes), . or .., or characters that cannot be seen: delete or rename that object, or name a folder without it", False),
    (r"Name or service not known|Name does not resolve|No address associated with hostname|nodename nor servname", f"nobody knows the host: look at {_ENDPOINT}, or the name of the account", False),
)  # fmt: skip
_CAUSE: Final = re.compile(r'(?:message|error): "([^"]{1,150})"')
_LONGEST: Final = 300
_SHORTEST_SECRET: Final = 4


def of_uri(uri: str) -> str:
    """`uri` without user, password, query and fragment, any of which may be a credential."""
    return _USER.sub(r"\1", re.split("[?#]", uri, maxsplit=1)[0])


def of(error: BaseException, variables: Mapping[str, str] = os.environ) -> str:
    """`error` in one line of at most 300 characters, with the store's own error code where it sent one."""
    text = str(error)
    code = _CODE.search(text)
    # What follows is the client's own source structure, for its authors.
    said, _, source = text.partition("\n\nDebug source:")
    line = " ".join(said.split())
    # Of a request that has reached nobody it says why, and nothing else does.
    cause = _CAUSE.findall(source)
    if cause and line.endswith("error sending request"):
        line = f"{line}: {cause[-1]}"
    if code is not None:
        line = f"{code[1]}: {line}"
    line = _USER.sub(r"\1", _QUERY.sub(r"\1", line))
    # A key may hold any, and the line goes to terminals and into the status.
    line = "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in line)
    for secret in _secrets(variables):
        if len(secret) >= _SHORTEST_SECRET:
            line = line.replace(secret, "***")
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _secrets(variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        if _SECRET_VARIABLE.fullmatch(name) and not _FILE.search(name):
            yield value
    yield from _SECRET_PART.findall(variables.get(CONNECTION_STRING, ""))


def of_settings(error: BaseException, variables: Mapping[str, str] = os.environ) -> str:
    """`error` as `of` tells it, of which no client could be made, with what to do where that is known."""
    found = mistake(error)
    return of(error, variables) + (f" - {found.hint}" if found else "")


def mistake(error: BaseException) -> Mistake | None:
    """What a person has to mend when `error` is of what the environment says; None when it is the store's own affair."""
    text = str(error)
    return next(
        (Mistake(hint, certain) for words, hint, certain in _MISTAKES if re.search(words, text)), None
    )
