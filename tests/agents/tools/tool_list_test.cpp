#include "agents/tools/tool_list.hpp"
#include "runtime/base/id.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace behalf;

namespace {

json::object tool(std::string_view name, std::string_view more = "{}") {
  json::object o{{"name", json::string(name)},
                 {"description", "does it"},
                 {"inputSchema", {{"type", "object"}}}};
  merge(o, parse_json(more).value().get_object());
  return o;
}

service_tools listing(std::string service, std::vector<json::object> tools) {
  json::array all;
  for (auto& each : tools)
    all.push_back(std::move(each));
  return {std::move(service), json::object{{"tools", std::move(all)}}};
}

tool_source source(std::string service) {
  tool_source s;
  s.service = std::move(service);
  return s;
}

// "name=service/tool", in the list's order.
std::vector<std::string> named(const tool_list& list) {
  std::vector<std::string> all;
  for (const auto& each : list.tools)
    all.push_back(each.as_told.name + "=" + each.service + "/" + each.name);
  return all;
}

// "name allow" or "name ask", in the list's order.
std::vector<std::string> approvals(const tool_list& list) {
  std::vector<std::string> all;
  for (const auto& each : list.tools)
    all.push_back(each.name + (each.approval == tool_approval::allow ? " allow" : " ask"));
  return all;
}

using names = std::vector<std::string>;

constexpr auto read_only = R"({"annotations":{"readOnlyHint":true}})";

} // namespace

TEST_CASE("tools keep their names where they can", "[agents]") {
  auto list = make_tool_list({source("mail"), source("docs")},
                             {listing("mail", {tool("send"), tool("search")}),
                              listing("docs", {tool("search"), tool("get.page"), tool("9lives")})});
  auto got = named(list);
  CHECK(list.notes.empty());
  REQUIRE(got.size() == 5);
  CHECK(got[0] == "docs_9lives=docs/9lives");
  CHECK(got[1]
        == "docs_get_page_" + sha256_hex(std::string("docs\0get.page", 13)).substr(0, 8)
             + "=docs/get.page");
  CHECK(got[2] == "docs_search=docs/search");
  CHECK(got[3] == "mail_search=mail/search");
  CHECK(got[4] == "send=mail/send");
}

TEST_CASE("long names are shortened and stay apart", "[agents]") {
  const std::string same(70, 'a');
  auto list =
    make_tool_list({source("mail")}, {listing("mail", {tool(same + "1"), tool(same + "2")})});
  REQUIRE(list.tools.size() == 2);
  for (const auto& each : list.tools) {
    CHECK(each.as_told.name.size() == 64);
    CHECK(each.as_told.name.starts_with("mail_aaaa"));
  }
  CHECK(list.tools[0].as_told.name != list.tools[1].as_told.name);
}

TEST_CASE("a service cannot take the name of another's tool", "[agents]") {
  auto list = make_tool_list(
    {source("evil"), source("mail")},
    {listing("evil", {tool("mail_send"), tool("send")}), listing("mail", {tool("send")})});
  CHECK(named(list)
        == names{"evil_mail_send=evil/mail_send", "evil_send=evil/send", "mail_send=mail/send"});
}

TEST_CASE("names that meet once they are joined stay apart", "[agents]") {
  auto list = make_tool_list({source("a"), source("a_b")},
                             {listing("a", {tool("b_c")}), listing("a_b", {tool("c"), tool("b_c")}),
                              listing("a_b_c", {tool("c")})});
  auto got = named(list);
  REQUIRE(got.size() == 3);
  CHECK(std::is_sorted(got.begin(), got.end()));
  CHECK(std::count(got.begin(), got.end(), "a_b_c=a/b_c") == 1);
}

