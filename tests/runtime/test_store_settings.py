"""What a person has to mend in the environment of a store: said with what, where and how, and tried no more than helps."""

from datetime import timedelta

import obstore
import pytest
from obstore.store import MemoryStore
from store_servers import clear_environment

from estimator_runtime.errors import ModelDirUnavailableError, StoreSettingsError
from estimator_runtime.job import failures, model_store
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.staging import command
from estimator_runtime.job.staging.sources import SettingsError, source_of
from estimator_runtime.mirror import bucket, locations, plain_words, stores
from estimator_runtime.mirror.bucket import Bucket, open_bucket

URI = "s3://models/vision"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
    "AWS_REGION": "eu-west-1",
}
MISTAKES = {
    "a bundle that is not there": (
        {"AWS_CA_BUNDLE": "/none/ca.pem"},
        "AWS_CA_BUNDLE names /none/ca.pem, which",
    ),
    "an endpoint without a scheme": ({"AWS_ENDPOINT_URL": "minio:9000"}, "AWS_ENDPOINT_URL"),
    "an endpoint that is no address": ({"AWS_ENDPOINT_URL": "http://"}, "AWS_ENDPOINT_URL"),
    "an endpoint with a port that is none": ({"AWS_ENDPOINT_URL": "http://minio:90000"}, "AWS_ENDPOINT_URL"),
    "an endpoint of another scheme": ({"AWS_ENDPOINT_URL": "htp://minio"}, "must be http:// or https://"),
    "an option that is no truth value": ({"AWS_SKIP_SIGNATURE": "perhaps"}, "perhaps"),
}
"""Environments of which nothing can come, each with words that name the mistake."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_setting_that_cannot_be_ends_the_job_at_once(mistake, monkeypatch):
    more, words = MISTAKES[mistake]
    clear_environment(monkeypatch, KEYS | more)
    with pytest.raises(StoreSettingsError, match=words) as raised:
        model_store._patiently(lambda: open_bucket(URI).list())
    code, line = failures.describe(raised.value)
    assert code == 78
    assert line.startswith(f"{URI}: ")
    assert not any(KEYS[name] in line for name in KEYS if name != "AWS_REGION")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_so_it_does_where_an_input_is_staged(mistake, monkeypatch):
    more, words = MISTAKES[mistake]
    clear_environment(monkeypatch, KEYS | more)
    with pytest.raises(JobConfigError, match=words):
        source_of(URI, KEYS | more).entries()


def test_a_key_that_is_none_is_not_shown(monkeypatch):
    key = "not base64!"
    clear_environment(monkeypatch, {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_ACCOUNT_KEY": key})
    with pytest.raises(StoreSettingsError, match="Invalid Access Key") as raised:
        open_bucket("az://models/vision")
    assert key not in str(raised.value)


ACCOUNT_KEY = "Zm9vYmFyZm9vYmFy"
ACCOUNTS = {
    "its SDK": {"AZURE_STORAGE_ACCOUNT_NAME": "lions", "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY},
    "its command line": {"AZURE_STORAGE_ACCOUNT": "lions", "AZURE_STORAGE_KEY": ACCOUNT_KEY},
    "a connection string": {
        "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=https;AccountName=lions;"
        f"AccountKey={ACCOUNT_KEY};EndpointSuffix=core.windows.net"
    },
    "several": {
        "AZURE_STORAGE_CONNECTION_STRING": "AccountName=tigers;AccountKey=none;EndpointSuffix=example.org",
        "AZURE_STORAGE_ACCOUNT": "bears",
        "AZURE_STORAGE_ACCOUNT_NAME": "lions",
        "AZURE_STORAGE_KEY": ACCOUNT_KEY,
    },
}
"""The same account, as people name it."""


@pytest.mark.parametrize("way", ACCOUNTS)
def test_an_account_of_azure_is_named_as_people_name_it(way, monkeypatch):
    """A client that has an account signs the addresses that it gives away; nothing is asked of anybody."""
    clear_environment(monkeypatch, ACCOUNTS[way])
    store = stores.open_store(locations.parse("az://models/vision"))
    address = obstore.sign(store, "GET", "checkpoint", timedelta(hours=1))
    assert address.startswith("https://lions.blob.core.windows.net/models/vision/checkpoint?")


def test_a_connection_string_names_an_endpoint_and_a_signature(monkeypatch):
    text = (
        "BlobEndpoint=http://127.0.0.1:1/lions;AccountName=lions;SharedAccessSignature=sv=2024&sig=c2VjcmV0"
    )
    clear_environment(monkeypatch, {"AZURE_STORAGE_CONNECTION_STRING": text})
    with pytest.raises(ModelDirUnavailableError, match="Connection refused") as raised:
        open_bucket("az://models/vision").list()
    assert "c2VjcmV0" not in str(raised.value)
    assert "***" in plain_words.of(OSError("it has sv=2024&sig=c2VjcmV0"))
    clear_environment(monkeypatch, {"AZURE_STORAGE_CONNECTION_STRING": text.replace("http:", "htp:")})
    with pytest.raises(StoreSettingsError, match="BlobEndpoint in AZURE_STORAGE_CONNECTION_STRING is 'htp:"):
        open_bucket("az://models/vision")


@pytest.mark.parametrize(
    ("uri", "variables", "hint"),
    [
        ("az://models/a", {}, "set AZURE_STORAGE_ACCOUNT_NAME with"),
        (
            "az://models/a",
            {"AZURE_STORAGE_ACCOUNT_NAME": "a", "AZURE_STORAGE_SAS_TOKEN": "nonsense"},
            "copy the key or the signature",
        ),
        ("gs://models/a", {"GOOGLE_APPLICATION_CREDENTIALS": "/none.json"}, "mount the file that"),
    ],
)
def test_credentials_that_make_no_client_are_told_with_what_to_do(uri, variables, hint, monkeypatch):
    clear_environment(monkeypatch, variables)
    with pytest.raises(StoreSettingsError, match=f"^{uri}: .* - {hint}"):
        open_bucket(uri)
    with pytest.raises(JobConfigError, match=f"^{uri}: .* - {hint}"):
        source_of(uri, variables)


def test_a_host_that_does_not_answer_is_said_to_be_that(monkeypatch):
    clear_environment(monkeypatch, KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    monkeypatch.setattr(stores, "_REPEATING", {"max_retries": 0})
    with pytest.raises(ModelDirUnavailableError, match="error sending request: Connection refused") as raised:
        open_bucket(URI).list()
    assert not raised.value.may_be_settings


class PanicException(BaseException):
    """As the library's, which is no Exception either."""


