# Tests that belong to no floor. (The unit tests stand in the fragments of their floors.)
TESTS += tests/check-floors.sh tests/check-text.sh
dist_check_SCRIPTS += tests/check-floors.sh tests/check-text.sh
