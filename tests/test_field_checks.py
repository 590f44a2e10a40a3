"""The fields of a dataclass, checked against its annotations and parsed from text."""

import dataclasses
from pathlib import Path
from typing import get_type_hints

import pytest
from worker_processes import finish, start

from tf_lstm.field_checks import describe_values, parse_field
from tf_lstm.recipes import RECIPES
from tf_lstm.settings import Recipe

TRAIN_MNIST = Path(__file__).resolve().parents[1] / "scripts" / "train_mnist.py"
FIELDS = [field.name for field in dataclasses.fields(Recipe)]
WORDS = {None: "none", True: "true", False: "false"}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_can_be_parsed_from_text(name):
    for value in {getattr(recipe, name) for recipe in RECIPES.values()}:
        text = WORDS[value] if value is None or isinstance(value, bool) else value
        parsed_name, parsed = parse_field(Recipe, f"{name}={text}")
        assert (parsed_name, parsed) == (name, value)
        assert type(parsed) is type(value)


@pytest.mark.parametrize("text", ["1", "1.0", "1e0"])
def test_a_number_may_be_written_as_a_whole_number(text):
    assert parse_field(Recipe, f"learning_rate={text}") == ("learning_rate", 1.0)


def test_a_text_may_contain_an_equals_sign_or_be_a_number():
    assert parse_field(Recipe, "description=a=b") == ("description", "a=b")
    assert parse_field(Recipe, "name=784") == ("name", "784")


@pytest.mark.parametrize(
    "text, message",
    [
        ("units", "'units' is not NAME=VALUE; NAME is one of name, description, .*, log_every"),
        ("unit=4", "'unit=4' is not NAME=VALUE; NAME is one of"),
        ("=4", "'=4' is not NAME=VALUE"),
        ("units=", "units is '', not a whole number from 1 to 8,192"),
        ("units=4.0", "units is '4.0', not a whole number"),
        ("units=none", "units is 'none', not a whole number"),
        ("units=99999", "units is '99999', not a whole number from 1 to 8,192"),
        ("dropout=nan", "dropout is 'nan', not a number from 0.0 to 0.99"),
        ("dropout=inf", "dropout is 'inf', not a number from 0.0 to 0.99"),
        ("validation=yes", "validation is 'yes', not true or false"),
        ("validation=1", "validation is '1', not true or false"),
        ("augment=affin", "augment is 'affin', not 'none' or 'affine_elastic' or "),
        ("global_clipnorm=false", "global_clipnorm is 'false', not a number from .* or none"),
    ],
)
def test_a_text_that_fits_no_field_is_refused_in_one_sentence(text, message):
    with pytest.raises(ValueError, match=message) as refusal:
        parse_field(Recipe, text)
    assert "\n" not in str(refusal.value)


def test_the_values_of_every_field_can_be_described():
    for name, annotation in get_type_hints(Recipe, include_extras=True).items():
        assert describe_values(annotation), name
    assert describe_values(int | None) == "a whole number or none"


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--set", "untis=4"], "'untis=4' is not NAME=VALUE; NAME is one of "),
        (["--set", "row_order=shufled"], "row_order is 'shufled', not 'reading' or "),
        (["--set", "dropout=1"], "dropout is '1', not a number from 0.0 to 0.99"),
        (["--set", "time_steps=30"], "time_steps is 30, which does not divide an image of"),
        (["--set", "bidirectional=true"], "loss_rows is 'all_and_last', but a bidirectional"),
        (["--units", "0"], "units is '0', not a whole number from 1 to 8,192"),
        (["--learning-rate", "nan"], "learning_rate is 'nan', not a number from 1e-09 to 10.0"),
    ],
)
def test_train_mnist_refuses_a_wrong_setting_in_one_sentence(flags, message):
    output, errors = finish(start([TRAIN_MNIST, *flags]), returncode=2)
    assert output == ""
    assert len(errors.splitlines()) == 1 and message in errors


@pytest.mark.parametrize("text, meant", [("unit=4", "units"), ("lossrows=last", "loss_rows")])
def test_the_most_similar_field_is_suggested(text, meant):
    with pytest.raises(ValueError, match=rf"did you mean {meant}\?"):
        parse_field(Recipe, text)