def test_a_panic_of_the_library_is_a_store_that_fails(monkeypatch):
    """A thread that it ends would be waited for, for ever."""

    def panic(*arguments):
        raise PanicException("called `Result::unwrap()` on an `Err` value")

    monkeypatch.setattr(bucket.obstore, "list", panic)
    with pytest.raises(ModelDirUnavailableError, match="cannot list: called `Result::unwrap"):
        Bucket(MemoryStore(), uri=URI).list()


@pytest.mark.parametrize(
    ("said", "certain", "hint"),
    [
        ("<Error><Code>AuthorizationHeaderMalformed</Code></Error>", True, "set AWS_REGION"),
        ("<Error><Code>PermanentRedirect</Code></Error>", True, "set AWS_REGION"),
        ("invalid peer certificate: UnknownIssuer", True, "AWS_CA_BUNDLE"),
        ("<Error><Code>NoSuchBucket</Code></Error>", False, "make the bucket"),
        ("<Error><Code>ContainerNotFound</Code></Error>", False, "make the bucket or container"),
        ("<Error><Code>SignatureDoesNotMatch</Code></Error>", False, "the access key and its secret"),
        ("failed to lookup address information: Name or service not known", False, "nobody knows the host"),
        ("failed to lookup address information: Temporary failure in name resolution", None, ""),
        (
            "error sending request: PUT http://169.254.169.254/latest/api/token",
            False,
            "no credentials are in",
        ),
        ("<Error><Code>SlowDown</Code></Error>", None, ""),
        ("<Error><Code>ExpiredToken</Code></Error>", None, ""),
        ("connection refused", None, ""),
    ],
)
def test_what_a_person_has_to_mend(said, certain, hint):
    found = plain_words.mistake(OSError(said))
    assert (None if found is None else found.certain) == certain
    assert found is None or hint in found.hint


class Time:
    """Stands for the module `time`."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, secs):
        self.now += secs


@pytest.mark.parametrize(("is_first", "code"), [(True, 78), (False, 1)])
def test_what_may_be_mended_meanwhile_is_tried_for_a_minute_and_restarts_mend_it_only_where_it_has_worked(
    monkeypatch, is_first, code
):
    """A later attempt may have been given a secret that was changed just then: the next one has the new one."""
    time = Time()
    monkeypatch.setattr(model_store, "time", time)

    def read():
        raise ModelDirUnavailableError(f"{URI}: cannot list: NoSuchBucket", may_be_settings=True)

    with pytest.raises(ModelDirUnavailableError) as raised:
        model_store._patiently(read, is_first=is_first)
    assert time.now > 50
    assert failures.describe(raised.value)[0] == code


@pytest.mark.parametrize(("attempt", "code"), [("0", 78), ("2", 1)])
def test_an_input_that_is_refused(monkeypatch, tmp_path, attempt, code):
    def refuse(uri, variables):
        raise SettingsError(f"{uri}: NoSuchBucket - make the bucket or container, or name another one")

    monkeypatch.setattr(command, "source_of", refuse)
    monkeypatch.setattr(command.signal, "signal", lambda *arguments: None)
    log = tmp_path / "log"
    variables = {"ESTIMATOR_INPUTS": '[{"uri": "s3://none", "folder": "/x"}]', "ESTIMATOR_ATTEMPT": attempt}
    assert command.main(variables | {"ESTIMATOR_TERMINATION_LOG": str(log)}) == code
    assert (
        log.read_text()
        == "inputs: s3://none: NoSuchBucket - make the bucket or container, or name another one"
    )
