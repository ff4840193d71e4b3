#include "runtime/graph/run_config.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::value js(std::string_view text) {
  return json::parse({text.data(), text.size()});
}

struct layers {
  json::object assistant_config, assistant_metadata, thread_config, thread_metadata, run_config,
    run_metadata;
  json::value assistant_context, run_context;
  run_ids ids{"r", "t", "g", "a", "q"};

  merged_config merge(const principal* who = nullptr, const header_list& headers = {},
                      const header_rules& rules = {}, const json::value& schema = nullptr) const {
    static const json::value none;
    return merge_run_config({assistant_config, assistant_metadata, assistant_context},
                            {thread_config, thread_metadata, none},
                            {run_config, run_metadata, run_context}, who, ids, headers, rules,
                            schema);
  }
};

json::object object(std::string_view text) {
  return js(text).as_object();
}

principal alice() {
  principal p;
  p.identity = p.display_name = "alice";
  p.permissions = {"read"};
  return p;
}

} // namespace

TEST_CASE("the right wins: assistant, thread, run", "[graph]") {
  layers l;
  l.assistant_config = object(R"({"configurable": {"a": 1, "b": 1, "c": 1}, "tags": ["x"],
                                  "recursion_limit": 5})");
  l.thread_config = object(R"({"configurable": {"b": 2, "c": 2}, "tags": ["no"]})");
  l.run_config = object(R"({"configurable": {"c": 3}, "tags": ["y"]})");
  auto m = l.merge();
  CHECK(m.configurable().at("a") == 1);
  CHECK(m.configurable().at("b") == 2);
  CHECK(m.configurable().at("c") == 3);
  CHECK(m.config.at("tags") == js(R"(["y"])"));
  CHECK(m.config.at("recursion_limit") == 5);
}

TEST_CASE("a client cannot decide the server's keys", "[graph]") {
  layers l;
  l.run_config = object(R"({"configurable": {"run_id": "x", "thread_id": "x", "graph_id": "x",
    "assistant_id": "x", "user_id": "bob", "langgraph_auth_user": {"identity": "bob"},
    "langgraph_auth_user_id": "bob", "langgraph_auth_permissions": ["all"],
    "langgraph_request_id": "x", "checkpoint_id": "x"}})");
  auto who = alice();
  auto c = l.merge(&who).configurable();
  CHECK(c.at("run_id") == "r");
  CHECK(c.at("thread_id") == "t");
  CHECK(c.at("graph_id") == "g");
  CHECK(c.at("assistant_id") == "a");
  CHECK(c.at("langgraph_request_id") == "q");
  CHECK(c.at("user_id") == "alice");
  CHECK(c.at("langgraph_auth_user_id") == "alice");
  CHECK(c.at("langgraph_auth_user").at("identity") == "alice");
  CHECK(c.at("langgraph_auth_permissions") == js(R"(["read"])"));
  CHECK_FALSE(c.contains("checkpoint_id"));
}

TEST_CASE("a client decides the server's keys in no context and no metadata", "[graph]") {
  const auto forged = object(R"({"run_id": "x", "thread_id": "x", "graph_id": "x",
    "assistant_id": "x", "user_id": "bob", "langgraph_auth_user": {"identity": "bob"},
    "langgraph_auth_user_id": "bob", "langgraph_auth_permissions": ["all"],
    "langgraph_request_id": "x", "mine": 1})");
  const auto who = alice();
  layers sent, stored;
  SECTION("as configurable") {
    sent.run_config["configurable"] = forged;
  }
  SECTION("as context") {
    sent.run_context = forged;
  }
  SECTION("in the assistant's context") {
    sent.assistant_context = forged;
  }
  const auto m = sent.merge(&who);
  const auto& context = m.context.as_object();
  CHECK((context.size() == forged.size() && context.at("mine") == 1));
  for (const auto& [key, v] : context)
    CHECK(v == m.configurable().at(key));

  auto metadata = forged;
  metadata["run_attempt"] = 9;
  stored.run_config = forged;
  stored.run_config["metadata"] = stored.run_metadata = metadata;
  stored.assistant_metadata = stored.thread_metadata = metadata;
  const auto kept = stored.merge(&who);
  CHECK(kept.metadata == js(R"({"assistant_id": "a", "user_id": "bob", "mine": 1})"));
  CHECK(kept.config.at("metadata") == kept.metadata);
  for (auto key : {"run_id", "assistant_id", "langgraph_auth_user", "langgraph_auth_permissions"})
    CHECK_FALSE(kept.config.contains(key));
}

