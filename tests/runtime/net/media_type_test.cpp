#include "runtime/net/media_type.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("a media type is read without its parameters", "[net]") {
  CHECK(media_type("Application/JSON; charset=utf-8") == "application/json");
  CHECK(media_type(" \ttext/html \t;x") == "text/html");
  CHECK(media_type("") == "");
  CHECK(media_type(" ;") == "");
}

TEST_CASE("JSON is application/json and what ends in +json", "[net]") {
  for (const char* json : {"application/json", "application/problem+json;a=b", "text/x+JSON"})
    CHECK(is_json_type(json));
  for (const char* other : {"", "text/json", "application/jsonl", "text/plain +json",
                            "text/plain,a/b+json", "text/plain; a/b+json"})
    CHECK_FALSE(is_json_type(other));
}
