// A question must end: with an answer, or with an error when nobody is left to give one.
#include "actors/basics.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

using namespace behalf;

namespace {

struct riddle {
  bool keep = false;
};
struct solution {
  int value;
};
struct give_up {};

using sphinx_actor = caf::typed_actor<answers<riddle, solution>, takes<give_up>>;

struct sphinx_state {
  static inline const char* name = "sphinx";
  sphinx_state() = default;
  std::vector<promise_of<solution>> owed;
};

sphinx_actor::behavior_type sphinx(sphinx_actor::stateful_pointer<sphinx_state> self) {
  return {
    [self](const riddle& m) -> caf::result<solution> {
      promise_of<solution> answer{self};
      if (m.keep)
        self->state.owed.push_back(answer);
      return answer;
    },
    [self](give_up) { self->state.owed.clear(); },
  };
}

} // namespace

BEHALF_MESSAGE(riddle)
BEHALF_MESSAGE(solution)
BEHALF_MESSAGE(give_up)

TEST_CASE_METHOD(actor_fixture, "a dropped promise answers with an error", "[actors]") {
  auto dropped = ask<solution>(own(sys.spawn(sphinx)), riddle{});
  CHECK(dropped.error().code == errc::internal);
  CHECK(dropped.error().message == "a question was not answered");
}

TEST_CASE_METHOD(actor_fixture, "a promise waits for its last copy", "[actors]") {
  auto actor = own(sys.spawn(sphinx));
  auto answer = ask_later<solution>(actor, riddle{true});
  CHECK_FALSE(answer());
  tell(actor, give_up{});
  REQUIRE(answer());
  CHECK(answer()->error().message == "a question was not answered");
}

TEST_CASE_METHOD(actor_fixture, "an actor that ends answers what it owes", "[actors]") {
  auto actor = own(sys.spawn(sphinx));
  auto answer = ask_later<solution>(actor, riddle{true});
  self->send_exit(actor, caf::exit_reason::kill);
  REQUIRE(answer());
  CHECK(answer()->error().code == errc::internal);
}

TEST_CASE_METHOD(actor_fixture, "a promise is kept once", "[actors]") {
  auto actor = own(sys.spawn([](sphinx_actor::pointer me) -> sphinx_actor::behavior_type {
    return {
      [me](const riddle&) -> caf::result<solution> {
        const promise_of<solution> answer{me};
        answer.deliver(solution{42});
        answer.deliver(fail(errc::conflict, "too late"));
        return answer;
      },
      [](give_up) {},
    };
  }));
  CHECK(ask<solution>(actor, riddle{}).value().value == 42);
}

TEST_CASE_METHOD(actor_fixture, "anyone may drop a promise", "[actors]") {
  std::vector<promise_of<solution>> elsewhere;
  auto actor = own(sys.spawn([&](sphinx_actor::pointer me) -> sphinx_actor::behavior_type {
    return {
      [&, me](const riddle&) -> caf::result<solution> {
        return elsewhere.emplace_back(promise_of<solution>{me});
      },
      [](give_up) {},
    };
  }));
  auto answer = ask_later<solution>(actor, riddle{});
  CHECK_FALSE(answer());
  elsewhere.clear(); // between two turns: what the actor ran on is gone
  REQUIRE(answer());
  CHECK(answer()->error().code == errc::internal);
}
