// The pool of threads and its monitor: whatever holds a thread holds up nobody. Time enters only as
// the most a test waits.
#include "actors/threads/io_scheduler.hpp"
#include "actors/threads/thread_pool.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <future>
#include <optional>

namespace behalf {
namespace {

using namespace std::chrono_literals;

// Something one waits for and another does.
class event {
public:
  void happen() { done_.set_value(); }
  /// False when it does not in a minute.
  bool happens() const { return seen_.wait_for(1min) == std::future_status::ready; }

private:
  std::promise<void> done_;
  std::shared_future<void> seen_ = done_.get_future().share();
};

struct pool_fixture {
  metrics meters;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy{io.get_executor()};
  caf::actor_system_config cfg;
  std::optional<caf::actor_system> sys;
  threads::thread_pool pool{io, meters, [this](std::vector<caf::resumable*> jobs) {
                              threads::adopt_jobs(*sys, std::move(jobs));
                            }};

  void start(std::size_t threads, std::size_t spares) {
    threads::run_actors_on(cfg, io);
    sys.emplace(cfg);
    pool.start({threads, spares});
  }
  ~pool_fixture() {
    sys.reset();
    pool.stop(deadline::max());
  }

  double lent_in_all() { return meters.counter("behalf_spare_threads_lent_total", "").value(); }
  bool all_back() const {
    for (auto by = std::chrono::steady_clock::now() + 1min; pool.lent() > 0;)
      if (std::chrono::steady_clock::now() > by)
        return false;
      else
        std::this_thread::yield();
    return true;
  }
};

} // namespace

TEST_CASE_METHOD(pool_fixture, "a handler that holds the only thread holds up nobody", "[pool]") {
  start(1, 1);
  event asked, held;
  boost::asio::post(io, [&] {
    static_cast<void>(asked.happens());
    held.happen();
  });
  boost::asio::post(io, [&] { asked.happen(); });
  CHECK(held.happens());
  CHECK(all_back()); // the monitor is through with lending
  CHECK(lent_in_all() == 1);
}

TEST_CASE_METHOD(pool_fixture, "an actor that holds the only thread holds up nobody it wrote to",
                 "[pool]") {
  start(1, 1);
  const threads::activity toiling{"toiling"};
  event asked, held;
  auto helper = sys->spawn(
    [&](caf::event_based_actor*) -> caf::behavior { return {[&](int) { asked.happen(); }}; });
  auto toiler = sys->spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[&, self](int n) {
      threads::doing(toiling);
      self->send(helper, n);
      static_cast<void>(asked.happens());
      held.happen();
    }};
  });
  caf::anon_send(toiler, 1);
  CHECK(held.happens());
  CHECK(toiling.may_hold_a_thread());
  CHECK(meters.gauge("behalf_longest_turn_seconds", "").value() >= 0.05);
}

TEST_CASE_METHOD(pool_fixture, "a spare that is held is replaced as well", "[pool]") {
  start(2, 7);
  event asked;
  std::atomic<int> ended{0};
  event all_ended;
  for (int i = 0; i < 8; ++i)
    sys->spawn([&](caf::event_based_actor*) {
      static_cast<void>(asked.happens());
      if (++ended == 8)
        all_ended.happen();
    });
  sys->spawn([&](caf::event_based_actor*) { asked.happen(); });
  CHECK(all_ended.happens());
  CHECK(lent_in_all() <= 7);
}

TEST_CASE_METHOD(pool_fixture, "a stop does not wait for ever, and says so", "[pool]") {
  start(1, 0);
  event begun, asked;
  boost::asio::post(io, [&] {
    begun.happen();
    static_cast<void>(asked.happens());
  });
  REQUIRE(begun.happens());
  CHECK_FALSE(pool.stop(std::chrono::steady_clock::now() + 20ms));
  asked.happen();
  CHECK(pool.stop(deadline::max()));
  pool.start({1, 0}); // for the actors' end
}

TEST_CASE("what held a thread is forgiven after many quick turns in a row", "[pool]") {
  threads::activity work{"work"};
  CHECK_FALSE(work.may_hold_a_thread());
  CHECK(work.held_a_thread());
  CHECK_FALSE(work.held_a_thread()); // known
  for (int i = 1; i < threads::activity::quick_turns_needed; ++i)
    work.took(1ms);
  CHECK(work.may_hold_a_thread());
  work.took(threads::activity::held_after);
  for (int i = 1; i < threads::activity::quick_turns_needed; ++i)
    work.took(1ms);
  CHECK(work.may_hold_a_thread());
  work.took(1ms);
  CHECK_FALSE(work.may_hold_a_thread());
}

} // namespace behalf
