#include "agents/models/model_options.hpp"
#include "agents/models/spending.hpp"
#include "behalf/chat_model.hpp"
#include "runtime/base/log.hpp"
#include "testing/run_driver.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/word_scrubber.hpp"

#include <fstream>

using namespace behalf;
using std::chrono::milliseconds;

namespace {

using texts = std::vector<std::string>;

// What a provider does with one request.
struct reply {
  int status = 200;
  texts parts = {};
  header_list headers = {};
  std::optional<error> refused = {}; // instead of a reply
  std::optional<error> broken = {};  // behind the parts
  std::shared_ptr<const text_scrubber> scrub = {};
};

std::string delta(std::string_view what, std::string_view finish = "null") {
  return R"(data: {"model":"m-1","choices":[{"index":0,"delta":)" + std::string(what)
         + R"(,"finish_reason":)" + std::string(finish) + "}]}\n\n";
}

std::string text(std::string_view said) {
  return delta(R"({"content":")" + std::string(said) + "\"}");
}

const std::string stop = delta("{}", "\"stop\"") + "data: [DONE]\n\n";

reply says(std::string_view said) {
  return {200, {text(said), stop}};
}

reply refuses(int status, std::string_view code, header_list headers = {}) {
  return {status,
          {R"({"error":{"message":"no","code":")" + std::string(code) + "\"}}"},
          std::move(headers)};
}

model_options model(std::string name) {
  model_options one;
  one.name = one.model = std::move(name);
  return one;
}

error upstream(std::string kind = {}) {
  return {errc::upstream, "the connection broke", {}, std::move(kind)};
}

// One question to the model "main", and what becomes of it.
struct bench {
  explicit bench(std::vector<model_options> all = {model("main")}) {
    for (auto& one : all)
      directory->by_name.emplace(one.name, one);
  }

  void ask(json::object parameters = {}, bool shown = true) {
    graph_builder b{"one"};
    b.channel("messages", flow::messages());
    b.node("work", [=, messages = conversation](state_view, context ctx) -> coroutine<node_result> {
      chat_request question{messages};
      question.parameters = parameters;
      question.shown = shown;
      auto asked = ask_model(ctx, "main", std::move(question));
      auto said = co_await std::move(asked);
      if (!said)
        co_return said.error();
      co_return flow::update{{"messages", list(std::move(*said))}};
    });
    b.edge(flow::start, "work").edge("work", flow::end);
    kept_checkpoints thread;
    run_driver driver{b.build().value(), thread};
    driver.models = directory;
    driver.spending = spending;
    driver.modes(json::array{"messages-tuple"}).input(json::object{});
    driver.answer = [this](const effect& what) { return answer_to(what); };
    driver.run();
    const auto all = driver.values().at("messages").as_array();
    answer = all.empty() ? json::value() : all.back();
    if (driver.outcome->is_failure()) {
      failed = string_or(driver.outcome->error.as_object(), "error");
      why = string_or(driver.outcome->error.as_object(), "message");
    }
    shown_events = driver.data("messages");
  }

  effect_reply answer_to(const effect& what) {
    if (const auto* call = std::get_if<model_call>(&what)) {
      asked.push_back(call->model);
      bodies.push_back(call->what.body.value());
      const auto& now = script.at(std::min(asked.size(), script.size()) - 1);
      if (now.refused)
        return *now.refused;
      service_reply head;
      head.status = now.status;
      head.headers = now.headers;
      head.scrub = now.scrub;
      head.stream_id = asked.size();
      open.emplace(head.stream_id, now);
      return head;
    }
    if (const auto* part = std::get_if<read_chunk>(&what)) {
      auto& left = open.at(part->stream_id);
      ++parts_read;
      if (left.parts.empty() && left.broken)
        return *left.broken;
      outbound_chunk chunk;
      if (!left.parts.empty()) {
        chunk.bytes = left.parts.front();
        left.parts.erase(left.parts.begin());
      }
      chunk.last = left.parts.empty() && !left.broken;
      return chunk;
    }
    if (const auto* done = std::get_if<close_stream>(&what))
      open.erase(done->stream_id);
    else if (const auto* time = std::get_if<sleep_for>(&what))
      slept.push_back(time->time);
    return std::monostate{};
  }

