// A plugin's `authenticate` handler that blocks: whom it judges waits, and nobody else.
#include "tests/support/api_client.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/running_fixture.hpp"

#include <list>

using namespace behalf;
using namespace behalf::testing;

namespace {

struct slow_directory {
  tally asked;
  std::promise<void> end;
  std::shared_future<void> answers = end.get_future().share();
};

coroutine<result<auth_answer>> ask_directory(auth_context ctx, std::shared_ptr<slow_directory> of) {
  auth_answer answer;
  answer.identity = std::string(ctx.request().bearer());
  if (answer.identity == "slow") {
    of->asked.add();
    of->answers.wait();
  }
  co_return answer;
}

using patient_client = basic_raw_client<patient_socket>;

// Known callers hear that there is no such thing, others that they are unknown.
void ask_as(patient_client& client, const std::string& token) {
  client.send(get_request("/nothing", "Authorization: Bearer " + token + "\r\n"));
}

} // namespace

TEST_CASE("callers whom the authenticate handler keeps waiting hold up nobody else", "[threads]") {
  auto directory = std::make_shared<slow_directory>();
  running_fixture server{std::chrono::seconds{60}, 2, [&](system_setup& s) {
                           s.plugins.authenticate([directory](auth_context ctx) {
                             return ask_directory(std::move(ctx), directory);
                           });
                         }};
  constexpr int many = 24; // more than the pool could lend threads for
  std::list<patient_client> waiting;
  for (int i = 0; i < many; ++i) {
    waiting.emplace_back(server.system->port());
    ask_as(waiting.back(), "slow");
  }
  CHECK(directory->asked.reaches(many));
  patient_client alice{server.system->port()};
  ask_as(alice, "alice");
  CHECK(alice.read_reply().status == 404);
  directory->end.set_value();
  for (auto& client : waiting)
    CHECK(client.read_reply().status == 404);
}
