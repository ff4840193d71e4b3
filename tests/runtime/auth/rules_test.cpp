#include "runtime/auth/policy.hpp"
#include "runtime/auth/rules.hpp"
#include "tests/support/catch.hpp"

#include <set>

using namespace behalf;

namespace {

principal alice() {
  principal p;
  p.tenant = "acme";
  p.issuer = "https://id.example.com";
  p.subject = "u-1";
  p.identity = "alice";
  p.permissions = {"threads:read", "threads:write"};
  p.custom = {{"team", "red"},
              {"level", 7},
              {"groups", json::array{"a", "b"}},
              {"token", {{"$sealed", "h1"}}},
              {"operator", {{"$contains", "x"}}},
              {"blank", ""},
              {"nothing", nullptr},
              {"lists", json::array{json::array{1}, json::array{}}}};
  return p;
}

json::value read(std::string_view text) {
  return parse_json(text).value();
}

std::string fault(std::string_view spec) {
  auto rule = parse_rule(read(spec));
  if (!rule)
    return rule.error().message;
  auto made = compile(*rule);
  return made ? "accepted" : made.error().message;
}

// What a rule for everything makes of one operation: a filter, or the refusal; and of its value.
struct outcome {
  std::string answer;
  json::object value;
};

outcome apply(std::string_view spec, std::string_view resource, std::string_view action,
              std::string_view value = "{}", const principal& who = alice()) {
  static const std::vector<std::string_view> may_change{"metadata", "namespace",
                                                        "namespace_prefix"};
  policy p;
  p.add("*", compile(parse_rule(read(spec)).value()).value()).value();
  outcome o{{}, read(value).as_object()};
  auto d = p.decide(who, resource, action, o.value, may_change);
  o.answer = d ? dump(d->auth_filter.spec()) : d.error().message;
  return o;
}

std::string filled(std::string_view text) {
  auto v = fill_fields(text, alice());
  return v ? dump(*v) : v.error().message;
}

} // namespace

TEST_CASE("deny and allow", "[auth]") {
  CHECK(apply(R"("deny")", "threads", "read").answer == "Forbidden");
  CHECK(apply(R"("allow")", "threads", "read").answer == "{}");
}

TEST_CASE("owner stamps what is written and hides what is not one's own", "[auth]") {
  for (auto action : {"create", "update", "create_run"}) {
    INFO(action);
    auto o = apply(R"("owner")", "threads", action, R"({"metadata":{"a":1,"owner":"bob"}})");
    CHECK(o.answer == R"({"owner":"alice"})");
    CHECK(dump(o.value) == R"({"metadata":{"a":1,"owner":"alice"}})");
  }
  for (auto value : {"{}", R"({"metadata":null})", R"({"metadata":"text"})"})
    CHECK(dump(apply(R"("owner")", "crons", "create", value).value)
          == R"({"metadata":{"owner":"alice"}})");
  for (auto action : {"read", "search", "delete"}) {
    INFO(action);
    auto o = apply(R"("owner")", "threads", action, R"({"metadata":{"a":1}})");
    CHECK(o.answer == R"({"owner":"alice"})");
    CHECK(dump(o.value) == R"({"metadata":{"a":1}})");
  }
}

TEST_CASE("owner on the store keeps everyone in a namespace of their own", "[auth]") {
  auto o = apply(R"("owner")", "store", "put", R"({"namespace":["notes"],"key":"k"})");
  CHECK(dump(o.value) == R"({"namespace":["alice","notes"],"key":"k"})");
}

