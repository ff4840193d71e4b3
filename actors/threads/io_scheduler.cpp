#include "actors/threads/io_scheduler.hpp"

#include "actors/threads/thread_pool.hpp"

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/detail/simple_actor_clock.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <atomic>
#include <mutex>
#include <thread>

namespace behalf::threads {
namespace {

namespace asio = boost::asio;

// Delayed messages and timeouts, on one Asio timer. CAF's own clock wakes a thread at the end of
// every actor; here that end is a look into a map.
class io_clock final : public caf::detail::simple_actor_clock {
public:
  using super = caf::detail::simple_actor_clock;

  explicit io_clock(asio::io_context& io) : timer_(io) {}

  void set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                            uint64_t id) override {
    std::lock_guard lock{guard_};
    super::set_ordinary_timeout(t, self, type, id);
    arm();
  }
  void set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                         uint64_t id) override {
    std::lock_guard lock{guard_};
    super::set_multi_timeout(t, self, type, id);
    arm();
  }
  void set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) override {
    std::lock_guard lock{guard_};
    super::set_request_timeout(t, self, id);
    arm();
  }
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override {
    std::lock_guard lock{guard_};
    super::cancel_ordinary_timeout(self, type);
  }
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override {
    std::lock_guard lock{guard_};
    super::cancel_request_timeout(self, id);
  }
  void cancel_timeouts(caf::abstract_actor* self) override {
    std::lock_guard lock{guard_};
    super::cancel_timeouts(self);
  }
  void schedule_message(time_point t, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override {
    std::lock_guard lock{guard_};
    super::schedule_message(t, std::move(receiver), std::move(content));
    arm();
  }
  void schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender,
                        caf::message content) override {
    std::lock_guard lock{guard_};
    super::schedule_message(t, std::move(target), std::move(sender), std::move(content));
    arm();
  }
  void cancel_all() override {
    std::lock_guard lock{guard_};
    super::cancel_all();
    timer_.cancel();
    armed_ = time_point::max(); // later timers must fire too, or their actors would never end
  }

private:
  // Moves the timer only for an entry earlier than the one armed.
  void arm() {
    if (schedule_.empty() || schedule_.begin()->first >= armed_)
      return;
    armed_ = schedule_.begin()->first;
    timer_.expires_at(armed_);
    timer_.async_wait([this](boost::system::error_code ec) {
      if (!ec)
        fire();
    });
  }

  void fire() {
    std::lock_guard lock{guard_};
    armed_ = time_point::max();
    trigger_expired_timeouts();
    arm();
  }

  // Recursive: an entry may hold the last reference to an actor, whose end cancels its timeouts.
  std::recursive_mutex guard_;
  time_point armed_ = time_point::max();
  asio::steady_timer timer_;
};

class io_coordinator final : public caf::scheduler::abstract_coordinator {
public:
  using super = caf::scheduler::abstract_coordinator;

  io_coordinator(caf::actor_system& sys, asio::io_context& io)
    : super(sys), io_(io), clock_(io), unit_(*this) {}

  // As a continuation: on an I/O thread the job waits for the one under way to end, and wakes
  // another thread only when there is more than one to do.
  void enqueue(caf::resumable* job) override {
    jobs_.fetch_add(1, std::memory_order_relaxed);
    if (auto* seat = pool_seat::mine(); seat && seat->in_turn())
      seat->defer(job); // where the monitor finds it if the turn takes long
    else
      asio::defer(io_, [this, job] { run(job); });
  }

  void adopt(const std::vector<caf::resumable*>& jobs) {
    for (auto* job : jobs)
      asio::post(io_, [this, job] { run(job); });
  }

  void drop_timers() { clock_.cancel_all(); }

  caf::actor_clock& clock() noexcept override { return clock_; }

protected:
  // The last actor has ended, but maybe not the job that ended it, and CAF's own actors are to end
  // yet; the actor system, and this with it, go when this returns.
  void stop() override {
    stop_actors();
    clock_.cancel_all();
    while (jobs_.load(std::memory_order_acquire) != 0)
      std::this_thread::yield();
  }

private:
  // Shared by all threads: it holds nothing of a single one.
  class unit final : public caf::execution_unit {
  public:
    explicit unit(io_coordinator& owner) : execution_unit(&owner.system()), owner_(owner) {}
    void exec_later(caf::resumable* job) override { owner_.enqueue(job); }

  private:
    io_coordinator& owner_;
  };

  void run(caf::resumable* job) {
    auto* seat = pool_seat::mine();
    if (seat)
      seat->begin_turn();
    if (job->resume(&unit_, max_throughput_) == caf::resumable::resume_later)
      enqueue(job);
    else
      intrusive_ptr_release(job);
    if (seat) {
      seat->end_turn();
      seat->each_deferred(
        [this](caf::resumable* next) { asio::defer(io_, [this, next] { run(next); }); });
    }
    jobs_.fetch_sub(1, std::memory_order_release); // nothing of this may be used after it
  }

  asio::io_context& io_;
  io_clock clock_;
  unit unit_;
  std::atomic<std::size_t> jobs_{0}; // waiting or under way
};

} // namespace

void adopt_jobs(caf::actor_system& sys, std::vector<caf::resumable*> jobs) {
  dynamic_cast<io_coordinator&>(sys.scheduler()).adopt(jobs);
}

void drop_timers(caf::actor_system& sys) {
  dynamic_cast<io_coordinator&>(sys.scheduler()).drop_timers();
}

void run_actors_on(caf::actor_system_config& cfg, asio::io_context& io) {
  cfg.set("scheduler.max-throughput", std::size_t{50});
  cfg.module_factories.emplace_back([&io](caf::actor_system& sys) -> caf::actor_system::module* {
    return new io_coordinator{sys, io};
  });
}

} // namespace behalf::threads
