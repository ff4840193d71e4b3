// Who follows a thread is told everything its runs tell, in one count, for as long as it is there.
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

namespace behalf {
namespace {

struct followed_thread : run_fixture {
  std::string thread = uuid7();
  thread_form form = thread_form::runs;

  followed_thread() {
    serve(runs::pair());
    serve(runs::call());
  }

  thread_ref follow(std::optional<time_point> made = std::nullopt) {
    follow_thread m;
    m.tenant = "acme";
    m.thread_id = thread;
    m.form = form;
    m.who = alice->key();
    m.thread_created_at = made;
    auto ref = ask<thread_ref>(scheduler, std::move(m)).value();
    own(ref.events);
    return ref;
  }
  pending_answer<event_batch> next(const thread_ref& of, int64_t after = 0,
                                   std::weak_ptr<const void> viewer = {}) {
    next_events question{after};
    question.viewer = std::move(viewer);
    return ask_later<event_batch>(of.events, std::move(question));
  }
  std::vector<std::string> names(const thread_ref& of, int64_t after = 0) {
    std::vector<std::string> all;
    auto batch = next(of, after)();
    REQUIRE(batch);
    for (const auto& e : batch->value().events)
      all.push_back(e.name.substr(0, e.name.find('\n')));
    return all;
  }
  run_ref run_on(const std::string& graph_id = "pair", bool resumable = false,
                 json::value modes = "updates") {
    return start(
      thread, graph_id,
      {{"input", json::object{}}, {"stream_mode", std::move(modes)}, {"resumable", resumable}});
  }
};

const std::vector<std::string> one_run{"metadata", "updates", "updates", "metadata"};

} // namespace

TEST_CASE_METHOD(followed_thread, "a thread that is not there yet can be followed", "[streams]") {
  open();
  auto stream = follow();
  auto waiting = next(stream);
  CHECK_FALSE(waiting());
  auto run = run_on();
  REQUIRE(waiting());
  CHECK(names(stream) == one_run);
  auto last = next(stream, 3)()->value().events.back();
  CHECK(parse_json(*last.data).value()
        == json::value{{"status", "run_done"}, {"run_id", run.plan->run_id}});
}

TEST_CASE_METHOD(followed_thread, "runs follow one another in one count", "[streams]") {
  open();
  auto stream = follow();
  run_on();
  run_on();
  auto batch = next(stream)()->value();
  REQUIRE(batch.events.size() == 8);
  for (std::size_t i = 0; i < batch.events.size(); ++i)
    CHECK(batch.events[i].seq == static_cast<int64_t>(i) + 1);
  CHECK_FALSE(batch.last);
}

TEST_CASE_METHOD(followed_thread, "who comes later is told of runs that are still kept",
                 "[streams]") {
  open();
  run_on("pair", false);
  auto kept = run_on("pair", true);
  auto batch = next(follow())()->value();
  REQUIRE(batch.events.size() == 4);
  CHECK(batch.events[0].data->find(kept.plan->run_id) != std::string::npos);
}

TEST_CASE_METHOD(followed_thread,
                 "who comes in the middle of a run misses nothing and nothing twice", "[streams]") {
  open();
  outside.hold = true;
  run_on("call");
  auto early = follow();
  auto half = next(early)()->value();
  REQUIRE(half.events.size() == 2);
  let_outside_go();
  auto rest = next(early, half.last_seq)()->value();
  auto whole = next(follow())()->value();
  REQUIRE(half.events.size() + rest.events.size() == whole.events.size());
  CHECK(whole.events.size() == 4);
}

TEST_CASE_METHOD(followed_thread, "two forms of a thread's stream are both told everything",
                 "[streams]") {
  open();
  outside.hold = true;
  auto plain = follow();
  form = thread_form::protocol;
  auto protocol = follow();
  run_on("call");
  auto here = std::make_shared<const int>();
  auto half = next(plain, 0, here)()->value();
  let_outside_go();
  CHECK(half.events.size() + next(plain, half.last_seq, here)()->value().events.size() == 4);
  CHECK(names(protocol)
        == std::vector<std::string>{"lifecycle", "updates", "updates", "lifecycle"});
}

TEST_CASE_METHOD(followed_thread, "the protocol's events are numbered across runs", "[streams]") {
  form = thread_form::protocol;
  open();
  auto stream = follow();
  CHECK(*stream.base == 0);
  run_on();
  run_on();
  auto batch = next(stream)()->value();
  std::vector<std::string> channels = names(stream);
  CHECK(channels
        == std::vector<std::string>{"lifecycle", "updates", "updates", "lifecycle", "lifecycle",
                                    "updates", "updates", "lifecycle"});
  int64_t before = 0;
  for (const auto& e : batch.events) {
    const auto seq = parse_json(*e.data).value().at("seq").as_int64();
    CHECK(seq == before + 1);
    before = seq;
  }
}

TEST_CASE_METHOD(followed_thread, "the protocol tells a checkpoint before its values",
                 "[streams]") {
  form = thread_form::protocol;
  open();
  auto stream = follow();
  run_on("pair", false, json::array{"values", "checkpoints"});
  CHECK(names(stream)
        == std::vector<std::string>{"lifecycle", "checkpoints", "checkpoints", "checkpoints",
                                    "values", "checkpoints", "values", "lifecycle"});
}

TEST_CASE_METHOD(followed_thread, "numbers go on after those of an earlier server", "[streams]") {
  form = thread_form::protocol;
  open();
  auto stream = follow(now() - std::chrono::hours{1});
  CHECK(*stream.base >= 3'600'000'000);
  run_on();
  auto first = next(stream)()->value().events.front();
  CHECK(parse_json(*first.data).value().at("seq") == *stream.base + 1);
}

TEST_CASE_METHOD(followed_thread, "the end of a deleted thread ends its streams", "[streams]") {
  open();
  auto stream = follow();
  run_on();
  stop_runs erase;
  erase.tenant = "acme";
  erase.thread_id = thread;
  erase.why = stop_reason::erased;
  erase.who = alice->key();
  auto waiting = next(stream, 4);
  CHECK_FALSE(waiting());
  REQUIRE(ask<runs_stopped>(scheduler, std::move(erase)));
  REQUIRE(waiting());
  CHECK(waiting()->value().last);
}

TEST_CASE_METHOD(followed_thread, "the stop of the server ends all streams", "[streams]") {
  open();
  auto waiting = next(follow());
  stop_runs all;
  all.why = stop_reason::suspended;
  REQUIRE(ask<runs_stopped>(scheduler, std::move(all)));
  REQUIRE(waiting());
  CHECK(waiting()->value().last);
  follow_thread again;
  again.tenant = "acme";
  again.thread_id = thread;
  CHECK(ask<thread_ref>(scheduler, std::move(again)).error().code == errc::overloaded);
}

TEST_CASE_METHOD(followed_thread, "a stream that nobody reads is forgotten", "[streams]") {
  options->runs.resumable_ttl = std::chrono::minutes{2};
  open();
  auto users = [&] { return static_cast<runs::event_memory&>(*app->events).users(); };
  { auto silent = follow(); }
  CHECK(users() == 1);
  pass(std::chrono::seconds{1});
  CHECK(users() == 0);
}

TEST_CASE_METHOD(followed_thread, "viewers that left do not pile up", "[streams]") {
  open();
  auto stream = follow();
  std::vector<pending_answer<event_batch>> gone;
  for (int i = 0; i < 200; ++i)
    gone.push_back(next(stream, 0, std::weak_ptr<const void>{std::make_shared<int>()}));
  const auto refused = std::count_if(gone.begin(), gone.end(), [](auto& one) {
    auto answer = one();
    return answer && !*answer;
  });
  CHECK(refused >= 128);
}

TEST_CASE_METHOD(followed_thread, "a viewer that is there is kept among those that left",
                 "[streams]") {
  open();
  auto stream = follow();
  auto here = std::make_shared<int>();
  auto waiting = next(stream, 0, here);
  for (int i = 0; i < 200; ++i)
    next(stream, 0, std::weak_ptr<const void>{std::make_shared<int>()});
  CHECK_FALSE(waiting());
  run_on();
  REQUIRE(waiting());
  CHECK(waiting()->value().events.size() > 0);
}

TEST_CASE_METHOD(followed_thread, "a temporary thread is not followed", "[streams]") {
  open();
  auto m = order(thread, "pair", {{"input", json::object{}}});
  m.plan->temporary = m.plan->drop_thread = true;
  m.stateless = true;
  auto stream = follow();
  auto waiting = next(stream);
  REQUIRE(start(std::move(m)));
  CHECK_FALSE(waiting());
}

} // namespace behalf