TEST_CASE("every identity has a namespace in the store, and no two the same", "[auth]") {
  auto label = [](std::string identity) {
    auto who = alice();
    who.identity = std::move(identity);
    auto o = apply(R"("owner")", "store", "put", R"({"namespace":["n"]})", who);
    return std::string(o.value.at("namespace").at(0).as_string());
  };
  for (auto kept :
       {"alice", "alice@example", "auth0|7", "100%", "%", "50%2", "%2e", "langgraph2", "ä b"})
    CHECK(label(kept) == kept);
  CHECK(label("a.b@ex.com") == "a%2Eb@ex%2Ecom");
  CHECK(label("langgraph") == "%6Canggraph");
  CHECK(label("*") == "%2A"); // a listing of namespaces would take it for every user's
  CHECK(label(std::string{"a\0b\x1f", 4}) == "a%00b%1F");
  CHECK(label("a%2Eb@ex%2Ecom") == "a%252Eb@ex%252Ecom");
  std::set<std::string> identities, labels;
  for (std::string text :
       {".", "%", "%2E", "%25", "2E", "%2", "langgraph", "%6Canggraph", "l", "*", "%2A"})
    for (std::string more : {"", ".", "%", "2E", "25", "%2E", "%25", "anggraph"}) {
      identities.insert(text + more);
      labels.insert(label(text + more));
    }
  CHECK(labels.size() == identities.size());
  // What was shown is the same place when it comes back.
  auto who = alice();
  who.identity = "a.b";
  CHECK(dump(apply(R"("owner")", "store", "get", R"({"namespace":["a%2Eb","n"]})", who).value)
        == R"({"namespace":["a%2Eb","n"]})");
  // Only the first label of a namespace has a word it may not be.
  who.identity = "langgraph";
  CHECK(
    dump(apply(R"({"namespace_prefix":["users","{identity}"]})", "store", "get", "{}", who).value)
    == R"({"namespace":["users","langgraph"]})");
}

TEST_CASE("a missing permission is named", "[auth]") {
  auto spec = R"({"require":["threads:read","threads:admin"],"then":"allow"})";
  CHECK(apply(spec, "threads", "read").answer == "this needs the permission threads:admin");
  CHECK(apply(R"({"require":["threads:read"]})", "threads", "read").answer == "{}");
  CHECK(apply(R"({"require":["threads:write"],"then":"owner"})", "threads", "create").answer
        == R"({"owner":"alice"})");
  auto nested = R"({"require":["threads:read"],"then":{"require":["x"],"then":"allow"}})";
  CHECK(apply(nested, "threads", "read").answer == "this needs the permission x");
  CHECK(apply(R"({"require":["threads:read"],"then":"deny"})", "threads", "read").answer
        == "Forbidden");
}

TEST_CASE("filters and metadata are filled with the caller's fields", "[auth]") {
  auto spec = R"({"filter":{"team":"{custom.team}","$or":[{"owner":"{identity}"},)"
              R"({"shared":{"$contains":"{tenant}"}}]},"metadata":{"team":"{custom.team}",)"
              R"("level":"{custom.level}","by":"{tenant}/{subject}","groups":"{custom.groups}",)"
              R"("scopes":"{permissions}","n":5,"braces":"{{identity}}"}})";
  auto o = apply(spec, "threads", "create");
  CHECK(read(o.answer)
        == read(R"({"team":"red","$or":[{"owner":"alice"},{"shared":{"$contains":"acme"}}]})"));
  CHECK(read(dump(o.value))
        == read(R"({"metadata":{"team":"red","level":7,"by":"acme/u-1","groups":["a","b"],)"
                R"("scopes":["threads:read","threads:write"],"n":5,"braces":"{identity}"}})"));
  CHECK(dump(apply(spec, "threads", "search").value) == "{}");
}

TEST_CASE("a caller without the field is refused, never matched with nothing", "[auth]") {
  for (auto field : {"custom.absent", "custom.blank", "custom.nothing", "custom.token",
                     "custom.operator", "custom.lists", "display_name"}) {
    INFO(field);
    auto text = "{" + std::string(field) + "}";
    auto o = apply(R"({"filter":{"x":")" + text + R"("}})", "threads", "read");
    CHECK(o.answer
          == "this needs the field '" + std::string(field)
               + "' of your identity, which you do not have");
    auto made = fill_fields("pre-" + text, alice());
    REQUIRE_FALSE(made);
    CHECK(made.error().code == errc::denied);
  }
  principal nameless;
  CHECK(apply(R"("owner")", "threads", "read", "{}", nameless).answer.find("identity")
        != std::string::npos);
}

