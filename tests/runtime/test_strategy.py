"""Training and evaluation on a strategy's replicas, held against numbers worked out by hand."""

import pytest
import replicated
import tensorflow as tf

MIRRORED = ("mirrored", "mirrored v1", "central", "central v1")
SINGLE = ("one", "one v1", "mirrored on one")
FIRST_BATCHES = (1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0)


@pytest.fixture(scope="module")
def in_two_devices():
    """Calls a function in a process that has two CPU devices."""
    with replicated.executor() as executor:
        yield lambda function, *args, **kwargs: executor.submit(function, *args, **kwargs).result()


def mean_square(batch):
    return sum(x * x for x in batch) / len(batch)


def expected(steps, *, batches_per_step=2, losses_are="mean"):
    """w after some steps of gradient descent, and the losses of these steps.

    Each batch of a step belongs to one replica; `losses_are` what is minimised: the mean of the replicas' mean squared
    errors, their sum, or the sum of the squared errors of all examples ("declared sum").
    """
    w, losses, position = replicated.FIRST, [], 0
    for _ in range(steps):
        squares = []
        for _ in range(batches_per_step):
            squares.append(mean_square(FIRST_BATCHES[position % len(FIRST_BATCHES)]))
            position += 1
        total = sum(squares)
        if losses_are == "mean":
            total /= batches_per_step
        elif losses_are == "declared sum":
            total *= 2
        losses.append((w - 3) ** 2 * total)
        w -= replicated.RATE * 2 * (w - 3) * total
    return w, losses


# In the process with two devices


def trained(model_dir, strategy, **fields):
    estimator = replicated.train(model_dir, strategy, **fields)
    return replicated.values(estimator), replicated.reported_losses(str(model_dir))


def trained_by(model_dir, strategy, predict="by_get_variable", loss_of="mean", step="descent"):
    names = {"predict": predict, "loss_of": loss_of, "step": step}
    return trained(model_dir, strategy, **{key: getattr(replicated, name) for key, name in names.items()})


# Gradients and losses


@pytest.mark.parametrize("strategy", MIRRORED)
def test_replicas_minimise_the_mean_of_their_losses(in_two_devices, tmp_path, strategy):
    values, losses = in_two_devices(trained_by, tmp_path, strategy)
    w, expected_losses = expected(3)
    assert values == {"w": pytest.approx(w), "global_step": 3}
    assert losses == pytest.approx(expected_losses)


@pytest.mark.parametrize("strategy", SINGLE)
def test_one_replica_is_as_none(in_two_devices, tmp_path, strategy):
    values, losses = in_two_devices(trained_by, tmp_path, strategy)
    w, expected_losses = expected(3, batches_per_step=1)
    assert values == {"w": pytest.approx(w), "global_step": 3}
    assert losses == pytest.approx(expected_losses)


def test_a_loss_declared_a_sum_is_summed_over_the_replicas(in_two_devices, tmp_path):
    values, losses = in_two_devices(trained_by, tmp_path, "mirrored", loss_of="declared_sum")
    w, expected_losses = expected(3, losses_are="declared sum")
    assert values["w"] == pytest.approx(w)
    assert losses == pytest.approx(expected_losses)


def test_gradients_that_no_optimizer_computed_are_summed_and_so_is_the_loss(in_two_devices, tmp_path):
    values, losses = in_two_devices(trained_by, tmp_path, "mirrored", step="by_hand")
    w, expected_losses = expected(3, losses_are="sum")
    assert values["w"] == pytest.approx(w)
    assert losses == pytest.approx(expected_losses)


@pytest.mark.parametrize("strategy", ["mirrored", "one"])
def test_variables_made_by_their_class_have_the_same_names(in_two_devices, tmp_path, strategy):
    values, _ = in_two_devices(trained_by, tmp_path, strategy, predict="by_variable")
    w, _ = expected(3, batches_per_step=1 if strategy == "one" else 2)
    assert values == {"w": pytest.approx(w), "global_step": 3}


def steps_that_a_finite_input_makes(model_dir, batches):
    input_fn = lambda: replicated.batches_of_two().repeat().take(batches)
    return replicated.values(replicated.train(model_dir, "mirrored", steps=None, input_fn=input_fn))


def test_batches_that_are_not_enough_for_all_replicas_make_no_step(in_two_devices, tmp_path):
    values = in_two_devices(steps_that_a_finite_input_makes, tmp_path, batches=7)
    assert values == {"w": pytest.approx(expected(3)[0]), "global_step": 3}


# Checkpoints


def trained_in_turns(model_dir, strategies, predict):
    """Two steps under each strategy in turn, with an optimizer that has variables of its own.

    Returns the variables' names, the slopes after the turns, and the losses of all steps.
    """
    slopes = []
    for strategy in strategies:
        estimator = replicated.train(
            model_dir, strategy, steps=2, predict=getattr(replicated, predict), step=replicated.adam
        )
        (first, *_) = estimator.predict(replicated.batches_of_two)
        slopes.append(float(first["y"][0]))
    names = sorted(estimator.get_variable_names())
    return names, slopes, replicated.reported_losses(str(model_dir))


