import msgspec
import pytest

from operators.admission import OTHERS, Admission, AdmissionState, LimitSettings
from operators.packing import Named
from tests.operators.group_input import named, series

EVERY_MS = 21_600_000
HERE = 360.0 * 10  # a minute of window 10


def of(name: str, account: str = "1", minute: float = HERE) -> Named:
    one = series(name)
    resource = msgspec.structs.replace(one.resource, account=account)
    return named(msgspec.structs.replace(one, resource=resource), minute)


def begun(**limits: int) -> Admission:
    admission = Admission(LimitSettings(**limits), EVERY_MS)
    admission.begin(10, (), ())
    return admission


def test_an_account_takes_no_more_resources_than_its_share_and_others_go_on() -> None:
    admission = begun(account_resources=2)
    assert [admission.admit(of(n), 0, is_new=True) for n in "abc"] == [True, True, False]
    assert admission.admit(of("d", "2"), 0, is_new=True)
    assert admission.told() == (("1", "account_resources", 1),)
    assert admission.told() == ()


def test_what_is_full_takes_nothing_new_until_the_window_ends() -> None:
    admission = begun(account_resources=1)
    admission.admit(of("a"), 0, is_new=True)
    admission.admit(of("b"), 0, is_new=True)
    assert not admission.admit(of("a"), 1, is_new=True)  # another series of one that it has
    assert admission.refuses(of("b"))
    assert not admission.refuses(of("b", minute=HERE + 360))  # it will be asked for again then
    assert not admission.refuses(of("x", "2"))
    admission.begin(11, ["1"], ["1"])
    assert admission.admit(of("a"), 1, is_new=True)
    assert not admission.has_refused


def test_all_accounts_together_have_a_limit() -> None:
    admission = begun(resources=2)
    assert admission.admit(of("a", "1"), 0, is_new=True)
    assert admission.admit(of("b", "2"), 0, is_new=True)
    assert not admission.admit(of("c", "3"), 0, is_new=True)
    assert admission.is_full("4")
    assert admission.told() == (("3", "resources", 1),)


def test_one_resource_can_have_so_many_series_and_its_account_is_not_closed_for_it() -> None:
    admission = begun(resource_series=2)
    assert admission.admit(of("a"), 1, is_new=True)
    assert not admission.admit(of("a"), 2, is_new=True)
    assert admission.admit(of("a"), 2, is_new=False)  # one more stream of a series that it has
    assert admission.admit(of("b"), 0, is_new=True)


def test_growth_is_bounded_once_an_account_is_known() -> None:
    admission = begun(account_new_series=1)
    assert all(admission.admit(of(n), 0, is_new=True) for n in "abc")  # its first window
    admission.begin(11, ["1"] * 3, ["1"] * 3)
    assert [admission.admit(of(n), 0, is_new=True) for n in "de"] == [True, False]
    assert admission.told() == (("1", "account_new_series", 1),)


def test_made_up_accounts_cost_no_memory() -> None:
    admission = begun(resources=5)
    for i in range(1000):
        admission.admit(of("a", f"account-{i}"), 0, is_new=True)
    assert len(admission.state().used) == 5
    told = admission.told()
    assert len(told) <= 102
    assert sum(n for _, _, n in told) == 995
    assert OTHERS in {account for account, _, _ in told}


def test_a_snapshot_keeps_what_is_full() -> None:
    admission = begun(account_resources=1)
    admission.admit(of("a"), 0, is_new=True)
    admission.admit(of("b"), 0, is_new=True)
    again = Admission(LimitSettings(account_resources=1), EVERY_MS)
    raw = msgspec.msgpack.encode(admission.state())
    again.resume(msgspec.msgpack.decode(raw, type=AdmissionState))
    assert again.refuses(of("c"))
    assert again.state() == admission.state()


def test_key_groups_take_equal_shares_but_a_resource_is_in_one() -> None:
    share = LimitSettings(resources=10, account_resources=9, resource_series=7).share(4)
    assert (share.resources, share.account_resources, share.resource_series) == (3, 3, 7)


@pytest.mark.parametrize("name", LimitSettings.__struct_fields__)
@pytest.mark.parametrize("value", [0, -1, 1_000_000_001])
def test_limits_are_positive(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be in .*, got {value}"):
        LimitSettings(**{name: value})
