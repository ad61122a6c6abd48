"""The command line wins over the environment, the environment over the defaults, and nonsense ends with status 2."""

from __future__ import annotations

import pytest

from mock_api.options import parse


def test_the_defaults_make_a_fast_harmless_server() -> None:
    options = parse([], {})
    assert (options.total, options.limits.limit, options.api_key, options.rules) == (100_000, 0, None, ())
    assert (options.host, options.port, options.control, options.feed.cursor_ttl_ms) == ("127.0.0.1", 0, True, 120_000)


def test_the_environment_replaces_defaults_and_the_command_line_both() -> None:
    environment = {
        "MOCK_TOTAL_EVENTS": "7",
        "MOCK_SEED": "8",
        "MOCK_API_KEY": "k",
        "MOCK_RATE_LIMIT": "9",
        "MOCK_RATE_WINDOW_MS": "10",
        "MOCK_HOST": "::1",
        "MOCK_PORT": "",
    }
    options = parse(["--total", "70"], environment)
    assert (options.total, options.feed.seed, options.api_key, options.host, options.port) == (70, 8, "k", "::1", 0)
    assert (options.limits.limit, options.limits.window_ms) == (9, 10)


def test_faults_may_be_given_several_times() -> None:
    options = parse(["--fault", "slow=0.1,delay_ms=5", "--fault", "reset=0.01"], {})
    assert [rule.fault.name for rule in options.rules] == ["slow", "reset"]


@pytest.mark.parametrize(
    ("arguments", "environment", "reason"),
    [
        (["--port", "70000"], {}, "70000 is not in 0 to 65535"),
        (["--total", "-1"], {}, "-1 is not in 0 to"),
        (["--total", "many"], {}, "'many' is not a whole number"),
        ([], {"MOCK_PORT": "tcp://10.0.0.1:80"}, "Kubernetes sets NAME_PORT for a service called NAME"),
        ([], {"MOCK_TOTAL_EVENTS": "many"}, "argument --total: 'many' is not a whole number"),
        (["--cursor-ttl-ms", "0"], {}, "0 is not in 1 to"),
        (["--shape", "round"], {}, "invalid choice: 'round'"),
        (["--rate-headers", "x"], {}, "invalid choice: 'x'"),
        (["--fault", "odd=1"], {}, "unknown fault 'odd'"),
        (["--fault", "slow=2"], {}, "rate must be between 0 and 1"),
        (["--prep"], {}, "unrecognized arguments"),
    ],
)
def test_nonsense_ends_with_status_2_and_the_reason(
    arguments: list[str], environment: dict[str, str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(arguments, environment)
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


def test_help_names_every_fault_and_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"], {})
    text = capsys.readouterr().out
    for word in ("truncated_json", "malformed_events", "density=0.1", "MOCK_TOTAL_EVENTS", "MOCK_RATE_WINDOW_MS"):
        assert word in text
