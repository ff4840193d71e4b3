#include "actors/runs/webhook_queue.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const deadline noon{100h};

runs::waiting_call call(const std::string& run, const std::string& user = "alice") {
  return {"acme", run, user};
}

std::vector<std::string> names(const std::vector<runs::waiting_call>& calls) {
  std::vector<std::string> all;
  for (const auto& one : calls)
    all.push_back(one.run_id);
  return all;
}

using names_list = std::vector<std::string>;

runs::webhook_options sizes(std::size_t at_once, std::size_t per_user) {
  runs::webhook_options o;
  o.at_once = at_once;
  o.at_once_per_user = per_user;
  return o;
}

} // namespace

TEST_CASE("a call is made when it is due", "[webhooks]") {
  runs::webhook_queue q;
  CHECK_FALSE(q.next_due());
  q.add(call("b"), noon + 2s);
  q.add(call("a"), noon + 1s);
  CHECK(q.next_due() == noon + 1s);
  CHECK(q.take_due(noon).empty());
  CHECK(names(q.take_due(noon + 1s)) == names_list{"a"});
  CHECK(q.next_due() == noon + 2s);
  CHECK(names(q.take_due(noon + 5s)) == names_list{"b"});
  CHECK(q.size() == 2);
  q.over(call("a"));
  q.over(call("b"));
  CHECK(q.size() == 0);
}

TEST_CASE("a call that is there already is not made twice at once", "[webhooks]") {
  runs::webhook_queue q;
  q.add(call("a"), noon);
  q.add(call("a"), noon);
  CHECK(names(q.take_due(noon)) == names_list{"a"});
  q.add(call("a"), noon);
  CHECK(q.take_due(noon).empty());
  q.over(call("a"));
  q.over(call("a"));
  q.add(call("a"), noon);
  CHECK(names(q.take_due(noon)) == names_list{"a"});
}

TEST_CASE("one user's calls leave room for another's", "[webhooks]") {
  runs::webhook_queue q{sizes(3, 2)};
  for (auto run : {"a", "b", "c", "d"})
    q.add(call(run), noon);
  CHECK(names(q.take_due(noon)) == names_list{"a", "b"});
  q.add(call("x", "bob"), noon);
  q.add(call("y", "bob"), noon);
  CHECK(names(q.take_due(noon)) == names_list{"x"});
  CHECK(q.take_due(noon).empty());
  q.over(call("a"));
  CHECK(q.take_due(noon).size() == 1);
  q.over(call("b"));
  q.over(call("x", "bob"));
  CHECK(q.take_due(noon).size() == 2);
}

TEST_CASE("what there is no room for is asked for again", "[webhooks]") {
  runs::webhook_queue q{sizes(8, 1), 8};
  for (auto run : {"a", "b", "c", "d", "e", "f", "g", "h", "i"})
    q.add(call(run), noon);
  CHECK(q.size() == 7);
  for (auto run : {"a", "b", "c"}) {
    q.take_due(noon);
    q.over(call(run));
    CHECK_FALSE(q.wants_more());
  }
  q.take_due(noon);
  q.over(call("d"));
  CHECK(q.wants_more());
  CHECK_FALSE(q.wants_more());
  CHECK(q.size() == 3);
}

TEST_CASE("a user whose calls nobody takes leaves others room to wait", "[webhooks]") {
  runs::webhook_queue q{sizes(8, 2), 8};
  for (int i = 0; i < 20; ++i)
    q.add(call(std::to_string(i)), noon);
  CHECK(q.size() == 7);
  q.take_due(noon);
  for (auto run : {"x", "y", "z"})
    q.add(call(run, "bob"), noon);
  CHECK(names(q.take_due(noon)) == names_list{"x", "y"});
  q.over(call("x", "bob"));
  CHECK(q.wants_more()); // alice's are not waited for
  q.add(call("z", "bob"), noon);
  CHECK(names(q.take_due(noon)) == names_list{"z"});
}
