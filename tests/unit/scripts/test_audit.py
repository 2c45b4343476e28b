"""The audit fails for a vulnerability alone, and never calls unaudited packages safe."""

from scripts.audit import audit, verdict

SAFE = {"name": "safe", "version": "1.0", "vulns": []}
FLAWED = {"name": "flawed", "version": "1.0", "vulns": [{"id": "CVE-2026-1", "fix_versions": ["1.1"]}]}
UNLISTED = {"name": "unlisted", "skip_reason": "Dependency not found on PyPI"}


def test_a_known_vulnerability_fails_and_is_named():
    status, message = verdict([SAFE, FLAWED, UNLISTED])
    assert status == 1
    assert "flawed 1.0: CVE-2026-1, mended in ['1.1']" in message


def test_audited_and_unlisted_packages_are_counted_apart():
    assert verdict([SAFE, UNLISTED]) == (0, "No known vulnerability in 1 pinned packages (1 not listed).")


def test_silence_of_the_advisory_service_is_told_as_not_audited():
    assert verdict([])[1].startswith("NOT AUDITED")
    assert verdict([UNLISTED])[1].startswith("NOT AUDITED")


def test_an_audit_that_takes_too_long_is_given_up(tmp_path):
    lock = tmp_path / "all.txt"
    lock.write_text("numpy==2.4.6\n")
    assert audit(lock, timeout_seconds=0.01) == []
