"""Images from the Docker engine into a node's containerd, without those that it has."""

import json
import subprocess
from collections.abc import Sequence

from localcluster.failure import ClusterError
from localcluster.work import output, say, step

IMPORT = [
    "ctr",
    "--namespace=k8s.io",
    "images",
    "import",
    "--all-platforms",
    "--digests",
    "--snapshotter=overlayfs",
    "-",
]


def transfer(images: Sequence[str], node: str) -> None:
    """Import the images that the node has not, or has in another state.

    Raises:
        ClusterError: the engine has no such image, or the import fails.
    """
    present = _image_ids(node)
    wanted = {image: _local_id(image) for image in images}
    absent = [image for image, identity in wanted.items() if present.get(_full_name(image)) != identity]
    for image in images:
        if image not in absent:
            say(f"{node} has {image} already")
    if not absent:
        return
    size = sum(int(output(["docker", "image", "inspect", "-f", "{{.Size}}", image])) for image in absent)
    with (
        step(f"loading {', '.join(absent)} into {node}", expect=3 + size / 30e6),
        subprocess.Popen(["docker", "save", *absent], stdout=subprocess.PIPE) as save,
    ):
        ended = subprocess.run(
            ["docker", "exec", "-i", node, *IMPORT],
            stdin=save.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode != 0 or save.returncode != 0:
        raise ClusterError(f"loading images into {node} failed: {ended.stderr.strip()}")


def _local_id(image: str) -> str:
    try:
        return output(["docker", "image", "inspect", "-f", "{{.Id}}", image])
    except ClusterError as error:
        raise ClusterError(f"the Docker engine has no image {image}: build it first") from error


def _image_ids(node: str) -> dict[str, str]:
    """Image ids in a node by full name; an id is the digest of the image's configuration, as in the engine."""
    listed = json.loads(output(["docker", "exec", node, "crictl", "images", "--output=json"]))
    return {tag: image["id"] for image in listed["images"] for tag in image["repoTags"]}


def _full_name(image: str) -> str:
    """The name as containerd has it: with registry, folder and tag."""
    if ":" not in image.rpartition("/")[2]:
        image += ":latest"
    first, slash, _ = image.partition("/")
    if not slash:
        return f"docker.io/library/{image}"
    return image if "." in first or ":" in first or first == "localhost" else f"docker.io/{image}"
