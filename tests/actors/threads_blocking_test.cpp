// Threads for what may block: so many at once, the others by turns.
#include "actors/threads/blocking_threads.hpp"
#include "tests/support/catch.hpp"

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace behalf {
namespace {

using namespace std::chrono_literals;

const threads::activity toiling{"toiling"};

struct blocking_fixture {
  boost::asio::io_context io;
  metrics meters;
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
  std::mutex guard;
  std::vector<std::string> order;
  std::optional<threads::blocking_threads> threads;

  void note(const std::string& what) {
    std::lock_guard lock{guard};
    order.push_back(what);
  }
  /// Under way when this returns.
  void hold(const std::string& user = "holder") {
    auto begun = std::make_shared<std::promise<void>>();
    auto seen = begun->get_future();
    threads->run({"acme", "id", user}, toiling, [this, begun] {
      begun->set_value();
      opened.wait();
    });
    REQUIRE(seen.wait_for(1min) == std::future_status::ready);
  }
  void run(const std::string& user) {
    threads->run({"acme", "id", user}, toiling, [this, user] { note(user); });
  }
  double running() { return meters.gauge("behalf_blocking_turns", "").value(); }
  double queued() { return meters.gauge("behalf_blocking_turns_waiting", "").value(); }
};

} // namespace

TEST_CASE_METHOD(blocking_fixture, "what finds no thread waits, and users take turns", "[pool]") {
  threads.emplace(io, 1, meters);
  hold();
  for (const auto* user : {"alice", "alice", "alice", "bob"})
    run(user);
  CHECK(running() == 1);
  CHECK(queued() == 4);
  std::promise<void> last;
  open.set_value();
  threads->run({"acme", "id", "alice"}, toiling, [&] { last.set_value(); });
  REQUIRE(last.get_future().wait_for(1min) == std::future_status::ready);
  CHECK(threads->stop(std::chrono::steady_clock::now() + 1min));
  CHECK(order == std::vector<std::string>{"alice", "bob", "alice", "alice"});
}

TEST_CASE_METHOD(blocking_fixture, "no user takes all threads", "[pool]") {
  threads.emplace(io, 8, meters);
  for (int i = 0; i < 7; ++i)
    hold("alice");
  run("alice");
  hold("bob");
  CHECK(running() == 8);
  CHECK(queued() == 1);
  open.set_value();
  std::promise<void> last;
  threads->run({"acme", "id", "alice"}, toiling, [&] { last.set_value(); });
  REQUIRE(last.get_future().wait_for(1min) == std::future_status::ready);
  CHECK(threads->stop(std::chrono::steady_clock::now() + 1min));
  CHECK(order == std::vector<std::string>{"alice"});
}

TEST_CASE_METHOD(blocking_fixture, "a stop waits for what is under way, and drops the rest",
                 "[pool]") {
  threads.emplace(io, 1, meters);
  hold();
  auto held = std::make_shared<int>(1);
  threads->run({"acme", "id", "alice"}, toiling, [this, held] { note("alice"); });
  CHECK_FALSE(threads->stop(std::chrono::steady_clock::now() + 20ms));
  CHECK(held.use_count() == 1);
  open.set_value();
  CHECK(threads->stop(std::chrono::steady_clock::now() + 1min));
  CHECK(order.empty());
}

TEST_CASE_METHOD(blocking_fixture, "a thread that cannot be started is tried again", "[pool]") {
  int refused = 0;
  threads.emplace(io, 2, meters, [&](threads::blocking_threads::work serve) {
    if (++refused <= 2)
      throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
    return std::thread{std::move(serve)};
  });
  std::promise<void> last;
  threads->run({"acme", "id", "alice"}, toiling, [&] { last.set_value(); });
  CHECK(refused == 1);
  CHECK(queued() == 1);
  io.run(); // until nothing is to be tried again
  REQUIRE(last.get_future().wait_for(1min) == std::future_status::ready);
  CHECK(refused == 3);
  CHECK(threads->stop(std::chrono::steady_clock::now() + 1min));
}

} // namespace behalf