TEST_CASE("without authentication there is no user, and user_id is the client's", "[graph]") {
  layers l;
  auto c = l.merge().configurable();
  CHECK(c.at("langgraph_auth_user").is_null());
  CHECK((c.at("langgraph_auth_user_id") == "" && c.at("user_id") == ""));
  CHECK(c.at("langgraph_auth_permissions") == js("[]"));
  l.run_config = object(R"({"configurable": {"user_id": "x"}})");
  CHECK(l.merge().configurable().at("user_id") == "x");
}

TEST_CASE("metadata merges assistant, thread, ids, config and run", "[graph]") {
  layers l;
  l.assistant_metadata = object(R"({"created_by": "system", "a": 1, "b": 1})");
  l.thread_metadata = object(R"({"owner": "u", "b": 2, "graph_id": "old"})");
  l.run_config = object(R"({"metadata": {"c": 3, "d": 3}})");
  l.run_metadata = object(R"({"d": 4})");
  l.ids.thread_existed = true;
  auto m = l.merge();
  CHECK(m.metadata == js(R"({"created_by": "system", "a": 1, "b": 2, "owner": "u", "graph_id": "g",
                  "assistant_id": "a", "c": 3, "d": 4})"));
  CHECK(m.config.at("metadata") == m.metadata);
  l.ids.thread_existed = false;
  l.thread_metadata.clear();
  CHECK_FALSE(l.merge().metadata.contains("graph_id"));
}

TEST_CASE("context comes from assistant and run, or from configurable", "[graph]") {
  layers l;
  l.assistant_context = js(R"({"model": "a", "k": 1})");
  l.run_context = js(R"({"model": "r"})");
  CHECK(l.merge().context == js(R"({"model": "r", "k": 1})"));
  l.run_context = nullptr;
  l.run_config = object(R"({"configurable": {"model": "c", "z": 1}})");
  CHECK(l.merge().context == js(R"({"model": "c", "k": 1, "z": 1})"));
  auto schema = js(R"({"properties": {"model": {}}})");
  auto m = l.merge(nullptr, {}, {}, schema);
  CHECK(m.context == js(R"({"model": "c"})"));
  CHECK(m.configurable().at("model") == "c");
}

TEST_CASE("a context shows in configurable, layer by layer, but decides no server's key",
          "[graph]") {
  layers l;
  l.assistant_config = object(R"({"configurable": {"a": 1}})");
  l.assistant_context = js(R"({"b": 1, "c": 1})");
  l.thread_config = object(R"({"configurable": {"c": 2, "d": 2}})");
  l.run_context = js(R"({"d": 3, "z": 3, "langgraph_auth_user_id": "bob", "run_id": "x"})");
  auto c = l.merge().configurable();
  CHECK((c.at("a") == 1 && c.at("b") == 1 && c.at("c") == 2 && c.at("d") == 3 && c.at("z") == 3));
  CHECK((c.at("langgraph_auth_user_id") == "" && c.at("run_id") == "r"));
  auto known = l.merge(nullptr, {}, {}, js(R"({"properties": {"d": {}}})")).configurable();
  CHECK((known.at("d") == 3 && !known.contains("z") && !known.contains("b")));
}

TEST_CASE("only allowed headers reach configurable, and never a credential", "[graph]") {
  layers l;
  header_list headers{
    {"X-Team", "red"},  {"X-Secret", "no"},        {"Authorization", "Bearer t"}, {"Cookie", "c"},
    {"X-Api-Key", "k"}, {"langsmith-trace", "lt"}, {"Proxy-Authorization", "p"}};
  auto by_default = l.merge(nullptr, headers).configurable();
  CHECK(by_default.at("langsmith-trace") == "lt");
  CHECK_FALSE(by_default.contains("x-team"));
  header_rules rules{{"*"}, {"x-sec*"}};
  auto all = l.merge(nullptr, headers, rules).configurable();
  CHECK(all.at("x-team") == "red");
  for (auto name : {"x-secret", "authorization", "cookie", "x-api-key", "proxy-authorization"})
    CHECK_FALSE(all.contains(name));
}

TEST_CASE("a named checkpoint shows in configurable", "[graph]") {
  layers l;
  l.ids.checkpoint_id = "c1";
  auto c = l.merge().configurable();
  CHECK((c.at("checkpoint_id") == "c1" && c.at("checkpoint_ns") == ""));
}