TEST_CASE("the list is the same in whatever order services list", "[agents]") {
  auto one = make_tool_list({source("a"), source("b")}, {listing("a", {tool("x"), tool("y.z")}),
                                                         listing("b", {tool("x"), tool("w")})});
  auto other = make_tool_list({source("a"), source("b")}, {listing("b", {tool("w"), tool("x")}),
                                                           listing("a", {tool("y.z"), tool("x")})});
  CHECK(to_json(one.tools) == to_json(other.tools));
  CHECK(one.tools.size() == 4);
}

TEST_CASE("without lists only what a trusted service says is read-only is not asked about",
          "[agents]") {
  auto trusted = source("mail");
  trusted.trusted = true;
  auto tools = listing("mail", {tool("read", read_only), tool("send"),
                                tool("undo", R"({"annotations":{"readOnlyHint":"true"}})")});
  CHECK(approvals(make_tool_list({trusted}, {tools}))
        == names{"read allow", "send ask", "undo ask"});
  CHECK(approvals(make_tool_list({source("mail")}, {tools}))
        == names{"read ask", "send ask", "undo ask"});
}

TEST_CASE("lists decide what is offered and asked about", "[agents]") {
  auto mail = source("mail");
  auto tools = listing("mail", {tool("a"), tool("b"), tool("c"), tool("d", read_only)});
  auto of = [&] { return approvals(make_tool_list({mail}, {tools})); };
  mail.allow = {"a"};
  mail.ask = {"b"};
  CHECK(of() == names{"a allow", "b ask"});
  mail.ask = {"a", "b"};
  CHECK(of() == names{"a ask", "b ask"});
  mail.deny = {"a"};
  CHECK(of() == names{"b ask"});
  mail = source("mail");
  mail.deny = {"a"};
  CHECK(of() == names{"b ask", "c ask", "d ask"});
  mail.allow = {"*"};
  mail.ask = {"c"};
  CHECK(of() == names{"b allow", "c ask", "d allow"});
  mail = source("mail");
  mail.deny = {"*"};
  mail.allow = {"b"};
  CHECK(of() == names{"b allow"});
}

TEST_CASE("rules go by the service's name for a tool", "[agents]") {
  auto mail = source("mail");
  mail.allow = {"get.page"};
  auto docs = source("docs");
  docs.deny = {"search"};
  auto list = make_tool_list({mail, docs}, {listing("mail", {tool("get.page"), tool("search")}),
                                            listing("docs", {tool("search"), tool("open")})});
  CHECK(approvals(list) == names{"get.page allow", "open ask"});
}

TEST_CASE("names in the lists that no tool has are noted", "[agents]") {
  auto mail = source("mail");
  mail.deny = {"sent", "*"};
  mail.reads = {"sent"}; // once is enough
  CHECK(make_tool_list({mail}, {listing("mail", {tool("send")})}).notes
        == names{"mail has no tool sent"});
  mail.deny = mail.reads = {};
  mail.return_direct = {"send", "sent"};
  mail.timeouts = {{"send", std::chrono::seconds{1}}, {"post", std::chrono::seconds{1}}};
  CHECK(make_tool_list({mail}, {listing("mail", {tool("send")})}).notes
        == names{"return_direct: mail has no tool sent", "timeouts: mail has no tool post"});
}

