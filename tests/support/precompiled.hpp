// What most tests of actors include; see behalf_precompile_also.
#pragma once

#include "tests/support/actor_fixture.hpp"
#include "tests/support/run_fixture.hpp"