TEST_CASE("a text of one field takes the value as it is, in a longer text it becomes text",
          "[auth]") {
  CHECK(filled("plain") == R"("plain")");
  CHECK(filled("") == R"("")");
  CHECK(filled("{custom.level}") == "7");
  CHECK(filled("level-{custom.level}") == R"("level-7")");
  CHECK(filled("{custom.groups}") == R"(["a","b"])");
  CHECK(filled("x{custom.groups}") == "the field 'custom.groups' of your identity is a list");
  CHECK(filled("{identity}{tenant}") == R"("aliceacme")");
  CHECK(filled("{{{identity}}}") == R"("{alice}")");
}

TEST_CASE("store namespaces get their prefix, once", "[auth]") {
  auto spec = R"({"namespace_prefix":["{tenant}","{identity}"]})";
  struct row {
    const char *action, *before, *after;
  };
  for (const auto& r : {
         row{"put", R"({"namespace":["a"]})", R"({"namespace":["acme","alice","a"]})"},
         row{"get", R"({"namespace":[]})", R"({"namespace":["acme","alice"]})"},
         row{"get", R"({"namespace":["acme","alice","a"]})",
             R"({"namespace":["acme","alice","a"]})"},
         row{"get", R"({"namespace":["acme","bob","a"]})",
             R"({"namespace":["acme","alice","acme","bob","a"]})"},
         row{"search", R"({"namespace_prefix":["a"]})",
             R"({"namespace_prefix":["acme","alice","a"]})"},
         row{"list_namespaces", R"({"namespace":null})", R"({"namespace":["acme","alice"]})"},
         row{"list_namespaces", "{}", R"({"namespace":["acme","alice"]})"},
         row{"delete", R"({"namespace":"text"})", R"({"namespace":["acme","alice"]})"},
       }) {
    INFO(r.action << " " << r.before);
    CHECK(dump(apply(spec, "store", r.action, r.before).value) == r.after);
  }
  CHECK(apply(spec, "threads", "read").answer == "Forbidden");
  CHECK(apply(R"({"namespace_prefix":["{custom.groups}"]})", "store", "get").answer
        == "a part of your store namespace is not text");
}

TEST_CASE("a rule that cannot work is refused when it is read", "[auth]") {
  for (auto spec : {R"("owner")", R"({"filter":{}})", R"({"metadata":{"a":"{identity}"}})",
                    R"({"require":["a"],"then":{"namespace_prefix":["{identity}"]}})"})
    CHECK(fault(spec) == "accepted");
  for (auto spec : {R"("nobody")",
                    "1",
                    "null",
                    "[]",
                    "{}",
                    R"({"allow":true})",
                    R"({"require":[]})",
                    R"({"require":"a"})",
                    R"({"require":[1]})",
                    R"({"require":["a"],"than":"allow"})",
                    R"({"require":["a"],"then":"perhaps"})",
                    R"({"filter":"owner"})",
                    R"({"filter":[]})",
                    R"({"filter":{"a":{"$in":["x"]}}})",
                    R"({"filter":{"$or":[]}})",
                    R"({"filter":{},"extra":1})",
                    R"({"filter":{"a":"{user}"}})",
                    R"({"filter":{"a":"{"}})",
                    R"({"filter":{"a":"}"}})",
                    R"({"filter":{"a":"{custom.}"}})",
                    R"({"metadata":{"a":["{nobody}"]}})",
                    R"({"namespace_prefix":[]})",
                    R"({"namespace_prefix":"a"})",
                    R"({"namespace_prefix":["{x}"]})",
                    R"({"namespace_prefix":["a"],"filter":{}})"}) {
    INFO(spec);
    CHECK(fault(spec) != "accepted");
  }
}
