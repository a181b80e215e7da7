"""Daily sales of shops that do not exist, and input functions over them.

A shop sells by the day of the week, a little more before the end of a month, and with luck. Every call with the same
arguments gives the same sales.
"""

import numpy as np
import tensorflow as tf

WINDOW = 14
OLD_SHOPS = range(1, 41)
NEW_SHOP = 1000


def daily_sales(shop, days):
    """Sales of the first `days` days of a shop in units of its long-term mean, float32 [days]."""
    random = np.random.RandomState(shop)
    week = 1.0 + 0.35 * np.sin(2 * np.pi * (np.arange(7) + random.uniform(0, 2)) / 7)
    week[6] *= random.uniform(0.1, 0.5)
    if shop >= NEW_SHOP:
        week[2] = 0.0  # closed on Wednesdays, which no old shop is
    day = np.arange(days)
    month = 1.0 + 0.15 * ((day % 30) > 24)
    luck = np.exp(random.normal(0, 0.08, days))
    return (week[day % 7] * month * luck).astype(np.float32)


def windows(shops, first_day, last_day):
    """Every day to forecast: {"history": [n, 14], "weekday": [n]} and the sales of the day, [n, 1]."""
    history, weekday, sold = [], [], []
    for shop in shops:
        sales = daily_sales(shop, last_day)
        for day in range(first_day + WINDOW, last_day):
            history.append(sales[day - WINDOW : day])
            weekday.append(day % 7)
            sold.append(sales[day])
    features = {"history": np.array(history), "weekday": np.array(weekday, np.int32)}
    return features, np.array(sold, np.float32)[:, np.newaxis]


def train_input_fn(shops, first_day, last_day, batch_size):
    """Endless shuffled batches."""
    features, sold = windows(shops, first_day, last_day)
    return tf.data.Dataset.from_tensor_slices((features, sold)).shuffle(len(sold)).repeat().batch(batch_size)


def eval_input_fn(shops, first_day, last_day):
    """Every day once."""
    return tf.data.Dataset.from_tensor_slices(windows(shops, first_day, last_day)).batch(256)