  // Of the stream: "<n>: text" of chunks, "<n> removed", n for the nth message there was.
  texts shown() const {
    texts all, ids;
    for (const auto& one : shown_events) {
      const auto& m = one.at(0).as_object();
      const std::string id(string_or(m, "id"));
      if (std::find(ids.begin(), ids.end(), id) == ids.end())
        ids.push_back(id);
      const auto nth = std::to_string(std::find(ids.begin(), ids.end(), id) - ids.begin() + 1);
      if (string_or(m, "type") == "remove")
        all.push_back(nth + " removed");
      else if (auto said = text_of(one.at(0)); !said.empty())
        all.push_back(nth + ": " + said);
    }
    return all;
  }

  std::shared_ptr<model_directory> directory = std::make_shared<model_directory>();
  json::array conversation = list(human("hi"));
  std::shared_ptr<run_spending> spending =
    std::make_shared<run_spending>(std::make_shared<day_spending>(), "acme", "acme/alice", "graph");
  std::vector<reply> script; // in order, the last one again and again
  std::map<uint64_t, reply> open;
  int parts_read = 0;
  texts asked; // models
  std::vector<json::value> bodies;
  std::vector<milliseconds> slept;
  json::value answer; // null: none
  std::string failed; // the kind
  std::string why;
  std::vector<json::value> shown_events;
};

} // namespace

TEST_CASE("a model's answer is streamed, and is the message streamed", "[models]") {
  bench b;
  b.script = {{200, {text("Hel"), text("lo"), stop}}};
  b.ask();
  CHECK(b.failed == "");
  CHECK(text_of(b.answer) == "Hello");
  CHECK(b.shown() == texts{"1: Hel", "1: lo"});
  for (const auto& one : b.shown_events)
    CHECK(one.at(0).at("id") == b.answer.at("id"));
  CHECK(b.shown_events.back().at(0).at("chunk_position") == "last");
  CHECK(b.bodies.at(0).at("stream") == true);
  CHECK(b.open.empty());
}

TEST_CASE("an answer that nobody is to see is in no stream", "[models]") {
  bench b;
  // Taken back where it failed, but there is nothing to take back.
  b.script = {{200, {text("Hel")}}, says("Hello")};
  b.ask({}, false);
  CHECK(text_of(b.answer) == "Hello");
  for (const auto& one : b.shown_events)
    CHECK(one.at(0).at("type") == "ai"); // of the state alone
}

TEST_CASE("messages name the model that made them", "[models]") {
  auto one = model("main");
  one.model = "m-1";
  one.parameters = {{"temperature", 0.5}, {"max_tokens", 10}};
  bench b{{one}};
  b.script = {says("Hello")};
  b.ask({{"temperature", 0.25}});
  REQUIRE(b.shown_events.size() > 1);
  for (const auto& shown : b.shown_events) {
    const auto& metadata = shown.at(1).as_object();
    CHECK(metadata.at("ls_provider") == "openai");
    CHECK(metadata.at("ls_model_name") == "m-1");
    CHECK(metadata.at("ls_model_type") == "chat");
    CHECK(metadata.at("ls_temperature") == 0.25);
    CHECK(metadata.at("ls_max_tokens") == 10);
    CHECK(metadata.at("langgraph_node") == "work");
  }
}

TEST_CASE("a busy provider is asked again when it says", "[models]") {
  bench b;
  b.script = {refuses(429, "rate_limit_exceeded", {{"Retry-After", "7"}}),
              refuses(503, "", {{"retry-after-ms", "250"}}), says("Hello")};
  b.ask();
  CHECK(text_of(b.answer) == "Hello");
  CHECK(b.slept == std::vector<milliseconds>{milliseconds{7000}, milliseconds{250}});
  CHECK(b.shown() == texts{"1: Hello"});
}

TEST_CASE("without a word of the provider the pauses grow", "[models]") {
  auto one = model("main");
  one.max_retries = 6;
  bench b{{one}};
  b.script = {refuses(500, "")};
  b.ask();
  CHECK(b.failed == "model_unavailable");
  CHECK(b.asked.size() == 7);
  REQUIRE(b.slept.size() == 6);
  int whole = 500;
  for (const auto& pause : b.slept) {
    CHECK(pause <= milliseconds{whole});
    CHECK(pause > milliseconds{whole - whole / 4});
    whole = std::min(whole * 2, 8000);
  }
}

