// Requests nobody should send, by number: the same number is the same request.
#pragma once

#include "runtime/net/codec.hpp"
#include "tests/support/api_client.hpp"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace behalf::testing {

/// A field of a route as its endpoint asks for it; `type` as body_reader names it, or query, form.
struct asked_field {
  std::string name, type;
  bool operator==(const asked_field&) const = default;
};

struct tried_route {
  std::string method, pattern;
  std::vector<asked_field> fields;
};

struct tried_request {
  std::string method, bytes;
};

inline std::string repeated(std::size_t n, std::string_view text) {
  std::string all;
  all.reserve(n * text.size());
  for (std::size_t i = 0; i < n; ++i)
    all += text;
  return all;
}

inline std::string list_of(std::size_t n, std::string_view element) {
  return "[" + repeated(n - 1, std::string(element) + ",") + std::string(element) + "]";
}

inline std::string object_of(std::size_t n) {
  std::string all = "{\"k0\":0";
  for (std::size_t i = 1; i < n; ++i)
    all += ",\"k" + std::to_string(i) + "\":" + std::to_string(i);
  return all + "}";
}

/// JSON, and what only looks like it.
inline const std::vector<std::string>& hostile_values() {
  static const std::vector<std::string> all{
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "1.5",
    "-0.0",
    "1e300",
    "1e308",
    "1e400",
    "-1e400",
    "1e-400",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "1e999999999",
    repeated(400, "9"),
    "NaN",
    "Infinity",
    R"("")",
    R"("x")",
    R"("*")",
    R"("%00")",
    R"("\u0000")",
    R"("a\u0000b")",
    R"("\ud800")",
    "\"\xff\xfe\"",
    "\"\xc0\x80\"",
    R"("\u202e\ufeff")",
    R"("../../etc/passwd")",
    R"("' OR 1=1 --")",
    R"("{identity}")",
    R"("00000000-0000-0000-0000-000000000000")",
    R"("langgraph")",
    R"("a.b")",
    "\"" + repeated(300, "x") + "\"",
    "\"" + repeated(9'000, "x") + "\"",
    "\"" + repeated(20'000, "\\u0041") + "\"",
    "{}",
    "[]",
    "[null]",
    "[[]]",
    "[{}]",
    R"([""])",
    R"(["x","x"])",
    R"(["langgraph"])",
    R"(["a.b"])",
    R"(["values","debug","events"])",
    R"(["*"])",
    R"([1,"x",{}])",
    list_of(1'001, "\"values\""),
    list_of(5'000, "\"x\""),
    list_of(100'001, "0"),
    object_of(1'001),
    object_of(10'001),
    R"({"":""})",
    R"({"a":{"b":{"c":{"d":[{}]}}}})",
    R"({"a":1,"a":2})",
    R"({"$or":[]})",
    R"({"$eq":{}})",
    R"({"a":{"$gt":{"$lt":1}}})",
    R"({"a":{"$in":[1]}})",
    R"({"$contains":null})",
    R"({"owner":"bob"})",
    R"({"strategy":"delete","ttl":60})",
    R"({"strategy":{},"ttl":1e300})",
    R"({"ttl":-1})",
    R"({"checkpoint_id":{}})",
    R"({"checkpoint_id":"x","checkpoint_ns":7})",
    R"({"configurable":{"checkpoint_id":[]}})",
    R"({"configurable":[],"recursion_limit":"x"})",
    R"({"recursion_limit":-9223372036854775808})",
    R"({"resume":{},"update":[[1]],"goto":{}})",
    R"({"update":[["messages",1]],"goto":["a",{"node":"b","input":{}}]})",
    R"({"messages":[{"role":"user"}]})",
    R"({"messages":[{"type":"remove","id":"__remove_all__"}]})",
    R"({"messages":{"role":{}}})",
    R"({"__proto__":{},"constructor":1})",
    repeated(100, R"({"a":)") + "1" + repeated(100, "}"),
    repeated(129, "[") + repeated(129, "]"),
    repeated(100'000, "["),
    repeated(60, "[[{\"a\":") + "1" + repeated(60, "}]]")};
  return all;
}

class hostile_requests {
public:
  explicit hostile_requests(std::string bearer) : bearer_(std::move(bearer)) {}

  void add(std::string_view method, std::string_view pattern) {
    routes_.push_back({std::string(method), std::string(pattern), {}});
  }

  /// Makes what paths name: threads with a run that is over, several so that none grows long.
  void places(api_client& as) {
    for (int i = 0; i < 32; ++i) {
      auto thread = parse_json(as.post("/threads").body).value();
      auto& made = places_.emplace_back();
      made.thread = string_or(thread.as_object(), "thread_id");
      const auto runs = "/threads/" + made.thread + "/runs";
      auto run = parse_json(as.post(runs, {{"assistant_id", "hello"}}).body).value();
      made.run = string_or(run.as_object(), "run_id");
      (void)as.get(runs + "/" + made.run + "/join");
    }
  }

  void learned(std::size_t r, const std::vector<asked_field>& fields) {
    auto& known = routes_[r].fields;
    for (const auto& f : fields) {
      auto at = std::find_if(known.begin(), known.end(),
                             [&](const asked_field& k) { return k.name == f.name; });
      if (at == known.end())
        known.push_back(f);
      else if (at->type == "any")
        at->type = f.type; // somebody knows it better
    }
  }

  const std::vector<tried_route>& routes() const { return routes_; }
  std::size_t fields() const {
    std::size_t n = 0;
    for (const auto& r : routes_)
      n += r.fields.size();
    return n;
  }

  /// A request with a sound value for every field known so far.
  tried_request plain(std::size_t r) const {
    return build(routes_[r], nullptr, {}, "", target_of(routes_[r], nullptr));
  }

  /// How many requests it takes to try every value in every field once.
  std::size_t lap() const {
    std::size_t targets = 0;
    for (const auto& r : routes_)
      targets += std::max<std::size_t>(r.fields.size(), 1);
    return targets * hostile_values().size();
  }

  /// Request `number`: through the values, then the fields, then the routes; in the second lap the
  /// value is in every object of the request, in later ones it is where chance puts it.
  tried_request make(std::size_t number) const {
    std::mt19937_64 dice{number};
    const auto& values = hostile_values();
    const auto& value = values[number % values.size()];
    auto at = number % lap() / values.size();
    std::size_t r = 0;
    for (; at >= std::max<std::size_t>(routes_[r].fields.size(), 1); ++r)
      at -= std::max<std::size_t>(routes_[r].fields.size(), 1);
    const auto& route = routes_[r];
    const auto turn = number / lap();
    const auto target = target_of(route, &dice);
    const auto more = odd_header(dice);
    const auto inside = turn == 1 || (turn > 1 && dice() % 2 == 0);
    const auto bare = turn > 1 && dice() % 4 == 0;
    // A stranger's body is left unread: of a large one the end of the connection is all there is.
    const auto stranger = auth(dice);
    const auto& who = inside && value.size() > 50'000 ? bearer_ : stranger;
    if (route.fields.empty())
      return build(route, nullptr, value, who, target, false, true, more);
    const auto& field = route.fields[at];
    return build(route, &field, waits(field, value) ? "\"x\"" : value, who, target, inside, bare,
                 more);
  }

private:
  // A run that is due later is not answered before.
  static bool waits(const asked_field& field, const std::string& value) {
    return field.name == "after_seconds" && (value == "1" || value == "1.5");
  }

  std::string auth(std::mt19937_64& dice) const {
    switch (dice() % 8) {
    case 0:
      return "";
    case 1:
      return "Authorization: Bearer " + repeated(1 + dice() % 400, "e") + ".x.y\r\n";
    case 2:
      return "X-Api-Key: " + repeated(1 + dice() % 400, "k") + "\r\n";
    default:
      return bearer_;
    }
  }

  static std::string odd_header(std::mt19937_64& dice) {
    static const std::vector<std::string> all{
      "Last-Event-ID: -1\r\n", "Last-Event-ID: 99999999999999999999-99999999999999999999\r\n",
      "Last-Event-ID: 0-0\r\n", "Prefer: return=minimal\r\n", "X-Request-Id: {}\r\n"};
    return dice() % 8 == 0 ? all[dice() % all.size()] : std::string{};
  }

  std::string target_of(const tried_route& route, std::mt19937_64* dice) const {
    auto path = route.pattern;
    const auto& here = places_[dice ? (*dice)() % places_.size() : 0];
    for (auto at = path.find('{'); at != path.npos; at = path.find('{', at + 1)) {
      auto end = path.find('}', at);
      auto name = path.substr(at + 1, end - at - 1);
      std::string value = name == "thread_id" ? here.thread
                          : name == "run_id"  ? here.run
                                              : "00000000-0000-0000-0000-000000000000";
      // What a test does not delete is still there for the next one.
      auto spare = route.method == "DELETE" || (dice && (*dice)() % 6 == 0);
      static const std::vector<std::string> odd{"x",
                                                "%F0%9F%98%80",
                                                "0",
                                                "00000000-0000-0000-0000-000000000000",
                                                "%2e%2e",
                                                "a%20b",
                                                "ffffffff-ffff-ffff-ffff-ffffffffffff",
                                                repeated(2'000, "y")};
      path.replace(at, end - at + 1, spare ? odd[dice ? (*dice)() % odd.size() : 3] : value);
    }
    return path;
  }

  // A value the endpoint would like.
  std::string sound(const asked_field& f, bool all) const {
    if (all && f.name == "command")
      return "{}";
    if (f.name == "assistant_id" || f.name == "graph_id")
      return "\"hello\"";
    if (f.name == "grant_type")
      return "password";
    if (f.name == "username" || (f.name == "password" && f.type == "form"))
      return "alice";
    if (f.name == "namespace" || f.name == "namespace_prefix")
      return f.type == "query" ? "alice" : R"(["alice"])";
    if (f.name == "thread_id" || f.name == "webhook" || f.name == "supersteps")
      return "null";
    if (f.name == "command" || f.name == "after_seconds")
      return ""; // left out: they exclude others, or make a run wait
    if (f.type == "object" || f.name == "input")
      return "{}";
    if (f.type == "array")
      return "[]";
    if (f.type == "boolean")
      return "false";
    if (f.type == "integer" || f.type == "number")
      return "1";
    if (f.type == "any" || f.name == "checkpoint_id")
      return "null";
    if (f.name == "key")
      return f.type == "query" ? "k" : "\"k\"";
    return ""; // one of a few words: left out
  }

  static void add(std::string& members, const std::string& name, const std::string& value) {
    members += (members.empty() ? "\"" : ",\"") + name + "\":" + value;
  }

  // `hostile`: the field that gets `value`; null: none does. `inside`: not as the field itself but
  // inside every object there is. `bare`: the value is the whole body.
  tried_request build(const tried_route& route, const asked_field* hostile,
                      const std::string& value, const std::string& auth, std::string target,
                      bool inside = false, bool bare = false,
                      const std::string& odd_header = {}) const {
    std::string members, query, form;
    for (const auto& f : route.fields) {
      auto mine = hostile && f == *hostile;
      auto text = mine && !inside ? value : sound(f, !hostile);
      if (text.empty())
        continue;
      if (inside && hostile && (f.type == "object" || f.name == "input"))
        text = "{\"" + hostile->name + "\":" + value + "}";
      auto in_query = f.type == "query" || (f.type == "form" && route.method == "GET");
      auto& pairs = in_query ? query : form;
      if (in_query || f.type == "form")
        pairs += (pairs.empty() ? "" : "&") + f.name + "="
                 + percent_encode(in_query ? text.substr(0, 6'000) : text);
      else
        add(members, f.name, text);
    }
    auto is_form = route.pattern.starts_with("/dev/");
    auto body = bare || (!hostile && !value.empty()) ? value
                : is_form                            ? form
                : route.method == "GET"              ? std::string{}
                                                     : "{" + members + "}";
    if (!query.empty())
      target += "?" + query;
    tried_request r{route.method, route.method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n"};
    r.bytes += hostile || !value.empty() ? auth : bearer_;
    r.bytes += odd_header;
    if (!body.empty())
      r.bytes += is_form ? "Content-Type: application/x-www-form-urlencoded\r\n"
                         : "Content-Type: application/json\r\n";
    r.bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    return r;
  }

  struct place {
    std::string thread, run;
  };

  std::string bearer_;
  std::vector<place> places_;
  std::vector<tried_route> routes_;
};

} // namespace behalf::testing