TEST_CASE("hints have the defaults of MCP", "[agents]") {
  auto list = make_tool_list(
    {source("mail")},
    {listing("mail",
             {tool("a"), tool("b", R"({"annotations":{"readOnlyHint":true,"destructiveHint":false,
                                      "idempotentHint":true,"openWorldHint":false}})")})});
  REQUIRE(list.tools.size() == 2);
  CHECK(list.tools[0].hints == tool_hints{false, true, false, true});
  CHECK(list.tools[1].hints == tool_hints{true, false, true, false});
}

TEST_CASE("malformed tools are skipped and noted", "[agents]") {
  json::array given{7,
                    json::object{{"name", ""}},
                    json::object{{"name", "bare"}},
                    tool("list", R"({"inputSchema":{"type":"array"}})"),
                    tool("a\u200Bb"),
                    tool(std::string(300, 'x')),
                    tool("good"),
                    tool("good", R"({"description":"another"})")};
  auto list = make_tool_list({source("mail")}, {{"mail", json::object{{"tools", given}}}});
  REQUIRE(named(list) == names{"good=mail/good"});
  CHECK(list.tools[0].as_told.description == "does it");
  REQUIRE(list.notes.size() == 7);
  CHECK(list.notes[0] == "mail: an entry is left out, it is no tool with a name: 7");
  CHECK(std::count(
          list.notes.begin(), list.notes.end(),
          "mail: the tool bare is left out: it has no inputSchema, or one that is nested too deep")
        == 1);
  CHECK(make_tool_list({source("mail")}, {{"mail", json::object{{"tools", 7}}}}).notes
        == names{"mail did not answer with a list of tools"});
}

TEST_CASE("descriptions lose what nobody sees", "[agents]") {
  auto list = make_tool_list(
    {source("mail")}, {listing("mail", {tool("a", R"({"description":"see\n\u0007this\u202E\u200B é",
                        "inputSchema":{"type":"object","description":"a\u0000b","properties":
                          {"description":{"type":"string","title":"x\u2066y"}}}})")})});
  REQUIRE(list.tools.size() == 1);
  CHECK(list.tools[0].as_told.description == "see\nthis é");
  const auto schema = dump(list.tools[0].as_told.schema);
  CHECK(schema.find(R"("description":"ab")") != schema.npos);
  CHECK(schema.find(R"("title":"xy")") != schema.npos);
}

TEST_CASE("tags of plane 14 are stripped, other characters above the first plane are not",
          "[agents]") {
  auto list =
    make_tool_list({source("mail")},
                   {listing("mail", {tool("a", "{\"description\":\"x\U000E0041\U0001F600\"}")})});
  CHECK(list.tools.at(0).as_told.description == "x\U0001F600");
}

TEST_CASE("the list is bounded", "[agents]") {
  tool_bounds bounds;
  bounds.tools = 2;
  auto many = listing("mail", {tool("c"), tool("a"), tool("b")});
  auto list = make_tool_list({source("mail")}, {many}, bounds);
  CHECK(named(list) == names{"a=mail/a", "b=mail/b"});
  REQUIRE(list.notes.size() == 1);
  CHECK(list.notes[0].starts_with("mail: 1 tools are left out"));
  CHECK(list.cut == names{"mail"});

  bounds = {};
  bounds.description_bytes = 4;
  list = make_tool_list({source("mail")},
                        {listing("mail", {tool("a", R"({"description":"aaaé"})")})}, bounds);
  CHECK(list.tools.at(0).as_told.description == "aaa");
  CHECK(list.notes == names{"mail: the description of a is cut"});

  bounds = {};
  bounds.schema_bytes = 20;
  list = make_tool_list(
    {source("mail")},
    {listing("mail", {tool("a"), tool("b", R"({"inputSchema":{"description":"long enough"}})")})},
    bounds);
  CHECK(list.notes == names{"mail: the tool b is left out: its inputSchema is too long"});

  bounds = {};
  bounds.all_bytes = 10;
  CHECK(make_tool_list({source("mail")}, {many}, bounds).tools.size() == 1);
}

TEST_CASE("too many tools are left out of the services that have the most", "[agents]") {
  tool_bounds bounds;
  bounds.tools = 6;
  const auto mail = listing("mail", {tool("d"), tool("a"), tool("c"), tool("b"), tool("e")});
  const auto docs =
    listing("docs", {tool("g"), tool("f"), tool("h"), tool("bad", R"({"inputSchema":7})")});
  const auto own = listing("@functions", {tool("own")});
  const auto all = std::vector{source("mail"), source("docs"), source("@functions")};
  auto list = make_tool_list(all, {mail, docs, own}, bounds);
  CHECK(named(list)
        == names{"a=mail/a", "b=mail/b", "c=mail/c", "f=docs/f", "g=docs/g", "own=@functions/own"});
  CHECK(list.cut == names{"mail", "docs"});
  REQUIRE(list.notes.size() == 3); // and the one of `bad`
  CHECK(list.notes[1].starts_with("mail: 2 tools are left out"));
  CHECK(list.notes[2].starts_with("docs: 1 tools are left out"));

  bounds.tools = 7; // docs are whole now
  list = make_tool_list(all, {mail, docs, own}, bounds);
  CHECK(list.tools.size() == 7);
  CHECK(list.cut == names{"mail"});

  bounds = {};
  bounds.all_bytes = 150; // of more than 50 each
  list = make_tool_list(all, {mail, docs, own}, bounds);
  CHECK(list.cut == names{"mail", "docs"});

  // Long ones count, too: those of others are whole.
  const auto words = R"({"description":")" + std::string(500, 'x') + R"("})";
  const auto wordy = listing("docs", {tool("f", words), tool("g", words), tool("h", words)});
  bounds.all_bytes = 1'200;
  list = make_tool_list(all, {mail, wordy, own}, bounds);
  CHECK(list.cut == names{"docs"});
}

TEST_CASE("notes are bounded", "[agents]") {
  std::vector<json::object> bad(50);
  auto notes = make_tool_list({source("mail")}, {listing("mail", std::move(bad))}).notes;
  REQUIRE(notes.size() == 32);
  CHECK(notes.back() == "and more of this kind");
}

TEST_CASE("a service named twice counts once", "[agents]") {
  auto denied = source("mail");
  denied.deny = {"*"};
  auto list = make_tool_list({denied, source("mail")}, {listing("mail", {tool("a")})});
  CHECK(list.tools.empty());
  CHECK(list.notes == names{"mail is named twice, the first counts"});
}

TEST_CASE("a changed definition has another hash", "[agents]") {
  auto hash = [](std::string_view more) {
    return make_tool_list({source("mail")}, {listing("mail", {tool("a", more)})}).tools.at(0).hash;
  };
  const auto before = hash(R"({"inputSchema":{"type":"object","title":"x"}})");
  CHECK(before.size() == 64);
  CHECK(before == hash(R"({"inputSchema":{"title":"x","type":"object"}})"));
  CHECK(before != hash(R"({"inputSchema":{"title":"y","type":"object"}})"));
  CHECK(before
        != hash(R"({"inputSchema":{"type":"object","title":"x"},"description":"does it now"})"));
  CHECK(before != hash(R"({"inputSchema":{"type":"object","title":"x"},
                    "annotations":{"readOnlyHint":true}})"));
}

TEST_CASE("a list is kept and read back", "[agents]") {
  auto mail = source("mail");
  mail.allow = {"get.page", "*"};
  mail.ask = {"send"};
  auto tools =
    make_tool_list({mail}, {listing("mail", {tool("get.page", read_only), tool("send")})}).tools;
  auto back = tools_from_json(parse_json(dump(to_json(tools))).value());
  REQUIRE(back.has_value());
  CHECK(to_json(*back) == to_json(tools));
  REQUIRE(back->size() == 2);
  CHECK((*back)[0].name == "get.page");
  CHECK((*back)[0].approval == tool_approval::allow);
  CHECK((*back)[0].hints.read_only);
  CHECK((*back)[1].approval == tool_approval::ask);
  CHECK((*back)[1].as_told.schema == tools[1].as_told.schema);
  CHECK((*back)[1].schema == json::object{{"type", "object"}});

  CHECK(tools_from_json(7).error().code == errc::internal);
  CHECK(tools_from_json(json::array{7}).error().code == errc::internal);
  CHECK(tools_from_json(json::array{json::object{{"name", "a b"}}}).error().code == errc::internal);
}