TEST_CASE("what no retry can mend is not tried again", "[models]") {
  const auto wait = header_list{{"Retry-After", "1"}};
  const std::vector<std::pair<reply, std::string>> all{
    {refuses(429, "insufficient_quota", wait), "model_quota_spent"},
    {refuses(401, "invalid_api_key"), "model_refused_key"},
    {refuses(404, "model_not_found"), "model_unknown"},
    {refuses(400, "context_length_exceeded"), "model_context_too_long"},
    {refuses(429, "rate_limit_exceeded", {{"Retry-After", "100000"}}), "model_rate_limited"},
    {{200,
      {R"(data: {"error":{"message":"no","code":"insufficient_quota"}})"
       "\n\n"}},
     "model_quota_spent"},
    {{.refused = error{errc::denied, "no key", {}, "needs_auth"}}, "needs_auth"},
  };
  for (const auto& [said, kind] : all) {
    bench b;
    b.script = {said, says("Hello")};
    b.ask();
    CHECK(b.failed == kind);
    CHECK(b.asked.size() == 1);
    CHECK(b.slept.empty());
    CHECK(b.answer.is_null());
  }
}

TEST_CASE("a provider that cannot be reached is tried again", "[models]") {
  bench b;
  b.script = {{.refused = upstream()}, {.refused = fail(errc::timeout, "late")}, says("Hello")};
  b.ask();
  CHECK(text_of(b.answer) == "Hello");
  CHECK(b.slept.size() == 2);
}

// What each provider says of thoughts that it does not take back, and then answers.
struct refused_thinking {
  model_type type;
  std::string_view provider;
  json::array content; // of the answer before
  reply refuses, answers;
};

std::vector<refused_thinking> refusals_of_thinking() {
  const json::object google{
    {"type", "text"}, {"text", "So."}, {"extras", {{"signature", "c2lnbmVk"}}}};
  const json::object thought{
    {"type", "reasoning"}, {"reasoning", "Hm."}, {"extras", {{"signature", "c2lnbmVk"}}}};
  const json::object redacted{{"type", "non_standard"},
                              {"value", {{"type", "redacted_thinking"}, {"data", "c2lnbmVk"}}}};
  const json::object sealed{{"type", "reasoning"},
                            {"reasoning", "Hm."},
                            {"extras", {{"id", "rs_c2lnbmVk"}, {"encrypted_content", "c2lnbmVk"}}}};
  const json::object so{{"type", "text"}, {"text", "So."}};
  const json::object named{{"type", "text"}, {"text", "So."}, {"extras", {{"id", "msg_c2lnbmVk"}}}};
  const reply of_responses{200,
                           {R"(data: {"type":"response.output_text.delta","item_id":"m",)"
                            R"("output_index":0,"content_index":0,"delta":"Hello"})"
                            "\n\n"
                            R"(data: {"type":"response.completed","response":{}})"
                            "\n\n"}};
  return {
    {model_type::gemini,
     "google_genai",
     {google},
     {400,
      {R"({"error":{"code":400,"message":"Corrupted thought signature.","status":"INVALID_ARGUMENT"}})"}},
     {200,
      {R"(data: {"candidates":[{"content":{"parts":[{"text":"Hello"}]},"finishReason":"STOP"}]})"
       "\n\n"}}},
    {model_type::anthropic,
     "anthropic",
     {thought, redacted, so},
     {400,
      {R"({"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation."}})"}},
     {200,
      {R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Hello"}})"
       "\n\n"
       R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}})"
       "\n\n"
       R"(data: {"type":"message_stop"})"
       "\n\n"}}},
    {model_type::openai,
     "openai",
     {sealed, named},
     {400,
      {R"({"error":{"message":"The encrypted content gAAA could not be verified.","type":"invalid_request_error","param":null,"code":"invalid_encrypted_content"}})"}},
     of_responses},
    {model_type::openai,
     "openai",
     {sealed, named},
     {200,
      {R"(data: {"type":"error","code":"invalid_encrypted_content","message":"no"})"
       "\n\n"}},
     of_responses},
  };
}

