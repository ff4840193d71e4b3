// Catch2's own main: compiled once, every test file links against it.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
