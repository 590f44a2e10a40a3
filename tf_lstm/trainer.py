"""The loss, the gradient step, and many steps in one traced function."""

import tensorflow as tf

from tf_lstm.augmentation import LIMITS, bend
from tf_lstm.rows import images_to_rows

NOT_FINITE = "the gradient is not finite"


def row_losses(logits, labels):
    """Softmax cross-entropy after every row, in nats.

    Args:
        logits: (batch, time steps, classes).
        labels: (batch,) integers.

    Returns:
        (batch, time steps). A network that knows nothing has ln(10) = 2.303 everywhere.
    """
    labels_every_row = tf.repeat(labels[:, tf.newaxis], logits.shape[1], axis=1)
    # From logits: the logarithm of a softmax that has underflowed to 0 would be -inf.
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels_every_row, logits)


def learning_rate_schedule(recipe, total_steps):
    """The learning rate: constant, or, as a Keras schedule, a linear warm-up and a cosine to 0."""
    if recipe.decay == "none":
        return recipe.learning_rate
    warmup_steps = min(recipe.warmup_steps, total_steps // 2)
    return tf.keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else recipe.learning_rate,
        decay_steps=max(1, total_steps - warmup_steps),
        warmup_target=recipe.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )


class Trainer(tf.Module):
    """A model, its optimizer and the training images: everything that a step depends on.

    Made in the scope of a `tf.distribute` strategy, as its model is, it trains on all its replicas.

    AutoGraph rewrites a function's source, so that `for` and `if` may depend on tensors. Only the
    loop of `train_steps` needs that; without it for the rest the first step comes twice as soon.

    Args:
        model: a `RowClassifier`.
        recipe: a `Recipe`.
        images, labels: (n, 28, 28) uint8 and (n,) integers. They become constants of the graph,
            and a step is told only which of them to take: the fastest way to feed it.
        total_steps: how many steps there will be, for the learning-rate schedule.
        shards: a replica's part of a batch is cut into so many that are computed side by side.
        seed: of dropout, of the bending of images and of row orders that are drawn.
    """

    def __init__(self, model, recipe, images, labels, total_steps, shards=1, seed=0):
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.images = tf.constant(images)
        self.labels = tf.constant(labels)
        self.strategy = tf.distribute.get_strategy()
        self.shards = shards
        self.seed = seed
        self.variables_to_train = list(model.variables_by_name.values())
        optimizer = {"adam": tf.keras.optimizers.Adam, "rmsprop": tf.keras.optimizers.RMSprop}
        self.optimizer = optimizer[recipe.optimizer](
            learning_rate_schedule(recipe, total_steps), epsilon=recipe.epsilon
        )
        # Its variables must exist before the first traced step: a graph cannot create them twice.
        self.optimizer.build(self.variables_to_train)
        # Of the epoch so far; `loss_sum` is of the last row's losses. All replicas hold the same.
        same = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.loss_sum, self.correct, self.seen = (
            tf.Variable(0.0, trainable=False, aggregation=same) for _ in range(3)
        )

    @tf.function(
        input_signature=[
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((), tf.int32),
            tf.TensorSpec((2,), tf.int64),
        ],
        autograph=False,
    )
    def shard_gradients(self, shard, batch_size, seed):
        """Loss and gradients of a part of a batch; traced once for all shards.

        Args:
            shard: (shard size,) which of the training images.
            batch_size: how many images the whole batch has, so that the parts add up to its mean.
            seed: (2,) int64, of everything random in this shard of this step.

        Returns:
            The sum of the last row's losses, the number classified correctly, and the gradients of
            all variables.
        """
        images = tf.gather(self.images, shard)  # (shard size, 28, 28)
        if self.recipe.augment != "none":
            images = bend(images, LIMITS[self.recipe.augment], seed)
        rows = images_to_rows(images, self.recipe, seed=seed)  # (shard size, time steps, features)
        labels = tf.gather(self.labels, shard)
        with tf.GradientTape() as tape:
            logits = self.model(rows, dropout_seed=seed)  # (shard size, time steps, classes)
            losses = row_losses(logits, labels)  # (shard size, time steps)
            last_losses = losses[:, -1]
            objective = last_losses
            if self.recipe.loss_rows == "every":
                objective += tf.reduce_mean(losses, axis=1)
            loss = tf.reduce_sum(objective) / tf.cast(batch_size, tf.float32)
        gradients = tape.gradient(loss, self.variables_to_train)
        return tf.reduce_sum(last_losses), count_correct(logits, labels), *gradients

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)], autograph=False)
    def train_step(self, batch):
        """One gradient step on the training images numbered `batch`, (batch,) int32."""
        self.strategy.run(self.replica_step, args=(batch,))

    def replica_step(self, batch):
        """What each replica does in a step. Without a strategy there is one, and it does all.

        The batch is cut into parts, `shards` for each replica. The shards do not depend on each
        other, so TensorFlow computes one on each core. Adding up the gradients of all parts gives
        the gradient of the whole batch.
        """
        replica = tf.distribute.get_replica_context()
        parts = self.shards * replica.num_replicas_in_sync
        # A step's randomness depends on its number alone: a run that is resumed draws the same.
        step = tf.cast(self.optimizer.iterations, tf.int64)
        sums = []
        for shard in range(self.shards):
            part = replica.replica_id_in_sync_group * self.shards + shard
            seed = tf.stack(
                [tf.constant(self.seed, tf.int64), step * parts + tf.cast(part, tf.int64)]
            )
            sums.append(self.shard_gradients(batch[part::parts], tf.size(batch), seed))
        sums = [tf.add_n(same) for same in zip(*sums, strict=True)]
        last_losses, correct, *gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, sums)
        # An infinite gradient, or one that is no number, stops here: the weights stay as they are.
        norm = tf.debugging.check_numerics(tf.linalg.global_norm(gradients), NOT_FINITE)
        if self.recipe.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.recipe.clip_norm, norm)
        # The optimizer sums over the replicas once more.
        gradients = [gradient / replica.num_replicas_in_sync for gradient in gradients]
        with tf.control_dependencies([norm]):
            self.optimizer.apply(gradients, self.variables_to_train)
        self.loss_sum.assign_add(last_losses)
        self.correct.assign_add(correct)
        self.seen.assign_add(tf.cast(tf.size(batch), tf.float32))

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)])
    def train_steps(self, order):
        """One step after another over the images numbered `order`, without going back to Python.

        The last batch is a smaller one where the batch size does not divide the number of images.
        """
        batch_size = self.recipe.batch_size
        for start in tf.range(0, tf.size(order), batch_size):
            self.train_step(order[start : start + batch_size])

    def start_epoch(self):
        """Begin the epoch's means anew."""
        for variable in (self.loss_sum, self.correct, self.seen):
            variable.assign(tf.zeros_like(variable))

    def epoch_metrics(self):
        """Mean loss after the last row, and accuracy, of the epoch's steps so far, as floats."""
        loss_sum, correct, seen = (
            float(tf.convert_to_tensor(v)) for v in (self.loss_sum, self.correct, self.seen)
        )
        return loss_sum / max(1, seen), correct / max(1, seen)

    def training_images(self, batch):
        """The training images numbered `batch`, and their labels, as arrays."""
        return tf.gather(self.images, batch).numpy(), tf.gather(self.labels, batch).numpy()

    @property
    def learning_rate(self):
        """Of the next step."""
        return float(tf.convert_to_tensor(self.optimizer.learning_rate))

    @property
    def step(self):
        """How many steps have been taken."""
        return int(tf.convert_to_tensor(self.optimizer.iterations))


def count_correct(logits, labels):
    """How many images the last row's logits, `logits[:, -1]`, classify correctly: float32."""
    predicted = tf.argmax(logits[:, -1], axis=1, output_type=tf.int32)
    return tf.reduce_sum(tf.cast(predicted == tf.cast(labels, tf.int32), tf.float32))