TEST_CASE("thoughts that the provider does not take back are left out, once", "[models]") {
  for (const auto& one : refusals_of_thinking()) {
    INFO(one.provider);
    auto asked = model("main");
    asked.type = one.type;
    bench b{{asked}};
    json::object said{{"type", "ai"},
                      {"content", one.content},
                      {"response_metadata", {{"model_provider", one.provider}}}};
    b.conversation = list(human("hi"), said, human("and?"));
    b.script = {one.refuses, one.answers};
    b.ask();
    CHECK(text_of(b.answer) == "Hello");
    REQUIRE(b.bodies.size() == 2);
    CHECK(dump(b.bodies[0]).find("c2lnbmVk") != std::string::npos);
    CHECK(dump(b.bodies[1]).find("c2lnbmVk") == std::string::npos);
    CHECK(dump(b.bodies[1]).find("So.") != std::string::npos);
    CHECK(b.slept.empty());

    bench never{{asked}};
    never.conversation = list(human("hi"), std::move(said), human("and?"));
    never.script = {one.refuses};
    never.ask();
    CHECK(never.bodies.size() == 2);
    CHECK(never.failed == "model_thinking_refused");
    CHECK(never.slept.empty());
  }
}

TEST_CASE("an answer that drips for too long is given up", "[models]") {
  auto slow = model("main");
  slow.total_timeout = milliseconds{0};
  bench b{{slow}};
  b.script = {says("Hello")};
  b.ask();
  CHECK(b.failed == "model_too_slow");
  CHECK(b.asked.size() == 1);
  CHECK(b.open.empty());
}

TEST_CASE("an answer that falls silent until its time is over is given up", "[models]") {
  auto slow = model("main");
  slow.total_timeout = milliseconds{0};
  const auto late = fail(errc::timeout, "10.1.2.3:443 did not answer in time");
  for (const auto& silent : {reply{200, {}, {}, {}, late}, reply{.refused = late}}) {
    bench b{{slow}};
    b.script = {silent};
    b.ask();
    CHECK(b.failed == "model_too_slow");
    CHECK(b.asked.size() == 1);
    CHECK(b.spending->totals().at("models").at("main").at("requests") == 1);
  }
}

TEST_CASE("an answer ends where its provider says so, whatever it sends behind it", "[models]") {
  const std::string more = text("more");
  const auto anthropic = [](std::string_view type, std::string_view rest) {
    return R"(data: {"type":")" + std::string(type) + "\"" + std::string(rest) + "}\n\n";
  };
  const std::vector<std::pair<model_type, std::string>> all{
    {model_type::openai_chat, text("Hello") + stop},
    {model_type::anthropic,
     anthropic("content_block_start",
               R"(,"index":0,"content_block":{"type":"text","text":"Hello"})")
       + anthropic("message_delta", R"(,"delta":{"stop_reason":"end_turn"})")
       + anthropic("message_stop", "")},
    {model_type::openai,
     R"(data: {"type":"response.output_text.delta","item_id":"m","output_index":0,)"
     R"("content_index":0,"delta":"Hello"})"
     "\n\n"
     R"(data: {"type":"response.completed","response":{}})"
     "\n\n"}};
  for (const auto& [type, answer] : all) {
    auto one = model("main");
    one.type = type;
    bench b{{one}};
    b.script = {{200, {answer, more, "data: never read\n\n"}, {}, {}, upstream()}};
    b.ask();
    CHECK(text_of(b.answer) == "Hello");
    CHECK(b.parts_read == 1);
    CHECK(b.open.empty());
  }
}

TEST_CASE("who asks is not told where a provider is", "[models]") {
  const std::string where = "10.1.2.3:443 ";
  for (const auto& failed : {fail(errc::timeout, where + "did not answer in time"),
                             fail(errc::upstream, where + "refused the connection")}) {
    for (const reply& said :
         {reply{.refused = failed}, reply{200, {text("Hel")}, {}, {}, failed}}) {
      bench b;
      b.script = {said};
      b.ask();
      CHECK(b.why.starts_with("the model's provider "));
      CHECK(b.why.find("10.1") == b.why.npos);
    }
  }
}

