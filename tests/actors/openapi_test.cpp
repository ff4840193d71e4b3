#include "actors/endpoints/openapi.hpp"
#include "actors/endpoints/routes.hpp"
#include "tests/support/catch.hpp"

#include <set>

using namespace behalf;

namespace {

std::string named(verb method, std::string_view pattern) {
  return std::string(to_string(method)) + ' ' + std::string(pattern);
}

std::set<std::string> described() {
  std::set<std::string> names;
  for (const auto text : endpoints::openapi_files) {
    auto file = parse_json(text);
    REQUIRE(file);
    for (const auto& [name, value] : object_or_empty(file->as_object(), "operations"))
      CHECK(names.emplace(name).second);
  }
  return names;
}

// Every schema that is named, wherever it stands.
void collect_references(const json::value& in, std::set<std::string>& names) {
  if (in.is_array())
    for (const auto& one : in.get_array())
      collect_references(one, names);
  if (in.is_object())
    for (const auto& [key, one] : in.get_object()) {
      if (key == "$ref")
        names.emplace(one.as_string());
      collect_references(one, names);
    }
}

} // namespace

TEST_CASE("each route says what it takes and answers, and nothing else does", "[openapi]") {
  auto names = described();
  for (const auto& r : endpoints::all_routes().payloads()) {
    INFO(named(r.method, r.pattern) << ": describe it in actors/endpoints/openapi");
    CHECK(names.erase(named(r.method, r.pattern)) == 1);
  }
  CHECK(names == std::set<std::string>{});
}

TEST_CASE("no schema is named that is not there", "[openapi]") {
  const auto document = endpoints::openapi_document();
  std::set<std::string> named;
  collect_references(document, named);
  const auto& schemas = document.at("components").at("schemas").as_object();
  for (const auto& one : named) {
    INFO(one);
    REQUIRE(one.starts_with("#/components/schemas/"));
    CHECK(schemas.contains(one.substr(21)));
  }
}

TEST_CASE("the page for people loads nothing from elsewhere", "[openapi]") {
  const auto page = endpoints::openapi_page();
  for (const auto* loads : {"<script", "<link", "<img", "src=", "http://", "https://", "@import"})
    CHECK(page.find(loads) == page.npos);
  CHECK(page.find("<a href=\"#ThreadCreate\">") != page.npos);
  CHECK(page.find("id=\"ThreadCreate\"") != page.npos);
}
