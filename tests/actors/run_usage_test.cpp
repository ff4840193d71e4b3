// What a run's models cost: written with the run's own writes, once, whatever becomes of the run.
#include "agents/models/spending.hpp"
#include "behalf/chat_model.hpp"
#include "tests/support/run_fixture.hpp"

using namespace behalf;

namespace {

std::shared_ptr<const graph> asks_main() {
  graph_builder b{"asks"};
  b.channel("messages", flow::messages());
  b.node("work", [](state_view, context ctx) -> coroutine<node_result> {
    auto asked = ask_model(ctx, "main", chat_request{list(human("hi"))});
    auto said = co_await std::move(asked);
    if (!said)
      co_return said.error();
    co_return flow::update{{"messages", list(std::move(*said))}};
  });
  b.edge(flow::start, "work").edge("work", flow::end);
  return b.build().value();
}

std::shared_ptr<const graph> asks_again_and_again(int times) {
  graph_builder b{"asks_on"};
  b.channel("messages", flow::messages()).channel("left", flow::last_value());
  b.node("work", [times](state_view state, context ctx) -> coroutine<node_result> {
    auto asked = ask_model(ctx, "main", chat_request{list(human("hi"))});
    auto said = co_await std::move(asked);
    if (!said)
      co_return said.error();
    co_return flow::update{{"left", state.number("left", times) - 1}};
  });
  b.edge(flow::start, "work")
    .conditional("work", [](const state_view& state, const context&) -> flow::route {
      return state.number("left") > 0 ? "work" : flow::end;
    });
  return b.build().value();
}

struct usage_fixture : run_fixture {
  std::vector<std::vector<usage_row>> written; // of the writes that held any
  std::size_t refuse_next = 0;                 // of the writes with usage

  usage_fixture() {
    auto models = std::make_shared<model_directory>();
    auto& main = models->by_name["main"];
    main.name = main.model = "main";
    main.prices.output = 1e6;
    app->models = models;
    app->spending = std::make_shared<day_spending>();
    outside.answer = [](const outbound_call&) {
      outbound_reply reply;
      reply.status = 200;
      reply.stream_id = 5;
      return reply;
    };
    outside.chunks = {
      R"(data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":"stop"}]})"
      "\n\n"
      R"(data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}})"
      "\n\ndata: [DONE]\n\n"};
    disk.refuse = [this](const write_batch& what) -> std::optional<error> {
      if (what.usage.empty())
        return std::nullopt;
      if (refuse_next > 0) {
        --refuse_next;
        return fail(errc::overloaded, "the disk is full");
      }
      written.push_back(what.usage);
      return std::nullopt;
    };
    serve(asks_main());
    serve(asks_again_and_again(20));
    open();
  }

  json::object run_row(const run_ref& run) {
    json::object found;
    ask<read_done>(app->readers.front(), read_storage{[&](storage_reader& db) -> result<void> {
                     found = db.get({kind::run, "acme", run.plan->run_id}).value()->metadata;
                     return {};
                   }})
      .value();
    return found;
  }
};

} // namespace

TEST_CASE_METHOD(usage_fixture, "usage is written with the run's own writes", "[usage]") {
  auto run = start("t1", "asks", {{"input", json::object{}}});
  sched.run();
  CHECK(ended(run).status == "success");
  REQUIRE(written.size() == 1);
  REQUIRE(written[0].size() == 1);
  const auto& row = written[0][0];
  CHECK(row.tenant == "acme");
  CHECK(row.owner == alice->key().text());
  CHECK(row.identity == "alice");
  CHECK(row.model == "main");
  CHECK(row.agent == "asks");
  CHECK(row.used.input == 7);
  CHECK(row.used.output == 3);
  CHECK(row.used.cost == 3'000'000'000);
  CHECK(run_row(run).at("usage").at("models").at("main").at("total_tokens") == 10);
}

TEST_CASE_METHOD(usage_fixture, "usage that could not be written comes with the next write",
                 "[usage]") {
  refuse_next = 1;
  auto run = start("t1", "asks", {{"input", json::object{}}});
  sched.run();
  for (int i = 0; i < 10 && !over(run); ++i) {
    sched.advance_time(std::chrono::seconds{10});
    sched.run();
  }
  CHECK(over(run));
  REQUIRE(written.size() == 1);
  CHECK(written[0][0].used.requests == 1);
}

TEST_CASE_METHOD(usage_fixture, "what models cost is noted in a run's row, a long one seldom",
                 "[usage]") {
  outside.answer = [&, said = std::exchange(outside.chunks, {}).front()](const outbound_call&) {
    outside.chunks.push_back(said); // the last one so far: it ends its stream
    outbound_reply reply;
    reply.status = 200;
    reply.stream_id = 5;
    return reply;
  };
  std::size_t rows = 0;
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    for (const auto& one : what.puts)
      rows += one.row.type == kind::run && one.row.status == "running";
    return std::nullopt;
  };
  const auto written_for = [&](std::size_t bytes) {
    rows = 0;
    json::object input{{"note", std::string(bytes, 'x')}};
    auto run = start(uuid7(), "asks_on", {{"input", std::move(input)}});
    sched.run();
    CHECK(ended(run).status == "success");
    CHECK(run_row(run).at("usage").at("models").at("main").at("requests") == 20);
    return rows;
  };
  CHECK(written_for(10) >= 15);
  CHECK(written_for(100 << 10) <= 6);
}

TEST_CASE_METHOD(usage_fixture, "a thread that is deleted leaves what its run has spent",
                 "[usage]") {
  disk.refuse = [this](const write_batch& what) -> std::optional<error> {
    if (what.usage.empty())
      return std::nullopt;
    if (!what.held.empty()) // of the run, which is gone
      return fail(errc::not_found, "the run is gone");
    written.push_back(what.usage);
    return std::nullopt;
  };
  start("t1", "asks", {{"input", json::object{}}});
  sched.run();
  REQUIRE(written.size() == 1);
  CHECK(written[0][0].used.requests == 1);
  CHECK(written[0][0].used.input == 7);
}

TEST_CASE_METHOD(usage_fixture, "an answer that is cut counts for its run", "[usage]") {
  outside.chunks = {
    R"(data: {"choices":[{"index":0,"delta":{"content":"twelve bytes"},"finish_reason":null}]})"
    "\n\n",
    ""};
  outside.silent = true;
  const auto why = GENERATE(stop_reason::cancelled, stop_reason::timed_out, stop_reason::suspended);
  auto run = start("t1", "asks", {{"input", json::object{}}});
  sched.run();
  cancel(run, why);
  const auto row = stored(kind::run, run.plan->run_id);
  const auto& told = why == stop_reason::suspended ? row->doc : row->metadata;
  REQUIRE(told.contains("usage"));
  CHECK(told.at("usage").at("cost").to_number<double>() == 3.0); // a token for four bytes
  CHECK(told.at("usage").at("models").at("main").at("requests") == 1);
  REQUIRE(written.size() == 1);
  CHECK(written[0][0].used.cost == 3'000'000'000);
}

TEST_CASE_METHOD(usage_fixture,
                 "a request that nothing began to answer is not counted when it is cut",
                 "[usage]") {
  outside.hold = true;
  auto run = start("t1", "asks", {{"input", json::object{}}});
  sched.run();
  REQUIRE(outside.calls.size() == 1);
  cancel(run);
  CHECK(written.empty());
  CHECK_FALSE(run_row(run).contains("usage"));
}