TEST_CASE("models stand in for the one that fails, in order", "[models]") {
  auto first = model("main"), second = model("second");
  first.fallback = {"nobody", "second", "third"};
  second.fallback = {"main"}; // of its own questions
  bench b{{first, second, model("third")}};
  SECTION("the first that answers") {
    b.script = {refuses(429, "insufficient_quota"), refuses(401, ""), says("Hello")};
    b.ask();
    CHECK(b.asked == texts{"main", "second", "third"});
    CHECK(text_of(b.answer) == "Hello");
    CHECK(b.bodies.at(2).at("model") == "third");
    CHECK(b.shown_events.at(0).at(1).at("ls_model_name") == "third");
  }
  SECTION("when none answers the run fails") {
    b.script = {refuses(401, "")};
    b.ask();
    CHECK(b.asked.size() == 3);
    CHECK(b.failed == "model_refused_key");
  }
  SECTION("in the middle of an answer: it is taken back, not doubled") {
    b.script = {{200,
                 {text("Hel"), R"(data: {"error":{"code":"billing_error"}})"
                               "\n\n"}},
                says("Hello")};
    b.ask();
    CHECK(b.asked == texts{"main", "second"});
    CHECK(b.shown() == texts{"1: Hel", "1 removed", "2: Hello"});
    CHECK(b.shown_events.back().at(0).at("id") == b.answer.at("id"));
    CHECK(text_of(b.answer) == "Hello");
    CHECK(b.open.empty());
  }
}

TEST_CASE("the log has what retries and other models hide", "[models]") {
  scratch_folder here;
  const auto file = here / "log";
  REQUIRE(log::configure("warning", log::format::json, file));
  auto first = model("main");
  first.fallback = {"second"};
  bench b{{first, model("second")}};
  b.script = {refuses(529, "overloaded_error", {{"Request-Id", "req_1"}}),
              refuses(401, "invalid_api_key", {{"x-request-id", "a\nb"}}), says("yes")};
  b.ask();
  REQUIRE(log::configure("info"));
  CHECK(text_of(b.answer) == "yes");
  std::ifstream in{file};
  texts said;
  for (std::string line; std::getline(in, line);) {
    const auto one = parse_json(line).value().as_object();
    said.push_back(
      std::string(string_or(one, "model")) + ": " + std::string(string_or(one, "error")) + ": "
      + std::string(string_or(one, "reason")) + ": " + std::string(string_or(one, "then")) + ": "
      + std::string(string_or(one, "provider_request", "?")));
  }
  CHECK(said
        == texts{"main: model_overloaded: the model's provider answered 529: no: retry: req_1",
                 "main: model_refused_key: the model's provider does not take the key; it answered "
                 "401: no: fallback: "});
}

TEST_CASE("a cut answer is taken back, and asked for again", "[models]") {
  const auto call =
    delta(R"({"tool_calls":[{"index":0,"id":"c1","function":{"name":"send","arguments":"{}"}}]})");
  const std::vector<reply> cuts{{200, {text("Hel"), call}},
                                {200, {text("Hel"), call}, {}, {}, upstream()},
                                {200, {text("Hel"), call, "data: {\"choi"}, {}, {}, upstream()}};
  for (const auto& cut : cuts) {
    bench b;
    b.script = {cut, says("Hello")};
    b.ask();
    CHECK(b.shown() == texts{"1: Hel", "1 removed", "2: Hello"});
    CHECK(text_of(b.answer) == "Hello");
    CHECK(b.answer.at("tool_calls").as_array().empty());
    CHECK(b.open.empty());
  }
  for (const auto& cut : cuts) {
    bench b;
    b.script = {cut};
    b.ask();
    CHECK(b.asked.size() == 3);
    CHECK(b.failed == "model_stream_cut");
    CHECK(b.answer.is_null());
    CHECK(b.shown().back() == "3 removed");
    CHECK(b.open.empty());
  }
}

TEST_CASE("an answer that was whole when the connection broke is taken", "[models]") {
  bench b;
  b.script = {{200, {text("Hello"), stop}, {}, {}, upstream()}};
  b.ask();
  CHECK(text_of(b.answer) == "Hello");
  CHECK(b.asked.size() == 1);
}