@pytest.mark.parametrize("predict", ["by_get_variable", "by_variable", "by_keras"])
def test_checkpoints_pass_between_strategies(in_two_devices, tmp_path, predict):
    alone, _, _ = in_two_devices(trained_in_turns, tmp_path / "alone", [None], predict)
    turns = [None, "mirrored", None, "mirrored v1"]
    names, slopes, losses = in_two_devices(trained_in_turns, tmp_path / "both", turns, predict)
    assert names == alone
    assert len(losses) == 8
    one, both = mean_square(FIRST_BATCHES[0]), mean_square(FIRST_BATCHES[0] + FIRST_BATCHES[1])
    assert losses[2::2] == pytest.approx(
        [(slope - 3) ** 2 * square for slope, square in zip(slopes, (both, one, both), strict=False)]
    )


def warm_started(model_dir):
    first = replicated.train(model_dir / "first", None)
    second = replicated.Estimator(
        replicated.model(),
        str(model_dir / "second"),
        replicated.config("mirrored"),
        warm_start_from=first.model_dir,
    )
    second.train(replicated.train_input, steps=1)
    w = [replicated.values(estimator)["w"] for estimator in (first, second)]
    return w, replicated.reported_losses(second.model_dir)


def test_warm_start_fills_all_replicas(in_two_devices, tmp_path):
    (before, after), losses = in_two_devices(warm_started, tmp_path)
    square = (mean_square(FIRST_BATCHES[0]) + mean_square(FIRST_BATCHES[1])) / 2
    assert losses == pytest.approx([(before - 3) ** 2 * square])
    assert after == pytest.approx(before - 2 * replicated.RATE * (before - 3) * square)


def with_state(x):
    normalised = tf.keras.layers.BatchNormalization(momentum=0.5, center=False, scale=False)(x, training=True)
    return replicated.by_get_variable(tf.keras.layers.Dropout(0.5, seed=3)(normalised, training=True))


def keras_state(model_dir):
    return replicated.values(replicated.train(model_dir, "mirrored", predict=with_state))


def test_keras_layers_change_their_state_and_nothing_initialises_it_again(in_two_devices, tmp_path):
    values = in_two_devices(keras_state, tmp_path)
    # Keras keeps the first replica's averages, whose batches have the means 1.5, 5.5 and 1.5.
    assert values["batch_normalization/moving_mean"] == pytest.approx([1.5 / 8 + 5.5 / 4 + 1.5 / 2])
    assert values["seed_generator/seed_generator_state"] == [3, 3]


# Evaluation


def evaluated(model_dir, strategy, *, examples=8, steps=None, loss_of="mean"):
    model_fn = replicated.model(loss_of=getattr(replicated, loss_of))
    replicated.train(model_dir, None, model_fn=model_fn, steps=1)
    estimator = replicated.Estimator(model_fn, str(model_dir), replicated.config(None, strategy))
    results = estimator.evaluate(lambda: replicated.batches_of_two(examples), steps=steps)
    return {name: float(value) for name, value in results.items()}


@pytest.mark.parametrize("strategy", [*MIRRORED, *SINGLE])
@pytest.mark.parametrize("loss_of", ["mean", "declared_sum"])
def test_metrics_are_those_of_one_device(in_two_devices, tmp_path, strategy, loss_of):
    alone = in_two_devices(evaluated, tmp_path / "alone", None, loss_of=loss_of)
    assert alone["global_step"] == 1
    assert alone["examples"] == 2
    results = in_two_devices(evaluated, tmp_path / "replicated", strategy, loss_of=loss_of)
    assert results == pytest.approx(alone)


def test_a_step_of_evaluation_is_a_batch_of_each_replica(in_two_devices, tmp_path):
    one_step = in_two_devices(evaluated, tmp_path / "replicated", "mirrored", steps=1)
    assert one_step == pytest.approx(in_two_devices(evaluated, tmp_path / "alone", None, steps=2))


def test_evaluation_leaves_out_what_is_not_enough_for_all_replicas(in_two_devices, tmp_path):
    six = in_two_devices(evaluated, tmp_path / "replicated", "mirrored", examples=6)
    assert six == pytest.approx(in_two_devices(evaluated, tmp_path / "alone", None, examples=4))


def train_and_evaluate_with_everything(model_dir):
    import estimator_runtime

    estimator = estimator_runtime.Estimator(
        replicated.model(),
        str(model_dir),
        replicated.config("mirrored", "mirrored v1", save_checkpoints_steps=2),
    )
    results, _ = estimator_runtime.train_and_evaluate(
        estimator,
        estimator_runtime.TrainSpec(replicated.train_input, max_steps=4),
        estimator_runtime.EvalSpec(replicated.batches_of_two, throttle_secs=0),
    )
    return {name: float(value) for name, value in results.items()}, replicated.values(estimator)


def test_train_and_evaluate_in_one_process(in_two_devices, tmp_path):
    results, values = in_two_devices(train_and_evaluate_with_everything, tmp_path)
    w, _ = expected(4)
    assert values["w"] == pytest.approx(w)
    assert results["global_step"] == 4
    assert results["mae"] == pytest.approx((3 - w) * 4.5, abs=1e-5)


def trained_without_v2_behavior(model_dir):
    tf.compat.v1.disable_v2_behavior()
    return trained_by(model_dir, "mirrored v1", predict="by_variable")


def test_without_v2_behavior(tmp_path):
    with replicated.executor() as executor:
        values, losses = executor.submit(trained_without_v2_behavior, tmp_path).result()
    w, expected_losses = expected(3)
    assert values == {"w": pytest.approx(w), "global_step": 3}
    assert losses == pytest.approx(expected_losses)


def test_each_replica_has_its_number_where_they_wait_for_each_other(in_two_devices):
    assert in_two_devices(replicated.numbers_in_each_replica, "mirrored") == ([0, 1], [0, 1])
