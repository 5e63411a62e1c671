import pytest

from operators.scope import described, links_of, relates, scope_of
from schema import Resource
from tests.operators.edges import resource

A = resource("a", zone="z1", application="shop")


@pytest.mark.parametrize(
    ("other", "related"),
    [
        (resource("b"), True),
        (resource("b", "aws.rds"), False),
        (resource("b", "aws.rds", application="shop"), True),
        (resource("b", "aws.rds", app="shop"), True),
        (resource("b", "aws.rds", application="", app="shop"), True),
        (resource("b", "aws.rds", application="bank", app="shop"), False),
        (resource("b", "aws.rds", zone="z1"), True),
        (resource("b", "aws.rds", zone="shop"), False),
        (Resource("aws", "aws.rds", "other", "eu-west-1", "b", A.attributes), False),
        (Resource("aws", "aws.rds", "111122223333", "other", "b", A.attributes), False),
        (Resource("gcp", "aws.rds", "111122223333", "eu-west-1", "b", A.attributes), False),
    ],
)
def test_resources_relate_by_scope_or_by_a_link_within_one_place(
    other: Resource, related: bool
) -> None:
    assert relates(A, other) is related
    assert relates(other, A) is related


def test_nothing_links_resources_that_say_nothing_of_themselves() -> None:
    assert links_of(resource("a")) == ()
    assert not relates(resource("a"), resource("a", "aws.rds"))


def test_a_resource_of_unknown_origin_has_a_scope_too() -> None:
    assert scope_of(Resource("", "", "", "", "x")) == "scope||||"


def test_an_application_comes_before_a_zone() -> None:
    assert [link.split("|")[0] for link in links_of(A)] == ["application", "zone"]


def test_describes_place_and_what_is_known_besides() -> None:
    place = (("cloud", "aws"), ("account", "111122223333"), ("region", "eu-west-1"))
    rest = (("service", "aws.ec2"), ("application", "shop"), ("zone", "z1"))
    assert described(A) == place + rest
    assert described(resource("a")) == (*place, ("service", "aws.ec2"))