TEST_CASE("an answer that goes on for ever is given up", "[models]") {
  auto one = model("main");
  one.max_answer_bytes = 1000;
  const std::string much(600, 'x');
  const std::vector<reply> all{{200, {text(much), text(much), text(much), stop}},
                               {200, {"data: " + much, much, much, much}},
                               {200, texts(40, ": " + much + "\n\n")}}; // nothing but comments
  for (const auto& endless : all) {
    bench b{{one}};
    b.script = {endless};
    b.ask();
    CHECK(b.failed == "model_answer_too_long");
    CHECK(b.asked.size() == 1);
    CHECK(b.answer.is_null());
    CHECK(b.open.empty());
    if (!b.shown().empty())
      CHECK(b.shown().back() == "1 removed");
  }
}

TEST_CASE("a refusal of any length is read to a bound", "[models]") {
  bench b;
  b.script = {{400, texts(100, std::string(8 << 10, 'x'))}};
  b.ask();
  CHECK(b.failed == "model_bad_request");
  CHECK(b.open.empty());
}

TEST_CASE("a key that a provider says in escapes is not in the error", "[models]") {
  const std::string said = R"({"error":{"message":"no key SECR\u0045T","code":"invalid_api_key"}})";
  for (auto one : {reply{401, {said}}, reply{200, {text("Hel"), "data: " + said + "\n\n"}}}) {
    one.scrub = std::make_shared<testing::word_scrubber>();
    bench b;
    b.script = {one};
    b.ask();
    CHECK(b.failed == "model_refused_key");
    CHECK(b.why.find("no key [redacted]") != std::string::npos);
  }
}

TEST_CASE("an answer says what it cost", "[models]") {
  auto one = model("main");
  one.prices.input = 2;
  one.prices.output = 10;
  bench b{{one}};
  b.script = {{200,
               {text("Hello"),
                R"(data: {"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}})"
                "\n\n",
                stop}}};
  b.ask();
  CHECK(b.answer.at("response_metadata").at("cost").as_double() == Approx(0.003));
  CHECK(b.answer.at("usage_metadata").at("input_tokens") == 1000);
}

TEST_CASE("an answer whose provider does not say what it took costs what we estimate", "[models]") {
  auto one = model("main");
  one.prices.output = 10;
  bench b{{one}};
  b.script = {{200, {text(std::string(4000, 'x')), stop}}};
  b.ask();
  const auto cost = b.answer.at("response_metadata").at("cost").as_double();
  CHECK(cost >= 0.01);
  CHECK(cost == b.spending->totals().at("cost").as_double());
}

TEST_CASE("what an answer came to is counted, by the provider's word or ours", "[models]") {
  bench b;
  const std::string told =
    R"(data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}})"
    "\n\n";
  b.script = {{200, {text("Hello"), delta("{}", "\"stop\""), told, "data: [DONE]\n\n"}},
              {200, {text(std::string(4000, 'x'))}, {}, {}, upstream("cut")},
              refuses(401, "invalid_api_key")};
  auto used = [&] { return b.spending->totals().at("models").at("main").as_object(); };
  b.ask();
  CHECK(used().at("input_tokens") == 7);
  CHECK(used().at("output_tokens") == 3);
  b.ask(); // it breaks off, and then the key is refused
  CHECK(used().at("requests") == 3);
  CHECK(used().at("input_tokens").as_int64() > 7);
  CHECK(used().at("output_tokens").as_int64() >= 1003);
  CHECK(used().at("output_tokens").as_int64() < 1200);
}

TEST_CASE("a budget without room keeps a question back, and the next model has its own",
          "[models]") {
  auto first = model("main"), second = model("second");
  first.limits.tokens_per_run = 40;
  bench b{{first, second}};
  b.script = {says("Hello")};
  b.ask({{"max_tokens", 41}});
  CHECK(b.failed == budget_spent);
  CHECK(b.asked.empty());
  CHECK(b.slept.empty());
  b.ask({{"max_tokens", 10}});
  CHECK(b.asked == texts{"main"});
  first.fallback = {"second"};
  b.directory->by_name["main"] = first;
  b.ask({{"max_tokens", 41}});
  CHECK(b.asked == texts{"main", "second"});
  CHECK(text_of(b.answer) == "Hello");
}
