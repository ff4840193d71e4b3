#include "config/warnings.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace behalf;

namespace {

std::vector<std::string> warned(const std::string& text, const std::string& base = ".") {
  const auto c = parse_config(text, "f.yaml");
  std::vector<std::string> all;
  for (const auto& one : warnings(c.value, c.places, base))
    all.push_back(one.text());
  return all;
}

std::string with_prompt(const std::string& prompt) {
  return "models: { main: { type: openai, model: x } }\nagents:\n  a: { model: main, prompt: '"
         + prompt + "' }\n";
}

} // namespace

TEST_CASE("a mistyped name of the user in a prompt is told", "[config]") {
  const auto found = warned(with_prompt("Help {dispaly_name}, {identity}, {Identity}."));
  REQUIRE(found.size() == 2);
  CHECK(found[0].find("f.yaml:3: agents.a.prompt: {Identity} stays as it is") == 0);
  CHECK(found[1].find("{dispaly_name}") != std::string::npos);
  CHECK(warned(with_prompt("{\"identity\": 1} {} { {x} {display_name} {a long story in braces}"))
          .empty());
  CHECK(warned(with_prompt("{identity")).empty());
}

TEST_CASE("a key that others may read is told", "[config]") {
  const auto file =
    std::filesystem::temp_directory_path() / ("behalf-key-" + std::to_string(::getpid()));
  std::ofstream{file} << "a-key-of-some-length";
  const auto text =
    "models: { main: { type: openai, model: x, key: 'file:" + file.string() + "' } }\n";
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  CHECK(warned(text).size() == 1);
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  CHECK(warned(text).empty());
  std::filesystem::remove(file);
  CHECK(warned(text).empty());
}

TEST_CASE("a short key is told, as answers may hold its text", "[config]") {
  const auto text = [](const std::string& reference) {
    return "models: { main: { type: openai, model: x, key: '" + reference + "' } }\n";
  };
  ::setenv("WARNED_KEY", "test", 1);
  const auto found = warned(text("env:WARNED_KEY"));
  REQUIRE(found.size() == 1);
  CHECK(found[0].starts_with("f.yaml:1: models.main.key: is shorter than 12 characters"));
  CHECK(std::string_view(std::getenv("WARNED_KEY")) == "test"); // the start still finds it
  ::setenv("WARNED_KEY", "twelve-bytes", 1);
  CHECK(warned(text("env:WARNED_KEY")).empty());
  ::unsetenv("WARNED_KEY");
  CHECK(warned(text("env:WARNED_KEY")).empty());
  const auto file =
    std::filesystem::temp_directory_path() / ("behalf-short-" + std::to_string(::getpid()));
  std::ofstream{file} << "test\n";
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  CHECK(warned(text("file:" + file.string())).size() == 1);
  std::filesystem::remove(file);
}

TEST_CASE("a key with a blank in it is told", "[config]") {
  ::setenv("WARNED_KEY", "sk-of-some length", 1);
  const auto found =
    warned("models: { main: { type: openai, model: x, key: 'env:WARNED_KEY' } }\n");
  REQUIRE(found.size() == 1);
  CHECK(found[0].starts_with("f.yaml:1: models.main.key: has a blank in it"));
  ::unsetenv("WARNED_KEY");
}
