"""A model directory in an object store: the training works in a local directory, and this room keeps both alike.

TensorFlow reads and writes the local directory and knows of no store. `fetching` brings what a process needs to begin;
`writer` carries what the process writes to the store, in the background; `follower` brings what another process writes
there. A key of the store is the file's path in the model directory, so that anybody can read the store without this
room: TensorBoard, KServe, a person.

Invariants of the store, whenever a process is killed:

* the file `checkpoint` names checkpoints that are whole, and never an older newest one than before;
* an export that can be loaded is whole: its `saved_model.pb` comes last and goes first;
* what was deleted locally is deleted there, a checkpoint only after `checkpoint` no longer names it.

docs/decisions/object-stores.md has the reasons.
"""
