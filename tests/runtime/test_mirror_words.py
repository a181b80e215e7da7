"""What is said of a store's failures holds no credentials, and a URI says which store is meant."""

import pytest

from estimator_api.constants import MODEL_DIR_ERROR
from estimator_runtime.errors import ModelDirUnavailableError
from estimator_runtime.job import failures
from estimator_runtime.job.settings import stored_files
from estimator_runtime.mirror import locations, plain_words
from estimator_runtime.mirror.bucket import open_bucket

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzE",
    "AZURE_STORAGE_ACCOUNT_KEY": "Zm9vYmFy",
    "AZURE_STORAGE_SAS_TOKEN": "sv=2024&sig=abc",
    "AWS_REGION": "eu-west-1",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token",
}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Error performing PUT https://h.example/b/k?X-Amz-Signature=12&X-Amz-Credential=AKIAEXAMPLE in 3ms\n\n"
            "Debug source:\nGeneric { headers }",
            "Error performing PUT https://h.example/b/k in 3ms",
        ),
        ("key AKIAEXAMPLE with wJalrXUtnFEMI and FwoGZXIvYXdzE", "key *** with *** and ***"),
        ("GET https://user:password@h.example/b failed", "GET https://h.example/b failed"),
        (
            "status 503\n<Error><Code>SlowDown</Code></Error>",
            "SlowDown: status 503 <Error><Code>SlowDown</Code></Error>",
        ),
        ("token sv=2024&sig=abc of Zm9vYmFy", "token *** of ***"),
        ("in eu-west-1 by /var/run/token", "in eu-west-1 by /var/run/token"),
        ("x" * 1000, "x" * 297 + "..."),
    ],
)
def test_an_error_in_one_line_without_credentials(said, told):
    assert plain_words.of(OSError(said), SECRETS) == told


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://models", ("s3", "models", "")),
        ("s3://models/vision/", ("s3", "models", "vision")),
        ("az://models//a/b", ("az", "models", "a/b")),
        ("gs://models/vision", ("gs", "models", "vision")),
        ("hdfs://models/vision", None),
        ("/model", None),
    ],
)
def test_places(uri, place):
    found = locations.parse(uri)
    assert (None if found is None else (found.scheme, found.container, found.prefix)) == place


@pytest.mark.parametrize(
    ("asked", "schemes"),
    [(None, ("s3", "az")), ("gs", ("s3", "az", "gs")), ("", ("s3", "az")), ("hdfs", ("s3", "az"))],
)
def test_what_a_job_chooses_to_mirror(asked, schemes, monkeypatch):
    variables = {} if asked is None else {"ESTIMATOR_MIRROR": asked}
    assert locations.chosen(variables) == schemes
    monkeypatch.delenv("ESTIMATOR_MIRROR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for scheme in ("s3", "az", "gs", "hdfs"):
        assert stored_files.is_stored(f"{scheme}://models/x") == (scheme in schemes)
    assert not stored_files.is_stored("gs")


def test_a_uri_without_a_bucket():
    with pytest.raises(ValueError, match="s3:///vision names no bucket"):
        locations.parse("s3:///vision")


def test_another_scheme_is_refused_with_those_that_work():
    with pytest.raises(ValueError, match="hdfs://a/b is in no object store .* s3://, az://"):
        open_bucket("hdfs://a/b")


def test_the_operator_knows_by_its_name_what_a_replica_failed_of():
    code, words = failures.describe(ModelDirUnavailableError("s3://models/vision: cannot list: NoSuchBucket"))
    assert code == 1
    assert words.startswith(f"{MODEL_DIR_ERROR}: s3://models/vision")
