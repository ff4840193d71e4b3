// A core actor must not die unnoticed: others wait for its answers without a timer.
#include "actors/admission/spawn.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/send.hpp>

namespace behalf {
namespace {

struct lost_fixture : actor_fixture {
  bool lost = false;
  authorizer_actor one = admission::spawn_authorizer(sys, nullptr);

  lost_fixture() {
    when_lost(one, [this] { lost = true; });
  }
  void end(caf::exit_reason why) {
    self->send_exit(one, why);
    sched.run();
  }
};

} // namespace

TEST_CASE_METHOD(lost_fixture, "a core actor that dies of a fault is missed", "[core]") {
  end(caf::exit_reason::unhandled_exception);
  CHECK(lost);
}

TEST_CASE_METHOD(lost_fixture, "a core actor that is told to end is not missed", "[core]") {
  end(caf::exit_reason::user_shutdown);
  CHECK_FALSE(lost);
}

TEST_CASE_METHOD(lost_fixture, "a core actor nobody needs any more is not missed", "[core]") {
  one = nullptr;
  CHECK_FALSE(lost);
}

} // namespace behalf
